import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile as readDisk, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Code, ModgateError } from '../errors/index.ts';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';
import { readFile } from './file.ts';
import { FileSource } from './file-source.ts';

const path = parseModulePath('corp.example/Lib');
const m = (version: string): ModuleVersion => ({ path, version: parseVersion(path, version) });
const V1 = m('v1.0.0');
const never = () => new AbortController().signal;
const BIG = Buffer.alloc((600 << 10) + 7, 'modgate');

interface Bench {
  readonly source: FileSource;
  readonly folder: string;
  /** the folder @v of the module */
  readonly versions: string;
}

async function bench(t: TestContext): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'modgate-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const versions = join(folder, 'corp.example/!lib/@v');
  await mkdir(join(versions, 'v1.2.0.mod'), { recursive: true });
  await mkdir(join(folder, 'sumdb/sum.example'), { recursive: true });
  await writeFile(join(versions, 'list'), 'v1.1.0\nv1.0.0\n');
  await writeFile(join(versions, 'v1.0.0.info'), '{"Version":"v1.0.0"}');
  await writeFile(join(versions, 'v1.0.0.mod'), 'module corp.example/Lib\n');
  await writeFile(join(versions, 'v1.0.0.zip'), BIG);
  await writeFile(join(versions, 'v1.3.0.zip'), '');
  await writeFile(join(folder, 'sumdb/sum.example/latest'), 'tree');
  await writeFile(join(folder, 'sumdb/sum.example/big'), 'x'.repeat(101));
  return { source: new FileSource('disk', pathToFileURL(folder), 100), folder, versions };
}

const warnings: string[] = [];
process.on('warning', ({ message }) => void warnings.push(message));

/** Waits for what no event tells. */
async function settled(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(condition(), `not so within 5 s: ${String(condition)}`);
  await new Promise((resolve) => setImmediate(resolve));
  // Node closes a forgotten descriptor too, some day, and warns.
  assert.deepEqual(warnings, []);
}

/** of this process */
const descriptors = () => readdirSync('/proc/self/fd').length;

async function codeOf(promise: Promise<unknown>): Promise<Code | 'ok'> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof ModgateError, String(error));
    return error.code;
  }
}

test('what it answers', async (t) => {
  const { source, folder } = await bench(t);
  const gone = new FileSource('gone', pathToFileURL(join(folder, 'gone')), 100);
  const tight = new FileSource('tight', pathToFileURL(folder), 13);
  const whole = async (from: FileSource, of: ModuleVersion, kind: 'mod' | 'zip') =>
    (await readFile(await from.file(of, kind, never()), 1 << 20)).toString();
  const rows: readonly [string, () => Promise<unknown>, unknown][] = [
    ['list', async () => (await source.list(path, never())).value, ['v1.0.0', 'v1.1.0']],
    ['query', async () => (await source.query(path, 'v1.0.0', never())).value.version, 'v1.0.0'],
    ['mod', () => whole(source, V1, 'mod'), 'module corp.example/Lib\n'],
    ['a zip of many pieces', () => whole(source, V1, 'zip'), BIG.toString()],
    ['an empty file', () => whole(source, m('v1.3.0'), 'zip'), ''],
    ['sumdb', async () => (await source.sumdb('sum.example', 'latest', never())).value.toString(), 'tree'],
    ['missing file', () => source.file(m('v1.9.0'), 'mod', never()), 'NOT_FOUND'],
    ['missing query', () => source.query(path, 'latest', never()), 'NOT_FOUND'],
    ['missing root', () => gone.file(V1, 'mod', never()), 'UPSTREAM_UNREACHABLE'],
    ['missing root, list', () => gone.list(path, never()), 'UPSTREAM_UNREACHABLE'],
    ['folder', () => source.file(m('v1.2.0'), 'mod', never()), 'NOT_FOUND'],
    ['list too large', () => tight.list(path, never()), 'UPSTREAM_BAD_ANSWER'],
    ['sumdb too large', () => source.sumdb('sum.example', 'big', never()), 'UPSTREAM_BAD_ANSWER'],
  ];
  for (const [name, ask, expected] of rows) {
    await t.test(name, async () => {
      const answer = await ask().catch((error) => {
        assert.ok(error instanceof ModgateError, String(error));
        return error.code;
      });
      assert.deepEqual(answer, expected);
    });
  }
});

test('a file that shrinks is a bad answer', async (t) => {
  const { source, versions } = await bench(t);
  const file = await source.file(V1, 'zip', never());
  assert.equal(file.length, BIG.length);
  await writeFile(join(versions, 'v1.0.0.zip'), 'short');
  await assert.rejects(readFile(file, 1 << 20), {
    code: 'UPSTREAM_BAD_ANSWER',
    message: /ended after 5 of 614407/,
  });
});

