/** What an eviction leaves: nothing goes that its source does not have with the very same bytes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { Chain, type FileKind, type Source, type SourceFile } from '../fetch/index.ts';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, keys, type Mark, Storeroom } from '../store/index.ts';
import { type Evicted, type EvictOptions, Evictor } from './evict.ts';
import { Router } from './router.ts';

const MODULE = parseModulePath('example.com/lib');
const M: ModuleVersion = { path: MODULE, version: parseVersion(MODULE, 'v1.0.0') };
const FOLDER = `tree/${MODULE}/@v`;
/** Longer than any beginning that could be compared in its stead. */
const ZIP = Buffer.alloc(300_000, 'a zip, for all that an eviction knows of it');
const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });

type Files = Record<FileKind, Buffer | undefined>;

const genuine = (): Files => ({
  info: Buffer.from('{"Version":"v1.0.0"}'),
  mod: Buffer.from(`module ${MODULE}\n`),
  zip: ZIP,
});

function changedAt(offset: number): Buffer {
  const bytes = Buffer.from(ZIP);
  bytes[offset] = 0;
  return bytes;
}

/** Has what it is given. */
class Shelf implements Source {
  readonly name = 'shelf';
  readonly state = 'closed';
  readonly files: Files;
  asked: (kind: FileKind) => Promise<void> = async () => undefined;

  constructor(files: Files) {
    this.files = files;
  }

  async file(_m: ModuleVersion, kind: FileKind): Promise<SourceFile> {
    await this.asked(kind);
    const bytes = this.files[kind];
    if (bytes === undefined) throw new ModgateError('NOT_FOUND', 'gone');
    const body = Readable.from([bytes], { objectMode: false });
    return { body, length: undefined, source: this.name, url: kind, trace: { source: this.name, links: {} } };
  }

  list = (): Promise<never> => Promise.reject(new ModgateError('NOT_FOUND', 'none'));
  query = (): Promise<never> => this.list();
  sumdb = (): Promise<never> => this.list();

  async close(): Promise<void> {}
}

