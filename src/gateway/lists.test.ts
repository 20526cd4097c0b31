/** The tree's own list, written by several at once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { parseModulePath } from '../module/index.ts';
import { createLogger } from '../observe/index.ts';
import { FileTree } from '../store/index.ts';
import { writeTreeList } from './lists.ts';

const LIB = parseModulePath('example.com/lib');
const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

it('does not bring back what is removed while it is written', async (t) => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-lists-'));
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  const folder = path.join(data, 'tree/example.com/lib/@v');
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['v1.0.0.info', 'v1.0.0.mod', 'v1.1.0.info', 'v1.1.0.mod'])
    fs.writeFileSync(path.join(folder, name), '');
  const tree = await FileTree.open(data, { logger });
  t.after(() => tree.close());
  const put = tree.put.bind(tree);
  tree.put = (key, bytes, expect) => {
    // The folder was read before, and the other one's list will be older than this one.
    fs.rmSync(path.join(folder, 'v1.0.0.info'), { force: true });
    return put(key, bytes, expect);
  };
  await writeTreeList(tree, LIB, 1);
  assert.equal(fs.readFileSync(path.join(folder, 'list'), 'utf8'), 'v1.1.0\n');
});

it('makes no folder for a module of which nothing is stored', async (t) => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-lists-'));
  t.after(() => fs.rmSync(data, { recursive: true, force: true }));
  const tree = await FileTree.open(data, { logger });
  t.after(() => tree.close());
  await writeTreeList(tree, LIB, 1);
  assert.ok(!fs.existsSync(path.join(data, 'tree/example.com')));
});
