import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { nearnessOf, nearnessOfHost } from './nearness.ts';
import { parseNetrc } from './netrc.ts';
import { ProxyEnvironment, parseProxy } from './proxy-env.ts';
import { Redirects } from './redirects.ts';
import { parseRetryAfter } from './status.ts';
import { quotedLines } from './text.ts';

const RUNS = 2000 * Number(process.env.MODGATE_TEST_FUZZ ?? 1);

const pieces = (...list: string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...list), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 14 })
    .map((all) => all.join(''));

test('fuzz: a Location is followed to http or https, or is a named fault', () => {
  const text = pieces(
    'http:',
    'https:',
    'file:',
    '//',
    '/',
    '..',
    '@',
    ':',
    '[::1]',
    '%2e',
    '\\',
    '?',
    '#',
    '127.1',
    'x',
    '\r\n',
    ' ',
  );
  const property = fc.property(text, (location) => {
    try {
      const next = new Redirects('corp', new URL('http://a.example/b')).follow(location);
      assert.match(next.protocol, /^https?:$/);
      assert.equal(next.username + next.password + next.hash, '');
    } catch (error) {
      assert.ok(error instanceof ModgateError, String(error));
      assert.match(error.code, /^UPSTREAM_/);
      assert.doesNotMatch(error.message, /[\r\n]/);
    }
  });
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: whatever an address is, it has one nearness; an IPv4 address has the same in IPv6 dress', () => {
  fc.assert(
    fc.property(pieces('127.', '0', '::', 'ffff:', '[', ']', '%eth0', 'a.b', '.'), (text) => {
      assert.ok([0, 1, 2, 3].includes(nearnessOf(text)));
      assert.ok([0, 1, 2, 3].includes(nearnessOfHost(text)));
    }),
    { numRuns: RUNS },
  );
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV6(), (four, six) => {
      assert.equal(nearnessOf(`::ffff:${four}`), nearnessOf(four), four);
      assert.equal(nearnessOf(`64:ff9b::${four}`), nearnessOf(four), four);
      assert.equal(nearnessOf(six), nearnessOfHost(new URL(`http://[${six}]/`).hostname), six);
    }),
    { numRuns: RUNS },
  );
});

test('fuzz: Retry-After is a bounded number of seconds or nothing', () => {
  const text = pieces(
    '0',
    '1',
    '-',
    '+',
    '.',
    'e',
    '99999',
    'Thu, 01 Jan 1970 00:00:00 GMT',
    'NaN',
    'Infinity',
    ' ',
  );
  const property = fc.property(text, (header) => {
    const seconds = parseRetryAfter(header, 0);
    assert.ok(seconds === undefined || (Number.isFinite(seconds) && seconds >= 0), `${header}: ${seconds}`);
  });
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: a netrc file gives entries with a login and a password', () => {
  const text = pieces(
    'machine',
    'default',
    'login',
    'password',
    'account',
    'macdef',
    ' ',
    '\n',
    '\t',
    '#',
    '"',
    'x.example',
  );
  const property = fc.property(text, (file) => {
    for (const { login, password } of parseNetrc(file))
      assert.deepEqual([typeof login, typeof password], ['string', 'string']);
  });
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: the environment of proxies gives a URL, nothing, or that it cannot be used', () => {
  const text = pieces(
    'http://',
    'https://',
    'socks5://',
    'x',
    ':',
    '@',
    '80',
    '99999',
    '[',
    ']',
    '*',
    '.',
    ',',
    '/8',
    '10.0.0.0',
    ' ',
  );
  const property = fc.property(text, text, (proxy, none) => {
    const parsed = parseProxy(proxy);
    assert.ok(parsed === undefined || parsed === 'unusable' || /^https?:$/.test(parsed.protocol));
    const environment = new ProxyEnvironment({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: none });
    for (const url of ['http://a.example:8080/', 'https://[::1]/', 'http://10.1.2.3/'])
      environment.choose(new URL(url));
  });
  fc.assert(property, { numRuns: RUNS });
});

test('fuzz: foreign text is shown in two graphic lines at most', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
    const lines = quotedLines(bytes, ['secret']);
    assert.ok(lines.length <= 2);
    for (const line of lines) assert.match(line, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,200}$/u);
  });
  fc.assert(property, { numRuns: RUNS });
});
