import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type Code, ModgateError } from '../errors/index.ts';
import { bodyError, readBody, skim } from './body.ts';
import { TimeLimit } from './fault.ts';
import { durationText, graphic, quotedLines, urlText } from './text.ts';

const system = (code: string) => Object.assign(new Error(code), { code });

test('bodyError names a fault', async (t) => {
  const rows: readonly [unknown, Code, RegExp][] = [
    [new ModgateError('DISK_FULL', 'as it is'), 'DISK_FULL', /^as it is$/],
    [new ModgateError('INTERNAL', 'as it is'), 'INTERNAL', /^as it is$/],
    [system('ENOSPC'), 'DISK_FULL', /disk/],
    [new DOMException('', 'AbortError'), 'CANCELED', /canceled/],
    [
      system('ECONNRESET'),
      'UPSTREAM_UNREACHABLE',
      /^source "corp": connection reset in the middle of the answer/,
    ],
    [system('ERR_STREAM_PREMATURE_CLOSE'), 'UPSTREAM_UNREACHABLE', /PREMATURE_CLOSE\) \(http:\/\/x\/\)$/],
    [new TimeLimit('idle', 1500), 'UPSTREAM_TIMEOUT', /no byte within 1\.5 s/],
    ['a string', 'UPSTREAM_UNREACHABLE', /the request failed/],
  ];
  for (const [error, code, message] of rows) {
    await t.test(String(error), () => {
      const named = bodyError(error, 'corp', 'http://x/');
      assert.equal(named.code, code);
      assert.match(named.message, message);
    });
  }
});

test('readBody of any stream', async () => {
  const answer = (body: Readable) => ({
    status: 200 as const,
    headers: {},
    body,
    length: undefined,
    links: {},
    url: 'http://x/',
    source: 'corp',
  });
  const parts = [Buffer.from('ab'), Buffer.from('c')];
  assert.equal((await readBody(answer(Readable.from(parts)), 3)).toString(), 'abc');
  assert.equal((await readBody(answer(Readable.from([])), 0)).length, 0);
  const body = Readable.from(parts);
  await assert.rejects(readBody(answer(body), 2), { code: 'UPSTREAM_BAD_ANSWER', source: 'corp' });
  assert.equal(body.destroyed, true);
});

test('skim keeps the first bytes and never fails', async () => {
  const pieces = (count: number) =>
    Readable.from(Array.from({ length: count }, () => Buffer.alloc(1000, 'x')));
  assert.equal((await skim(pieces(3), 1500)).length, 1500);
  assert.equal((await skim(pieces(3), 0)).length, 0);
  const long = pieces(1000);
  assert.equal((await skim(long, 10)).length, 10);
  assert.equal(long.readableEnded, false);
  const broken = new Readable({ read: () => void broken.destroy(new Error('no')) });
  broken.on('error', () => {});
  assert.equal((await skim(broken, 10)).length, 0);
  assert.equal((await skim(broken, 10)).length, 0);
});

test('texts', () => {
  assert.equal(urlText(new URL('https://u:p@a.example:8443/x?sig=1#f')), 'https://a.example:8443/x?…');
  assert.equal(urlText(new URL('https://a.example')), 'https://a.example/');
  assert.deepEqual([0, 250, 999.6, 1000, 1500, 600_000].map(durationText), [
    '0 ms',
    '250 ms',
    '1000 ms',
    '1 s',
    '1.5 s',
    '600 s',
  ]);
  assert.equal(graphic('a\u0000\u001b[1m\t b\u202e'), 'a [1m b');
  assert.deepEqual(quotedLines(Buffer.from('\r\n a\n\n\u0007\nb\nc')), ['a', 'b']);
  assert.deepEqual(quotedLines(Buffer.from([0xff, 0x41])), ['\ufffdA']);
  assert.deepEqual(quotedLines(Buffer.from('got s3cret, Bearer s3cret'), ['Bearer s3cret', 's3cret']), [
    'got [secret], [secret]',
  ]);
});