test('abort', async (t) => {
  const { source } = await bench(t);
  const before = descriptors();
  await t.test('before', async () => {
    const signal = AbortSignal.abort();
    assert.equal(await codeOf(source.file(V1, 'mod', signal)), 'CANCELED');
    assert.equal(await codeOf(source.list(path, signal)), 'CANCELED');
    assert.equal(await codeOf(source.query(path, 'latest', signal)), 'CANCELED');
    assert.equal(await codeOf(source.sumdb('sum.example', 'latest', signal)), 'CANCELED');
  });
  await t.test('at every step of the open', async () => {
    // The steps of a call lie some turns of the microtask queue and of the event loop apart.
    for (let turns = 0; turns < 40; turns += 1) {
      const caller = new AbortController();
      const asked = source.file(V1, 'zip', caller.signal).then((file) => readFile(file, 1 << 20));
      const code = codeOf(asked);
      for (let i = 0; i < turns; i += 1) {
        await (turns % 2 === 0 ? undefined : new Promise((resolve) => setImmediate(resolve)));
      }
      caller.abort();
      assert.match(await code, /^(CANCELED|ok)$/);
    }
  });
  await t.test('a coded reason stays', async () => {
    const reason = new ModgateError('UPSTREAM_TIMEOUT', 'patience');
    await assert.rejects(source.file(V1, 'mod', AbortSignal.abort(reason)), reason);
  });
  await t.test('of a body that nobody reads', async () => {
    const caller = new AbortController();
    const { body } = await source.file(V1, 'zip', caller.signal);
    caller.abort();
    assert.equal(body.destroyed, true);
  });
  await t.test('no descriptor stays', () => settled(() => descriptors() === before));
});

test('no body keeps its descriptor', async (t) => {
  const { source } = await bench(t);
  const before = descriptors();
  const rows: readonly [string, (file: Awaited<ReturnType<FileSource['file']>>) => Promise<void>][] = [
    ['read', async (file) => void (await readFile(file, 1 << 20))],
    ['too long', async (file) => assert.equal(await codeOf(readFile(file, 10)), 'UPSTREAM_BAD_ANSWER')],
    ['never read, destroyed', async ({ body }) => void body.destroy()],
    ['destroyed with an error', async ({ body }) => void body.destroy(new Error('the reader failed'))],
    [
      'destroyed in the middle',
      async ({ body }) => {
        for await (const _ of body) break;
      },
    ],
  ];
  for (const [name, use] of rows) {
    await t.test(name, async () => {
      const file = await source.file(V1, 'zip', never());
      assert.equal(descriptors(), before + 1);
      await use(file);
      await settled(() => descriptors() === before);
    });
  }
});

test('a hung file system holds one thread, and nobody who leaves', { timeout: 20_000 }, async (t) => {
  const { source, versions, folder } = await bench(t);
  const before = descriptors();
  const hung = Array.from({ length: 6 }, (_, i) => m(`v1.4.${i}`));
  for (const { version } of hung) execFileSync('mkfifo', [join(versions, `${version}.zip`)]);
  const callers = hung.map(() => new AbortController());
  const codes = hung.map((of, i) => codeOf(source.file(of, 'zip', callers[i]?.signal ?? never())));
  const writers: number[] = [];
  // A writer lets those who hang in open() go on, else the process could not end. It needs no thread itself.
  const unblock = () => {
    for (const { version } of hung.splice(0)) {
      writers.push(openSync(join(versions, `${version}.zip`), constants.O_RDWR | constants.O_NONBLOCK));
    }
  };
  t.signal.addEventListener('abort', unblock);
  t.after(() => {
    for (const fd of writers) closeSync(fd);
  });
  try {
    const other = new FileSource('other', pathToFileURL(folder), 100);
    assert.equal((await other.list(path, never())).value.length, 2);
    assert.equal(await readDisk(join(versions, 'list'), 'utf8'), 'v1.1.0\nv1.0.0\n');
    for (const caller of callers) caller.abort();
    assert.deepEqual(
      await Promise.all(codes),
      hung.map(() => 'CANCELED'),
    );
    const late = new AbortController();
    const waiting = codeOf(source.list(path, late.signal));
    late.abort();
    assert.equal(await waiting, 'CANCELED');
  } finally {
    unblock();
  }
  // The descriptor that came after the abort is closed, and the source works again.
  assert.equal((await source.list(path, never())).value.length, 2);
  await settled(() => descriptors() === before + writers.length);
});
