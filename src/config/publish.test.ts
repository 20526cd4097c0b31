import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { SETTING_FLAGS } from './index.ts';
import { faults, load } from './load-folder.test.kit.ts';
import { printConfig } from './print.ts';

const TOKEN = 'a-token-of-the-tests-0123456789';
const ROUTE = 'routes: [{ match: corp.example, chain: published }]\n';

test('the token comes from a variable, a file, or MODGATE_PUBLISH_TOKEN, and no flag has it', () => {
  const revealed = (yaml: string, env: Record<string, string> = {}) =>
    load(ROUTE + yaml, { env }).config.publish.token?.reveal();
  assert.equal(revealed(''), undefined);
  assert.equal(revealed('publish: { token: { env: CORP } }', { CORP: TOKEN }), TOKEN);
  assert.equal(revealed('', { MODGATE_PUBLISH_TOKEN: TOKEN }), TOKEN);
  assert.equal(
    revealed('publish: { token: { env: CORP } }', { CORP: 'x', MODGATE_PUBLISH_TOKEN: TOKEN }),
    TOKEN,
  );
  assert.equal(SETTING_FLAGS.has('publish-token'), false);
});

test('nothing shows the token, and the variable brings no warning', () => {
  const { config, origins, warnings } = load(ROUTE, { env: { MODGATE_PUBLISH_TOKEN: TOKEN } });
  const shown = [printConfig(config, origins), inspect(config, { depth: 9 }), JSON.stringify([...origins])];
  for (const text of shown) assert.doesNotMatch(text, /a-token/);
  assert.match(printConfig(config, origins), /token: "?\[secret\]"? +# MODGATE_PUBLISH_TOKEN/);
  assert.deepEqual(warnings, []);
});

const FAULTS: readonly (readonly [yaml: string, env: Record<string, string>, expected: RegExp])[] = [
  ['publish: { token: { env: CORP } }', { CORP: 'short' }, /the token needs at least 16 characters/],
  ['publish: { token: { env: CORP } }', {}, /the variable CORP is not set/],
  ['publish: { tokens: x }', {}, /unknown key "tokens"; did you mean "token"/],
  ['sources: { published: { url: https://a.example } }', {}, /"published" is not a name for a source/],
];
for (const [yaml, env, expected] of FAULTS)
  test(`fault of ${yaml}`, () => {
    assert.match(faults(() => load(yaml, { env })).join('\n'), expected);
  });

test('a token that no route can be used with brings a warning', () => {
  const { warnings } = load('publish: { token: { env: CORP } }', { env: { CORP: TOKEN } });
  assert.match(warnings.join('\n'), /no route has "published" in its chain/);
});

test('a variable wins over the file, as everywhere; alone it is that of modgate publish', () => {
  const both = load('publish: { token: { env: CORP } }', {
    env: { CORP: 'another-token-of-the-tests', MODGATE_PUBLISH_TOKEN: TOKEN },
  });
  assert.equal(both.config.publish.token?.reveal(), TOKEN);
  assert.match(both.warnings.join('\n'), /no route has "published" in its chain/);
  assert.deepEqual(load('', { env: { MODGATE_PUBLISH_TOKEN: TOKEN } }).warnings, []);
});

test('published may stand anywhere in a chain', () => {
  for (const chain of ['published', 'published,direct', 'https://a.example|published,off']) {
    const { config } = load(`chain: "${chain}"\n`);
    assert.match(config.routes[0]?.chain ?? '', /published/);
  }
});

const PRIVACY: readonly (readonly [route: string, isPrivate: boolean, warnings: readonly RegExp[]])[] = [
  ['match: corp.example, chain: published', true, []],
  ['match: corp.example, chain: "published,off"', true, []],
  ['match: corp.example, chain: published, private: false', false, []],
  ['match: "corp.example/*", chain: published', true, [/the go command also asks for corp\.example itself/]],
  ['match: corp.example, chain: "published,direct"', false, [/learn the names of what is published here/]],
  ['match: corp.example, chain: "published,direct", private: false', false, []],
  ['match: corp.example, chain: "published,direct", private: true', true, []],
  ['match: corp.example, chain: off', false, []],
];
for (const [route, isPrivate, expected] of PRIVACY)
  test(`a route with ${route} is ${isPrivate ? 'private' : 'open'}, with ${expected.length} warnings`, () => {
    const { config, warnings } = load(`routes: [{ ${route} }]\n`);
    assert.equal(config.routes[0]?.isPrivate, isPrivate);
    assert.equal(warnings.length, expected.length, warnings.join('\n'));
    for (const [i, pattern] of expected.entries()) assert.match(warnings[i] ?? '', pattern);
  });
