import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { ownPlatform, readPlatforms, toolchainModules, toolchainNamed } from './toolchains.ts';

const TABLE: readonly [go: string | undefined, toolchain: string | undefined, name: string | undefined][] = [
  [undefined, undefined, undefined],
  ['1.16', undefined, undefined],
  ['1.20', 'default', undefined],
  ['1.21', undefined, 'go1.21.0'],
  ['1.21.3', undefined, 'go1.21.3'],
  ['1.21rc2', undefined, 'go1.21rc2'],
  ['1.21', 'go1.21rc2', 'go1.21rc2'],
  ['1.21.0', 'go1.21rc2', 'go1.21.0'],
  ['1.20', 'go1.22.1', 'go1.22.1'],
  ['1.21.9', 'go1.21.10', 'go1.21.10'],
  ['1.23.0', 'go1.22.9', 'go1.23.0'],
  ['1.21', 'go1.22.1-corp', 'go1.22.1'],
];
for (const [go, toolchain, name] of TABLE) {
  test(`go ${go}, toolchain ${toolchain}: ${name ?? 'any'}`, () =>
    assert.equal(toolchainNamed(go, toolchain), name));
}

test('one module for each platform', () => {
  const modules = toolchainModules('go1.22.0', readPlatforms('linux/amd64, darwin/arm64'));
  assert.deepEqual(
    modules.map(({ path, version }) => `${path}@${version}`),
    ['golang.org/toolchain@v0.0.1-go1.22.0.linux-amd64', 'golang.org/toolchain@v0.0.1-go1.22.0.darwin-arm64'],
  );
});

for (const list of ['', 'linux', 'linux/amd64,', 'linux-amd64', '../..', 'Linux/amd64']) {
  test(`no list of platforms: ${JSON.stringify(list)}`, () =>
    assert.throws(
      () => readPlatforms(list),
      (thrown) => thrown instanceof ModgateError && thrown.code === 'USAGE',
    ));
}

test("this machine's own platform is one", () =>
  assert.deepEqual(readPlatforms(ownPlatform()), [ownPlatform()]));
