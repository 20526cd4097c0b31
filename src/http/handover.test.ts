import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Sendfile } from '../config/index.ts';
import { Handover } from './handover.ts';
import { TrustedProxies } from './trusted.ts';

const TREE = '/data/tree';
const KEY = 'example.com/!upper/@v/v1.0.0+incompatible.zip';
const FILE = `${TREE}/${KEY}`;
const ACCEL: Sendfile = { type: 'x-accel-redirect', prefix: '/_modgate_tree/' };
const SENDFILE: Sendfile = { type: 'x-sendfile' };
const THROUGH = { 'x-forwarded-for': '192.0.2.1' };
const PROXY = '127.0.0.1';

describe('Handover', () => {
  const ROWS: [
    what: string,
    sendfile: Sendfile,
    peer: string | undefined,
    headers: Record<string, string>,
    expected: string | undefined,
  ][] = [
    ['off', { type: 'off' }, PROXY, THROUGH, undefined],
    ['nginx', ACCEL, PROXY, THROUGH, `X-Accel-Redirect: /_modgate_tree/${KEY}`],
    ['a unix socket', ACCEL, undefined, THROUGH, `X-Accel-Redirect: /_modgate_tree/${KEY}`],
    ['Apache', SENDFILE, PROXY, THROUGH, `X-Sendfile: ${FILE}`],
    ['by Forwarded', SENDFILE, PROXY, { forwarded: 'for=192.0.2.1' }, `X-Sendfile: ${FILE}`],
    ['a go command on the machine of the proxy', ACCEL, PROXY, {}, undefined],
    ['a stranger', ACCEL, '192.0.2.9', THROUGH, undefined],
    ['off by the request', ACCEL, PROXY, { ...THROUGH, 'x-modgate-sendfile': 'off' }, undefined],
    ['nothing else by the request', ACCEL, PROXY, { ...THROUGH, 'x-modgate-sendfile': 'on' }, undefined],
    [
      'a proxy that was set up for this',
      ACCEL,
      PROXY,
      { ...THROUGH, 'x-modgate-sendfile': 'x-accel-redirect:/_modgate_tree/' },
      `X-Accel-Redirect: /_modgate_tree/${KEY}`,
    ],
    [
      'a proxy that was set up for another path',
      ACCEL,
      PROXY,
      { ...THROUGH, 'x-modgate-sendfile': 'x-accel-redirect:/before/' },
      undefined,
    ],
    [
      'a proxy that was set up for another header',
      ACCEL,
      PROXY,
      { ...THROUGH, 'x-modgate-sendfile': 'x-sendfile' },
      undefined,
    ],
    [
      'what Rack::Sendfile knows means nothing',
      { type: 'off' },
      PROXY,
      { ...THROUGH, 'x-sendfile-type': 'X-Accel-Redirect', 'x-accel-mapping': '/data/tree/=/secret/' },
      undefined,
    ],
    [
      'nor does it change what is configured',
      ACCEL,
      PROXY,
      { ...THROUGH, 'x-sendfile-type': 'X-Sendfile', 'x-accel-mapping': '/data/tree/=/secret/' },
      `X-Accel-Redirect: /_modgate_tree/${KEY}`,
    ],
  ];
  const trusted = new TrustedProxies([PROXY, 'unix'], true);
  for (const [what, sendfile, remoteAddress, headers, expected] of ROWS)
    it(`${what}: ${expected ?? 'bytes'}`, () => {
      const found = new Handover(sendfile, TREE, trusted).headerFor(
        { socket: { remoteAddress }, headers },
        FILE,
      );
      assert.equal(found?.join(': '), expected);
    });

  const FILES: [
    tree: string,
    file: string | undefined,
    accel: string | undefined,
    sendfile: string | undefined,
  ][] = [
    ['/a,b=c/tree', '/a,b=c/tree/x.zip', '/_modgate_tree/x.zip', '/a,b=c/tree/x.zip'],
    [
      '/däta/tree',
      '/däta/tree/a b?c#d%.zip',
      '/_modgate_tree/a%20b%3Fc%23d%25.zip',
      '/d\xc3\xa4ta/tree/a b?c#d%.zip',
    ],
    ['/data/tre', '/data/tree/x.zip', undefined, '/data/tree/x.zip'],
    ['/a\nb/tree', '/a\nb/tree/x.zip', '/_modgate_tree/x.zip', undefined],
    ['/data/tree', undefined, undefined, undefined],
  ];
  for (const [tree, file, accel, sendfile] of FILES)
    it(`${file} in ${tree}`, () => {
      const req = { socket: { remoteAddress: PROXY }, headers: THROUGH };
      assert.equal(new Handover(ACCEL, tree, trusted).headerFor(req, file)?.[1], accel);
      assert.equal(new Handover(SENDFILE, tree, trusted).headerFor(req, file)?.[1], sendfile);
    });
});
