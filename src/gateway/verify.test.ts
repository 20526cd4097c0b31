/** Verify over real files: how it ends where checks fail side by side, and what late notes of other processes do. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import { Selection } from './selection.ts';
import { type Verified, Verifier } from './verify.ts';

const FOLDER = 'tree/example.com/lib/@v';
const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

describe('verify', () => {
  let data: string;
  let tree: FileTree;
  let room: Storeroom;
  let verifier: Verifier;
  const checker = new ZipChecker();
  const stop = () => new AbortController();

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-verify-'));
    tree = await FileTree.open(data, { logger });
    room = new Storeroom(tree, data);
    const metrics = new Metrics({ process: false });
    verifier = new Verifier({
      room,
      checker,
      clock: systemClock,
      logger,
      metrics,
      changed: async () => undefined,
    });
  });
  afterEach(async () => {
    room.close();
    await tree.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  async function all(controller = stop(), parallel = 8): Promise<Verified[]> {
    const found: Verified[] = [];
    const options = { quarantine: true, signal: controller.signal, parallel };
    for await (const one of verifier.run(new Selection([]), options)) found.push(one);
    return found;
  }

  it('ends with one error, and no rejection that nobody handles, where checks fail side by side', async () => {
    fs.mkdirSync(path.join(data, FOLDER), { recursive: true });
    for (const name of ['v1.0.0.info', 'v1.1.0.info', 'v1.2.0.info', 'v1.3.0.info'])
      fs.writeFileSync(path.join(data, FOLDER, name), 'no JSON');
    const open = tree.open.bind(tree);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The first check is still under way when the others fail.
    tree.open = async (key) => {
      if (key.endsWith('v1.0.0.info')) await held;
      return await open(key);
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const controller = stop();
    const run = assert.rejects(all(controller, 4), /left/);
    // Those that look bad wait a moment before they look again.
    while (getEventListeners(controller.signal, 'abort').length < 3) await turn();
    controller.abort(new Error('the client left'));
    for (let i = 0; i < 5; i++) await turn();
    release();
    await run;
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });
});
