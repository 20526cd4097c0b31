import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TrustedProxies } from './trusted.ts';

const SOCKETS: [what: string, networks: string[], address: string | undefined, trusted: boolean][] = [
  ['nobody by default', [], '127.0.0.1', false],
  ['an address', ['192.0.2.1'], '192.0.2.1', true],
  ['not its neighbour', ['192.0.2.1'], '192.0.2.2', false],
  ['a network', ['10.0.0.0/8'], '10.200.1.1', true],
  ['IPv4 in IPv6 dress', ['10.0.0.0/8'], '::ffff:10.200.1.1', true],
  ['an IPv6 network', ['2001:db8::/32'], '2001:db8:1::1', true],
  ['IPv6 is no IPv4', ['0.0.0.0/0'], '2001:db8::1', false],
  ['a socket that is gone', ['0.0.0.0/0', '::/0'], undefined, false],
  ['unix, on a TCP listener', ['unix'], undefined, false],
];

/** Behind 127.0.0.1 and 10.0.0.0/8; what comes from elsewhere is hostile. */
const CLIENTS: [what: string, peer: string, headers: IncomingHttpHeaders, client: string][] = [
  ['nothing said', '127.0.0.1', {}, '127.0.0.1'],
  ['one proxy', '127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }, '203.0.113.9'],
  ['two proxies', '127.0.0.1', { 'x-forwarded-for': '203.0.113.9, 10.1.1.1' }, '203.0.113.9'],
  ['what the client made up', '127.0.0.1', { 'x-forwarded-for': '1.2.3.4, 203.0.113.9' }, '203.0.113.9'],
  ['all are proxies', '127.0.0.1', { 'x-forwarded-for': '10.1.1.2, 10.1.1.1' }, '10.1.1.2'],
  ['no address', '127.0.0.1', { 'x-forwarded-for': '<script>' }, '127.0.0.1'],
  ['no address behind a proxy', '127.0.0.1', { 'x-forwarded-for': 'unknown, 10.1.1.1' }, '10.1.1.1'],
  ['with a port', '127.0.0.1', { 'x-forwarded-for': '203.0.113.9:8080' }, '203.0.113.9'],
  ['IPv6 with a port', '127.0.0.1', { 'x-forwarded-for': '[2001:db8::1]:8080' }, '2001:db8::1'],
  ['Forwarded', '127.0.0.1', { forwarded: 'for=203.0.113.9;proto=https;by=10.1.1.1' }, '203.0.113.9'],
  ['Forwarded, IPv6', '127.0.0.1', { forwarded: 'For="[2001:db8::1]:4711"' }, '2001:db8::1'],
  ['Forwarded, two', '127.0.0.1', { forwarded: 'for=203.0.113.9, for=10.1.1.1' }, '203.0.113.9'],
  [
    "Forwarded: a client's open quote swallows what a proxy appends",
    '127.0.0.1',
    { forwarded: 'for=6.6.6.6;x=", for="[2001:db8::1]"' },
    '127.0.0.1',
  ],
  ['Forwarded, malformed: it is absent', '127.0.0.1', { forwarded: 'for=6.6.6.6;x' }, '127.0.0.1'],
  [
    'Forwarded, a name inside of a text',
    '127.0.0.1',
    { forwarded: 'x="for=6.6.6.6";for=203.0.113.9' },
    '203.0.113.9',
  ],
  ['Forwarded, twice in one element', '127.0.0.1', { forwarded: 'for=6.6.6.6;for=203.0.113.9' }, '127.0.0.1'],
  [
    'Forwarded, escaped',
    '127.0.0.1',
    { forwarded: 'x="\\", for=6.6.6.6";for="203.0.113.\\9"' },
    '203.0.113.9',
  ],
  ['Forwarded, empty elements', '127.0.0.1', { forwarded: ' , for=203.0.113.9 ; , ' }, '203.0.113.9'],
  [
    'Forwarded, long before the nearest',
    '127.0.0.1',
    { forwarded: `${'for=6.6.6.6, '.repeat(500)}for=203.0.113.9` },
    '203.0.113.9',
  ],
  [
    'long before the nearest',
    '127.0.0.1',
    { 'x-forwarded-for': `${'1'.repeat(2100)}, 203.0.113.9` },
    '203.0.113.9',
  ],
  [
    'long: nothing that is cut counts',
    '127.0.0.1',
    { 'x-forwarded-for': `16.6.6.6${', 10.1.1.1'.repeat(204)} ` },
    '10.1.1.1',
  ],
  ['long, without any comma', '127.0.0.1', { 'x-forwarded-for': '1'.repeat(2100) }, '127.0.0.1'],
  ['Forwarded, hidden', '127.0.0.1', { forwarded: 'for=_secret' }, '127.0.0.1'],
  [
    'both, the same',
    '127.0.0.1',
    { forwarded: 'for=203.0.113.9', 'x-forwarded-for': '203.0.113.9' },
    '203.0.113.9',
  ],
  [
    'both, and they differ: one is made up',
    '127.0.0.1',
    { forwarded: 'for=1.2.3.4', 'x-forwarded-for': '203.0.113.9' },
    '127.0.0.1',
  ],
  ['from no proxy', '203.0.113.1', { 'x-forwarded-for': '1.2.3.4' }, '203.0.113.1'],
];

const ORIGINS: [
  what: string,
  peer: string,
  headers: IncomingHttpHeaders,
  proto: string,
  host: string | undefined,
][] = [
  ['its own', '127.0.0.1', { host: 'a.example:3000' }, 'http', 'a.example:3000'],
  ['HTTP/2', '127.0.0.1', { ':authority': 'a.example' }, 'http', 'a.example'],
  [
    'forwarded',
    '127.0.0.1',
    { host: 'internal', 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' },
    'https',
    'a.example',
  ],
  [
    'Forwarded',
    '127.0.0.1',
    { host: 'internal', forwarded: 'host=a.example;proto=https' },
    'https',
    'a.example',
  ],
  [
    'from no proxy',
    '192.0.2.1',
    { host: 'b', 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' },
    'http',
    'b',
  ],
  ['hostile host', '127.0.0.1', { host: 'a.example\u0001; rm -rf /' }, 'http', undefined],
  ['hostile scheme', '127.0.0.1', { host: 'a', 'x-forwarded-proto': 'javascript' }, 'http', 'a'],
];

describe('trusted proxies', () => {
  for (const [what, networks, address, trusted] of SOCKETS)
    it(`trusts: ${what}`, () => assert.equal(new TrustedProxies(networks).trusts(address), trusted));

  it('trusts whoever comes by a unix socket, where it says so', () => {
    assert.equal(new TrustedProxies(['unix'], true).trusts(undefined), true);
    assert.equal(new TrustedProxies(['127.0.0.1'], true).trusts(undefined), false);
  });

  const proxies = new TrustedProxies(['127.0.0.1', '10.0.0.0/8']);
  for (const [what, remoteAddress, headers, client] of CLIENTS)
    it(`client: ${what}`, () =>
      assert.equal(proxies.clientOf({ socket: { remoteAddress }, headers }), client));

  for (const [what, remoteAddress, headers, proto, host] of ORIGINS) {
    it(`origin: ${what}`, () => {
      const origin = proxies.originOf({ socket: { remoteAddress }, headers }, false);
      assert.deepEqual([origin.proto, origin.host], [proto, host]);
    });
  }

  it('never gives anything but an address, whatever the headers hold', () => {
    const header = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.array(fc.ipV4(), { maxLength: 5 }).map((all) => all.join(', ')),
    );
    fc.assert(
      fc.property(header, header, (forwarded, told) => {
        const headers = { forwarded, 'x-forwarded-for': told };
        const client = proxies.clientOf({ socket: { remoteAddress: '127.0.0.1' }, headers });
        assert.match(client, /^[0-9a-fA-F.:]+(?:%[\w.:-]+)?$/);
      }),
    );
  });
});
