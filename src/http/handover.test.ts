import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handover } from './handover.ts';

const FILE = '/data/tree/example.com/!upper/@v/v1.0.0+incompatible.zip';
const KEY = 'example.com/!upper/@v/v1.0.0+incompatible.zip';
const ACCEL = 'X-Accel-Redirect';

describe('handover', () => {
  const ROWS: [
    type: string | undefined,
    mapping: string | undefined,
    file: string,
    expected: string | undefined,
  ][] = [
    [ACCEL, '/data/tree/=/internal/', FILE, `X-Accel-Redirect: /internal/${KEY}`],
    [ACCEL, '/data/tree/=/', FILE, `X-Accel-Redirect: /${KEY}`],
    [ACCEL, '/other/=/a/, /data/=/b/', FILE, `X-Accel-Redirect: /b/tree/${KEY}`],
    [ACCEL, '/a=b/tree/=/t/', '/a=b/tree/x.zip', 'X-Accel-Redirect: /t/x.zip'],
    [ACCEL, '/data/tree/=/t/', '/data/tree/a b?c#d%.zip', 'X-Accel-Redirect: /t/a%20b%3Fc%23d%25.zip'],
    ['X-Sendfile', undefined, FILE, `X-Sendfile: ${FILE}`],
    ['X-Sendfile', undefined, '/däta/x', 'X-Sendfile: /d%C3%A4ta/x'],
    [ACCEL, undefined, FILE, undefined],
    [ACCEL, '', FILE, undefined],
    [ACCEL, '=/internal/', FILE, undefined],
    [ACCEL, '/data/tree=/internal/', FILE, undefined],
    [ACCEL, '/data/tre/=/internal/', FILE, undefined],
    [ACCEL, '/data/tree/=internal/', FILE, undefined],
    [ACCEL, '/data/tree/=/a b/', FILE, undefined],
    ['x-accel-redirect', '/data/tree/=/internal/', FILE, undefined],
    ['X-Other', undefined, FILE, undefined],
    [undefined, '/data/tree/=/internal/', FILE, undefined],
  ];
  for (const [type, mapping, file, expected] of ROWS)
    it(`${type} ${mapping} ${file} → ${expected}`, () => {
      const headers = { 'x-sendfile-type': type, 'x-accel-mapping': mapping };
      assert.equal(handover(headers, file)?.join(': '), expected);
    });
});