describe('eviction', () => {
  let data: string;
  let tree: FileTree;
  let room: Storeroom;

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-evict-'));
    fs.mkdirSync(path.join(data, FOLDER), { recursive: true });
    for (const [kind, bytes] of Object.entries({ ...genuine(), ziphash: 'h1:x' }))
      fs.writeFileSync(path.join(data, FOLDER, `v1.0.0.${kind}`), bytes ?? '');
    tree = await FileTree.open(data, { logger });
    room = new Storeroom(tree, data);
    await room.reconcile(0);
  });
  afterEach(async () => {
    room.close();
    await tree.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  const left = () =>
    fs
      .readdirSync(path.join(data, FOLDER))
      .filter((name) => name.startsWith('v'))
      .map((name) => name.slice('v1.0.0.'.length))
      .sort()
      .join(' ');

  const BACKGROUND: EvictOptions = { anew: false, own: false };
  /** as a command does whose configuration may be another one */
  const VISIT: EvictOptions = { anew: true, own: true };

  function run(
    source: Source,
    {
      sweepUses,
      options = BACKGROUND,
      id = '',
    }: {
      sweepUses?: (keep: (uses: readonly Mark[]) => Promise<void>) => Promise<void>;
      options?: EvictOptions;
      id?: string;
    } = {},
  ): Promise<Evicted> {
    const router = new Router([], new Chain([{ step: source, separator: undefined }], id));
    const metrics = new Metrics({ process: false });
    const evictor = new Evictor({ room, router, clock: systemClock, logger, metrics, sweepUses });
    return evictor.run(1, options, new AbortController().signal);
  }

  /** As if it had come from there. */
  async function cameFrom(source: string): Promise<void> {
    await tree.catalog({ kind: 'settle', notes: [{ key: keys.file(M, 'zip'), source }] });
  }

  const CASES: readonly [what: string, has: Partial<Files>, left: string][] = [
    ['all of it', {}, 'ziphash'],
    ['no .info any more', { info: undefined }, 'info mod zip ziphash'],
    ['no zip any more', { zip: undefined }, 'info mod zip ziphash'],
    ['another zip of the same length', { zip: changedAt(150_000) }, 'info mod zip ziphash'],
    ['a zip that is cut', { zip: ZIP.subarray(0, -1) }, 'info mod zip ziphash'],
    ['a zip with more behind it', { zip: Buffer.concat([ZIP, ZIP]) }, 'info mod zip ziphash'],
    ['no .mod any more', { mod: undefined }, 'info mod ziphash'],
    ['another .mod', { mod: Buffer.from(`module ${MODULE} // moved\n`) }, 'info mod ziphash'],
  ];
  for (const [what, has, stays] of CASES) {
    it(`the source has ${what}: what stays is ${stays}`, async () => {
      await run(new Shelf({ ...genuine(), ...has }));
      assert.equal(left(), stays);
    });
  }

  it('keeps what was used while its source was asked', async () => {
    const uses: Mark[] = [];
    const shelf = new Shelf(genuine());
    shelf.asked = async () => void uses.push({ ...M, used: 4_000_000_000 });
    const { versions, why } = await run(shelf, { sweepUses: (keep) => keep(uses.splice(0)) });
    assert.equal(left(), 'info mod zip ziphash');
    assert.deepEqual({ versions, why }, { versions: 0, why: { used: 1 } });
  });

  it('keeps what was replaced while its source was asked', async () => {
    const shelf = new Shelf(genuine());
    const file = path.join(data, FOLDER, 'v1.0.0.zip');
    shelf.asked = async (kind) => {
      if (kind !== 'zip') return;
      fs.writeFileSync(path.join(data, 'another'), 'another one');
      fs.renameSync(path.join(data, 'another'), file);
    };
    await run(shelf);
    assert.equal(left(), 'info mod zip ziphash');
  });

  const VISITS: readonly [from: string, why: object, asked: boolean][] = [
    ['shelf', {}, true],
    ['import', { unknown: 1 }, false],
    ['private', { foreign: 1 }, false],
    ['', { unknown: 1 }, false],
  ];
  for (const [from, expected, isAsked] of VISITS) {
    it(`by a visitor, of a version from "${from}": the source is ${isAsked ? '' : 'not '}asked`, async () => {
      await cameFrom(from);
      const shelf = new Shelf(genuine());
      let asked = false;
      shelf.asked = async () => {
        asked = true;
      };
      const { why, keptBytes, over } = await run(shelf, { options: VISIT });
      assert.deepEqual({ why, asked }, { why: expected, asked: isAsked });
      assert.equal(keptBytes > 0, !isAsked);
      assert.ok(over > 0);
    });
  }

  it('a verdict holds for the chain that gave it, and for no run that asks anew', async () => {
    await cameFrom('shelf');
    assert.deepEqual((await run(new Shelf({ ...genuine(), info: undefined }), { id: 'one' })).why, {
      gone: 1,
    });
    assert.deepEqual((await run(new Shelf(genuine()), { id: 'one' })).versions, 0, 'not asked again');
    assert.equal(left(), 'info mod zip ziphash');
    const none = new Shelf({ ...genuine(), info: undefined });
    assert.deepEqual((await run(none, { id: 'one', options: VISIT })).why, { gone: 1 }, 'told again');
    assert.equal((await run(new Shelf(genuine()), { id: 'other' })).versions, 1);
    assert.equal(left(), 'ziphash');
  });

  it('a run that asks anew evicts what an earlier one kept', async () => {
    await cameFrom('shelf');
    await run(new Shelf({ ...genuine(), info: undefined }));
    await run(new Shelf(genuine()), { options: VISIT });
    assert.equal(left(), 'ziphash');
  });

  it('counts a version once, though its zip and the rest of it go in two steps', async () => {
    assert.equal((await run(new Shelf(genuine()))).versions, 1);
  });
});
