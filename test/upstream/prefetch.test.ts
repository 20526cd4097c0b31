import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { FillBench } from '../kit/fill.ts';
import { Go } from '../kit/go.ts';
import { Modgate } from '../kit/modgate.ts';
import { withoutUpstream } from '../kit/project.ts';
import { reachUpstream } from '../kit/reach.ts';
import { Upstream } from '../kit/upstream.ts';

const MAIN = `package main

import "google.golang.org/grpc"

func main() { grpc.NewServer() }
`;
/** As in test/kit/project.ts: the database at its default. */
const SUMDB = 'sum.golang.org';
/** ms */
const LIMIT = 200_000;

const held = (folder: string) =>
  fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:zip|mod)$/.test(name))
    .sort();

test('a real build list: the files of go mod download all; then go verifies them from the bare tree', {
  skip: await withoutUpstream(),
}, async (t) => {
  const go = new Go();
  t.after(() => go.remove());
  const { url } = await reachUpstream();
  // The go command of the tests reaches nothing but loopback.
  const modgate = await Modgate.start({ config: { chain: url } });
  t.after(() => modgate.remove());
  const fake = await Upstream.start();
  t.after(() => fake.close());
  const b = new FillBench(t, fake);
  b.write('modgate.yaml', JSON.stringify({ data: b.data, chain: url }));

  const cwd = go.project(['google.golang.org/grpc v1.62.1'], { 'main.go': MAIN });
  const get = await go.run(['mod', 'tidy'], { proxy: modgate.url, cwd, limit: LIMIT });
  assert.equal(get.code, 0, get.stderr);
  fs.rmSync(go.modcache, { recursive: true, force: true });
  const all = await go.run(['mod', 'download', 'all'], { proxy: modgate.url, cwd, limit: LIMIT });
  assert.equal(all.code, 0, all.stderr);
  const expected = held(path.join(go.modcache, 'cache/download'));

  const run = await b.run('prefetch', path.join(cwd, 'go.mod'));
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual(held(b.tree), expected);

  fs.rmSync(go.modcache, { recursive: true, force: true });
  fs.rmSync(path.join(cwd, 'go.sum'));
  const options = { proxy: `file://${b.tree}`, sumdb: SUMDB, cwd, limit: LIMIT };
  for (const args of [
    ['mod', 'download', 'all'],
    ['build', '-mod=mod', '-o', 'program', '.'],
    ['mod', 'verify'],
  ]) {
    const done = await go.run(args, options);
    assert.equal(done.code, 0, `go ${args.join(' ')}: ${done.stderr}`);
  }
});
