/** Pages of stored versions: none ends beyond its size, and none is missed or comes twice. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { createLogger } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import { cursorOf, versions } from './inventory.ts';
import { Selection } from './selection.ts';

const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

it('a page ends within a large module, and the next one goes on there', async () => {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-inventory-'));
  for (const name of ['a', 'b', 'c']) {
    const folder = path.join(data, `tree/example.com/${name}/@v`);
    fs.mkdirSync(folder, { recursive: true });
    for (let i = 0; i < 25; i++) fs.writeFileSync(path.join(folder, `v1.0.${i}.mod`), '');
  }
  const tree = await FileTree.open(data, { logger });
  const room = new Storeroom(tree, data);
  await room.reconcile(0);
  const seen: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const { value } = await versions(room, new Selection([]), after, 10).next();
    assert.ok((value?.length ?? 0) <= 10);
    seen.push(...(value ?? []).map((one) => `${one.path}@${one.version}`));
    after = value === undefined ? undefined : cursorOf(value);
  }
  assert.deepEqual([seen.length, new Set(seen).size], [75, 75]);
  room.close();
  await tree.close();
  fs.rmSync(data, { recursive: true, force: true });
});
