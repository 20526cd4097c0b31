/**
 * kill -9 at every step of an admission. This file is also the child that is killed: run with a data folder
 * and a step's number, it admits one module version and kills itself at that step; 0 admits to the end.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileTree } from './file-tree.ts';
import {
  ADMISSION,
  admit,
  linklessOps,
  OLD_LIST,
  readAll,
  silent,
  steppedOps,
  tempFolder,
  tempNames,
} from './fixtures.test.kit.ts';
import { type FsOps, systemOps } from './fs-ops.ts';

const KINDS: Readonly<Record<string, FsOps>> = { links: systemOps, linkless: linklessOps };

const [, , mode, kind = '', data = '', step = ''] = process.argv;

if (mode === 'child') {
  const ops = steppedOps(({ number }) => {
    if (number === Number(step)) process.kill(process.pid, 'SIGKILL');
  }, KINDS[kind]);
  const tree = await FileTree.open(data, { logger: silent(), ops });
  await admit(tree);
  await tree.close();
} else {
  for (const name of Object.keys(KINDS))
    describe(`kill -9, file system with ${name}`, () => killEverywhere(name));
}

/** More than an admission has. */
const MANY = 500;
/** children at a time */
const AT_ONCE = 4;

function killEverywhere(name: string): void {
  it('at every step: absent or whole, cleaned at start, the next admission succeeds', async (t) => {
    let next = 1;
    let steps = 0;
    const walk = async () => {
      while (steps === 0) {
        const number = next++;
        assert.ok(number < MANY, 'the child never came to its end');
        if (!(await killedAt(name, number)) && (steps === 0 || number < steps)) steps = number;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, walk));
    t.diagnostic(`${steps - 1} steps`);
    assert.ok(steps > 40, `only ${steps} steps: the seam does not see them all`);
  });
}

/** False where the child came to its end before that step. */
async function killedAt(name: string, number: number): Promise<boolean> {
  const folder = tempFolder('memory');
  try {
    const list = join(folder.path, 'tree', ADMISSION.list.key);
    mkdirSync(dirname(list), { recursive: true });
    writeFileSync(list, OLD_LIST);
    const killed = await runChild(name, folder.path, number);
    await check(folder.path, number, killed);
    return killed;
  } finally {
    folder.remove();
  }
}

async function runChild(name: string, folder: string, number: number): Promise<boolean> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = [fileURLToPath(import.meta.url), 'child', name, folder, String(number)];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code, signal] = await once(child, 'exit');
  assert.ok(signal === 'SIGKILL' || code === 0, `child ended with ${code ?? signal} at step ${number}`);
  return signal === 'SIGKILL';
}

async function check(folder: string, number: number, killed: boolean): Promise<void> {
  const tree = await FileTree.open(folder, { logger: silent() });
  try {
    // Without /proc nobody can tell at once that the child is dead; its files go when they are a day old.
    if (existsSync('/proc/self/stat')) assert.deepEqual(tempNames(folder), [], `left after step ${number}`);
    for (const { key, bytes } of Object.values(ADMISSION)) {
      const found = await readAll(tree, key);
      if (key === ADMISSION.list.key && found?.equals(OLD_LIST) && killed) continue;
      if (found !== undefined || !killed) assert.deepEqual(found, bytes, `${key} after step ${number}`);
    }
    await admit(tree);
    for (const { key, bytes } of Object.values(ADMISSION)) assert.deepEqual(await readAll(tree, key), bytes);
  } finally {
    await tree.close();
  }
}
