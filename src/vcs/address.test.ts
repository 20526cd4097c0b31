import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { addressUrl, parseAddress } from './address.ts';

const ALLOWED: [text: string, url: string][] = [
  ['https://a.example/x/y.git', 'https://a.example/x/y.git'],
  ['https://A.Example/x/', 'https://a.example/x'],
  ['https://a.example:443/x', 'https://a.example/x'],
  ['https://a.example:8443/x', 'https://a.example:8443/x'],
  ['https://user@a.example/x', 'https://a.example/x'],
  ['https://a.example/x/../y', 'https://a.example/y'],
  ['http://[::1]:80/x', 'http://[::1]/x'],
  ['ssh://git@a.example/x', 'ssh://git@a.example/x'],
  ['ssh://git@a.example:2222/~me/lib.git', 'ssh://git@a.example:2222/~me/lib.git'],
  ['ssh://A.Example:2222/x', 'ssh://a.example:2222/x'],
  ['git+ssh://git@a.example/x', 'ssh://git@a.example/x'],
  ['git@a.example:x/y.git', 'ssh://git@a.example/x/y.git'],
  ['a.example:x/y.git', 'ssh://a.example/x/y.git'],
];

for (const [text, url] of ALLOWED) {
  test(`${text} is ${url}`, () => {
    const remote = parseAddress(text);
    assert.equal(addressUrl(remote, remote.user), url);
  });
}

const REFUSED = [
  '',
  '/srv/git/x',
  '../x',
  'file:///srv/git/x',
  'ext::sh -c id',
  'ext::id',
  'git://a.example/x',
  'ftp://a.example/x',
  'https://',
  'https://a.example',
  'https://a.example/',
  'https://user:hunter2@a.example/x',
  'https://a.example/x?y',
  'https://a.example/x#y',
  'https://a.example/x%2fy',
  'https://a.example/x%5Cy',
  'https://a.example/x%0ay',
  'https://a.example/x\ny',
  'https://a.example/x y',
  'https://a.example/\\x',
  'https://a.example/\u202ex',
  'https://é.example/x',
  'https://-oProxyCommand=id/x',
  '--upload-pack=id',
  'ssh://-oProxyCommand=id/x',
  'ssh://-oProxyCommand=id@a.example/x',
  'ssh://%2doProxyCommand=id@a.example/x',
  'ssh://git:hunter2@a.example/x',
  'ssh://a.example/-x',
  'ssh://a.example;id/x',
  'ssh://$(id)/x',
  '-oProxyCommand=id:x',
  '-x@a.example:x',
  'a.example:-x',
  `https://a.example/${'x'.repeat(3000)}`,
];

for (const text of REFUSED) {
  test(`refused: ${JSON.stringify(text.slice(0, 60))}`, () => {
    assert.throws(
      () => parseAddress(text),
      (error) => {
        assert.ok(error instanceof ModgateError && error.code === 'VCS_REFUSED', String(error));
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
}

test('fuzz: what is let through has no part that git, ssh or a shell could take for something else', () => {
  const links = [
    'https://',
    'ssh://',
    'http://',
    'git@',
    '-',
    'a.example',
    ':',
    '22',
    '/',
    '..',
    '%2d',
    '%',
    '@',
  ];
  const foes = [
    ' ',
    '"',
    "'",
    '$',
    '`',
    ';',
    '\\',
    '\n',
    '\0',
    '[',
    '::1',
    ']',
    '~',
    '*',
    'x.git',
    'é',
    '-o',
  ];
  const piece = fc.constantFrom(...links, ...foes);
  const text = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((all) => all.join('')),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (one) => {
      let remote: ReturnType<typeof parseAddress>;
      try {
        remote = parseAddress(one);
      } catch (error) {
        assert.ok(error instanceof ModgateError && error.code === 'VCS_REFUSED', String(error));
        return;
      }
      assert.match(remote.host, /^[a-z0-9_[][a-z0-9_.:\]-]*$/);
      assert.match(remote.user ?? 'git', /^[A-Za-z0-9_][A-Za-z0-9._-]*$/);
      assert.match(addressUrl(remote, remote.user), /^(?:https?|ssh):\/\/[^\s\p{Cc}\\]+$/u);
      assert.doesNotMatch(remote.path, /^-|^$/);
      assert.deepEqual(parseAddress(addressUrl(remote, remote.user)), remote);
    }),
    { numRuns: 2000 * Number(process.env.MODGATE_TEST_FUZZ ?? 1) },
  );
});
