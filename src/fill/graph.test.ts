import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { loadBuildList, type Node } from './graph.ts';

const version = parseVersion(parseModulePath('corp.example/m'), 'v1.0.0');

test('a graph that names new modules without end is given up, and its memory bounded', async () => {
  let count = 0;
  const ten = (): Node[] => Array.from({ length: 10 }, () => ({ path: `corp.example/m${count++}`, version }));
  const main = { path: 'corp.example/main', version: '' as const, require: ten(), pruned: false };
  const endless = loadBuildList({
    mains: [main],
    workspace: false,
    load: async () => ({ require: ten(), pruned: false }),
  });
  await assert.rejects(endless, { code: 'BAD_REQUEST', message: /more than 20000 go\.mod files/ });
  assert.ok(count < 500_000);
});
