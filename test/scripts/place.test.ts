/** Where a build goes, and which builds and left-overs of builds stay. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { placeBuild } from '../../scripts/place.ts';

const UUID = '0b8c3a52-6a0e-4b8c-9f0e-1d2c3b4a5f60';
const KEPT = 10;
const LONG_AGO = new Date('2026-01-01');

function bundleFor(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-place-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

function place(bundle: string, text: string): void {
  const main = `import { say } from './say.js';\nsay('${text}');\n`;
  const say = 'export const say = (text) => console.log(text);\n';
  placeBuild(bundle, [
    { name: 'main.js', bytes: Buffer.from(main) },
    { name: 'say.js', bytes: Buffer.from(say) },
  ]);
}

function said(bundle: string): string {
  const run = spawnSync(process.execPath, [path.join(bundle, 'main.js')], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout.trim();
}

function folders(bundle: string): string[] {
  const entries = fs.readdirSync(bundle, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The folder of the newest build, which counts as an old one from now on. */
function age(bundle: string): string {
  const [, id = ''] = /'\.\/(\w+)\//.exec(fs.readFileSync(path.join(bundle, 'main.js'), 'utf8')) ?? [];
  const folder = path.join(bundle, id);
  fs.utimesSync(folder, LONG_AGO, LONG_AGO);
  return folder;
}

test('a build that was old, and whose removal was interrupted, runs when it is made again', (t) => {
  const bundle = bundleFor(t);
  place(bundle, 'first');
  age(bundle);
  for (let i = 1; i < KEPT; i++) place(bundle, `${i}`);
  const remove = fs.rmSync;
  const killed = t.mock.method(fs, 'rmSync', (folder: string) => {
    remove(path.join(folder, 'say.js'));
    throw new Error('killed');
  });
  assert.throws(() => place(bundle, 'last'), /killed/);
  killed.mock.restore();
  place(bundle, 'first');
  assert.equal(said(bundle), 'first');
});

test('ten builds stay', (t) => {
  const bundle = bundleFor(t);
  place(bundle, 'first');
  const first = age(bundle);
  for (let i = 1; i < KEPT; i++) place(bundle, `${i}`);
  assert.ok(fs.existsSync(first));
  place(bundle, 'last');
  assert.ok(!fs.existsSync(first));
  assert.equal(folders(bundle).length, KEPT);
  assert.equal(said(bundle), 'last');
});

test('what builds that were killed left behind takes no place of a build, and goes when it is old', (t) => {
  const bundle = bundleFor(t);
  place(bundle, 'first');
  const first = age(bundle);
  const leftOvers = (prefix: string) => [
    ...Array.from({ length: KEPT }, (_, i) => path.join(bundle, `${prefix}00${i}.${UUID}`)),
    path.join(bundle, `${prefix}-main.js.${UUID}`),
  ];
  const [fresh, old] = [leftOvers('deadbeef0'), leftOvers('deadbeef1')];
  for (const name of [...fresh, ...old])
    if (name.includes('main.js')) fs.writeFileSync(name, 'half');
    else fs.mkdirSync(name);
  for (const name of old) fs.utimesSync(name, LONG_AGO, LONG_AGO);
  place(bundle, 'second');
  assert.ok(fs.existsSync(first));
  for (const name of fresh) assert.ok(fs.existsSync(name), 'another build may be about to place it');
  for (const name of old) assert.ok(!fs.existsSync(name), name);
  assert.ok(fs.existsSync(path.join(bundle, 'package.json')));
});
