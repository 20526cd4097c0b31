/** The module graph that prefetch reads, held to what the real go command reads of the same modules. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FillBench } from '../kit/fill.ts';
import { Fixture, type FixtureModule } from '../kit/fixture.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { Upstream } from '../kit/upstream.ts';

/** A generator of numbers that are the same in each run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

const MODULES = 9;
const VERSIONS = 4;
const TIME = '2024-03-05T06:07:08Z';
const pathOf = (n: number) => `m${n}.test/mod`;

/** Modules that require each other at random, cycles included, below and above go 1.17. */
function randomModules(below: (n: number) => number): FixtureModule[] {
  return Array.from({ length: MODULES }, (_, n) => ({
    path: pathOf(n),
    versions: Array.from({ length: VERSIONS }, (__, v) => {
      const requires = randomRequires(below, 3, n);
      const go = ['', 'go 1.16\n', 'go 1.17\n', 'go 1.20\n'][below(4)] ?? '';
      return {
        version: `v1.${v}.0`,
        time: TIME,
        files: { 'go.mod': `module ${pathOf(n)}\n\n${go}${requires}`, 'm.go': 'package mod\n' },
      };
    }),
  }));
}

function randomRequires(below: (n: number) => number, most: number, self: number): string {
  const others = new Set(Array.from({ length: below(most + 1) }, () => below(MODULES)));
  others.delete(self);
  return [...others].map((n) => `require ${pathOf(n)} v1.${below(VERSIONS)}.0\n`).join('');
}

interface Scene {
  readonly bench: FillBench;
  readonly go: Go;
}

async function scene(t: TestContext, below: (n: number) => number): Promise<Scene> {
  const upstream = await Upstream.start(new Fixture(randomModules(below)));
  t.after(() => upstream.close());
  const go = new Go();
  t.after(() => go.remove());
  return { bench: new FillBench(t, upstream), go };
}

/** Zips and go.mod files in a folder of the layout of a proxy. */
function held(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.(?:zip|mod)$/.test(name)).sort();
}

/** What the go command fetches for the whole build list, with an empty module cache. */
async function goHolds(
  { bench, go }: Scene,
  cwd: string,
  env: Record<string, string> = {},
): Promise<string[]> {
  const options = { proxy: bench.upstream.url, cwd, env };
  const run = await go.run(['mod', 'download', 'all'], options);
  assert.equal(run.code, 0, run.stderr);
  return held(path.join(go.modcache, 'cache/download'));
}

async function prefetchHolds({ bench }: Scene, file: string): Promise<string[]> {
  const run = await bench.run('prefetch', '--no-sumdb', file);
  assert.equal(run.code, 0, run.stderr);
  return held(bench.tree);
}

describe('the same files as the go command', { skip: withoutGo }, () => {
  for (let seed = 1; seed <= 12; seed++) {
    test(`one module, graph ${seed}`, async (t) => {
      const below = numbers(seed);
      const found = await scene(t, below);
      const { bench, go } = found;
      const replaced = below(MODULES);
      const goMod = [
        'module main.test\n\n',
        `go ${seed % 3 === 0 ? '1.16' : '1.20'}\n`,
        randomRequires(below, 5, -1),
        `replace ${pathOf(replaced)} => ${pathOf((replaced + 1) % MODULES)} v1.${below(VERSIONS)}.0\n`,
        `replace ${pathOf(below(MODULES))} v1.1.0 => ./local\n`,
        `exclude ${pathOf(below(MODULES))} v1.2.0\n`,
      ].join('');
      bench.write('local/go.mod', `module local.test\n\ngo 1.16\n\n${randomRequires(below, 2, -1)}`);
      const file = bench.write('go.mod', goMod);
      // Raises what the requirements lead to, as `go get` does; prefetch is then given a go.mod that agrees with itself.
      const env = { GOFLAGS: '-modcacherw -mod=mod' };
      const tidied = await go.run(['list', '-m', 'all'], {
        proxy: bench.upstream.url,
        cwd: bench.folder,
        env,
      });
      assert.equal(tidied.code, 0, tidied.stderr);
      fs.rmSync(go.modcache, { recursive: true, force: true });
      const expected = await goHolds(found, bench.folder);
      assert.deepEqual(await prefetchHolds(found, file), expected, fs.readFileSync(file, 'utf8'));
    });
  }

  for (let seed = 1; seed <= 8; seed++) {
    test(`a workspace, graph ${seed}`, async (t) => {
      const below = numbers(1000 + seed);
      const found = await scene(t, below);
      const { bench } = found;
      const override = below(MODULES);
      for (const name of ['a', 'b', 'c']) {
        const replace = `replace ${pathOf(override)} => ${pathOf(below(MODULES))} v1.0.0\n`;
        const go = ['1.16', '1.17', '1.20'][below(3)] ?? '1.20';
        bench.write(
          `${name}/go.mod`,
          `module ${name}.test\n\ngo ${go}\n\n${randomRequires(below, 3, -1)}${replace}`,
        );
      }
      const file = bench.write(
        'go.work',
        `go 1.20\n\nuse (\n\t./a\n\t./b\n)\nuse ./c\n\nreplace ${pathOf(override)} => ${pathOf(0)} v1.3.0\n`,
      );
      const expected = await goHolds(found, bench.folder);
      assert.deepEqual(await prefetchHolds(found, file), expected);
    });
  }
});
