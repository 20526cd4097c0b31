import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { type ArchiveEntry, archiveEntries } from './index.ts';
import { type RawEntry, rawZip } from './rawzip.test.kit.ts';

/** What an archive holds: name → content, inflated. */
async function contents(stream: AsyncIterable<Buffer>): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const entry of archiveEntries(stream)) found.set(entry.name, await contentOf(entry));
  return found;
}

async function contentOf(entry: ArchiveEntry): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of entry.data) pieces.push(piece);
  const data = Buffer.concat(pieces);
  assert.equal(data.length, entry.compressed);
  const content = entry.method === 8 ? inflateRawSync(data) : data;
  assert.equal(content.length, entry.size);
  return content;
}

/** @param length of each piece but the last, bytes */
async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** An archive of these entries, whose names are whole. */
function archive(entries: readonly RawEntry[], after?: Buffer): Buffer {
  const comment = '0123456789012345678901234567890123456789';
  return rawZip(
    entries.map((entry) => ({ ...entry, raw: true })),
    { comment, ...(after === undefined ? {} : { after }) },
  );
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const text = Buffer.from('hello, hello, hello\n'.repeat(20));
const TIME = Buffer.from('5554050001000000 00'.replaceAll(' ', ''), 'hex');
const SIZE64 = { compressed: 0xffffffff, uncompressed: 0xffffffff };

const GOOD: readonly { says: string; entries: readonly RawEntry[]; holds: Record<string, Buffer> }[] = [
  { says: 'nothing', entries: [], holds: {} },
  {
    says: 'stored and deflated files',
    entries: [
      { name: 'p/a', data: text },
      { name: 'p/b', data: text, method: 8 },
    ],
    holds: { 'p/a': text, 'p/b': text },
  },
  { says: 'an empty file', entries: [{ name: 'p/a' }], holds: { 'p/a': Buffer.alloc(0) } },
  {
    says: 'folders, passed over',
    entries: [{ name: 'p/' }, { name: 'p/s/' }, { name: 'p/s/a', data: 'x' }],
    holds: { 'p/s/a': Buffer.from('x') },
  },
  {
    says: 'extra fields',
    entries: [{ name: 'p/a', data: 'x', localExtra: TIME, extra: TIME }],
    holds: { 'p/a': Buffer.from('x') },
  },
  {
    says: 'names that are UTF-8',
    entries: [{ name: 'p/é', data: 'x', flags: 0x800 }],
    holds: { 'p/é': Buffer.from('x') },
  },
  {
    says: 'names that are not',
    entries: [{ name: Buffer.from([0x70, 0xff]), data: 'x' }],
    holds: { 'p\ufffd': Buffer.from('x') },
  },
  {
    says: 'zip64 sizes',
    entries: [
      {
        name: 'p/a',
        data: text,
        ...SIZE64,
        localExtra: Buffer.concat([TIME, Buffer.from('01001000', 'hex'), u64(text.length), u64(text.length)]),
      },
    ],
    holds: { 'p/a': text },
  },
  {
    says: 'streamed files, passed over',
    entries: [
      {
        name: 'p/a',
        data: text,
        method: 8,
        flags: 8,
        compressed: 0,
        crc: 0,
        descriptor: Buffer.concat([Buffer.from('504b0708', 'hex'), Buffer.alloc(12)]),
      },
      { name: 'p/b', data: 'x' },
    ],
    holds: { 'p/b': Buffer.from('x') },
  },
];

for (const { says, entries, holds } of GOOD) {
  test(`an archive with ${says}`, async () => {
    const bytes = archive(entries);
    // Wherever the pieces of the stream end.
    for (const length of [1, 2, 3, 7, 29, 30, 31, 64, bytes.length]) {
      assert.deepEqual(await contents(pieces(bytes, length)), new Map(Object.entries(holds)), `${length}`);
    }
  });
}

const BAD: readonly { says: string; bytes: Buffer }[] = [
  { says: 'is empty', bytes: Buffer.alloc(0) },
  { says: 'is text', bytes: Buffer.from('fatal: not a tree object\n') },
  { says: 'is encrypted', bytes: archive([{ name: 'a', data: text, flags: 1 }]) },
  { says: 'uses another method', bytes: archive([{ name: 'a', data: text, method: 12 }]) },
  { says: 'stores and streams', bytes: archive([{ name: 'a', data: text, flags: 8 }]) },
  {
    says: 'streams what is not deflated',
    bytes: archive([{ name: 'a', stored: Buffer.alloc(99, 0xff), method: 8, flags: 8 }]),
  },
  {
    says: 'streams with no sizes behind',
    bytes: archive([{ name: 'a', data: text, method: 8, flags: 8, descriptor: Buffer.alloc(16) }]),
  },
  { says: 'stores in another size', bytes: archive([{ name: 'a', data: text, uncompressed: 1 }]) },
  { says: 'has no sizes', bytes: archive([{ name: 'a', data: text, ...SIZE64 }]) },
  {
    says: 'has a size beyond all',
    bytes: archive([
      {
        name: 'a',
        data: text,
        ...SIZE64,
        localExtra: Buffer.concat([Buffer.from('01001000', 'hex'), Buffer.alloc(16, 0xff)]),
      },
    ]),
  },
  { says: 'has more behind its end', bytes: archive([{ name: 'a' }], Buffer.from('x')) },
  { says: 'has a gap', bytes: archive([{ name: 'a', descriptor: Buffer.alloc(7) }]) },
  {
    says: 'has another directory',
    bytes: Buffer.concat([archive([{ name: 'a' }]).subarray(0, 31), archive([])]),
  },
];

for (const { says, bytes } of BAD) {
  test(`an archive that ${says} is refused`, async () => {
    await assert.rejects(contents(pieces(bytes, 64)), (error) => {
      assert.ok(error instanceof ModgateError);
      assert.equal(error.code, 'VCS_FAILED');
      assert.notEqual(error.next, undefined);
      return true;
    });
  });
}

test('an archive that is cut off anywhere is refused', async () => {
  const descriptor = Buffer.concat([Buffer.from('504b0708', 'hex'), Buffer.alloc(12)]);
  const bytes = archive([
    { name: 'p/a', data: text, method: 8, localExtra: TIME },
    { name: 'p/b', data: text, method: 8, flags: 8, descriptor },
  ]);
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(
      contents(pieces(bytes.subarray(0, length), 50)),
      { code: 'VCS_FAILED' },
      `${length}`,
    );
  }
});

test('data that is not read is passed over, and gone afterwards', async () => {
  const bytes = archive([
    { name: 'a', data: text },
    { name: 'b', data: text },
    { name: 'c', data: 'x' },
  ]);
  const entries: ArchiveEntry[] = [];
  for await (const entry of archiveEntries(pieces(bytes, 100))) {
    entries.push(entry);
    // A reader that stops in the middle counts as well.
    if (entry.name === 'b') for await (const _ of entry.data) break;
  }
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
  const [first] = entries;
  assert.ok(first !== undefined);
  for await (const _ of first.data) assert.fail('data of an entry that is over');
});

test('leaving early ends the stream, and a failure of the stream is handed on', async () => {
  const bytes = archive([{ name: 'a', data: text }]);
  const left = Readable.from(pieces(bytes, 10));
  for await (const _ of archiveEntries(left)) break;
  assert.ok(left.destroyed);
  const failure = new ModgateError('UPSTREAM_TIMEOUT', 'no bytes for 60 s');
  async function* failing() {
    yield bytes.subarray(0, 40);
    throw failure;
  }
  await assert.rejects(contents(failing()), failure);
});

test('an archive of more than 500 MiB is refused as soon as that is known', async () => {
  const head = archive([
    { name: 'a', stored: Buffer.alloc(0), compressed: 0xfffffff0, uncompressed: 0xfffffff0 },
  ]).subarray(0, 31);
  let sent = 0;
  async function* endless() {
    yield head;
    for (const piece = Buffer.alloc(1 << 20); ; sent++) yield piece;
  }
  await assert.rejects(contents(endless()), { code: 'BAD_MODULE', message: /too large/ });
  assert.ok(sent <= 501, `${sent} MiB`);
});

test('fuzz: changed bytes are read or refused, and never more than there are', async () => {
  const descriptor = Buffer.concat([Buffer.from('504b0708', 'hex'), Buffer.alloc(12)]);
  const bytes = archive([
    { name: 'p/', localExtra: TIME },
    { name: 'p/a', data: text, method: 8, localExtra: TIME },
    { name: 'p/b', data: text, method: 8, flags: 8, descriptor },
    { name: 'p/c', data: text },
  ]);
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.constantFrom(0, 1, 8, 0x7f, 0x80, 0xff));
  const property = fc.asyncProperty(
    fc.array(change, { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 1, max: 200 }),
    async (changes, length) => {
      const changed = Buffer.from(bytes);
      for (const [at, value] of changes) changed[at] = value;
      let read = 0;
      try {
        for await (const entry of archiveEntries(pieces(changed, length))) {
          for await (const piece of entry.data) read += piece.length;
        }
      } catch (error) {
        assert.ok(error instanceof ModgateError && error.code === 'VCS_FAILED', String(error));
      }
      assert.ok(read <= bytes.length);
    },
  );
  await fc.assert(property, { numRuns: 3000, interruptAfterTimeLimit: 5000 });
});

const withoutGit =
  spawnSync('git', ['version'], { stdio: 'ignore' }).status === 0 ? false : 'no git command on this machine';

describe('what git archive writes', { skip: withoutGit }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'modgate-archive-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function git(...args: readonly string[]): Buffer {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.com',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.com',
    };
    return execFileSync('git', [...args], {
      cwd: folder,
      env,
      maxBuffer: 1 << 30,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  test('is read as it is', async () => {
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31) >> 7));
    git('init', '-q');
    mkdirSync(path.join(folder, 'd/e'), { recursive: true });
    const files: Record<string, Buffer> = {
      'd/e/x': Buffer.from('x'),
      'd/é': text,
      empty: Buffer.alloc(0),
      noise,
      zero: Buffer.alloc(2_000_000),
    };
    for (const [name, data] of Object.entries(files)) writeFileSync(path.join(folder, name), data);
    symlinkSync('empty', path.join(folder, 'link'));
    git('add', '.');
    git('commit', '-qm', 'x');
    const make = (...config: readonly string[]) =>
      git(...config, 'archive', '--format=zip', '--prefix=p/', 'HEAD');
    const whole = new Map(
      Object.entries({ ...files, link: Buffer.from('empty') }).map(([name, data]) => [`p/${name}`, data]),
    );
    for (const length of [1000, 1 << 16])
      assert.deepEqual(await contents(pieces(make(), length)), sorted(whole));
    // git streams what is above the threshold.
    for (const name of ['noise', 'zero']) whole.delete(`p/${name}`);
    assert.deepEqual(await contents(pieces(make('-c', 'core.bigFileThreshold=100k'), 1000)), sorted(whole));
  });

  function sorted(files: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
    return new Map([...files].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  }
});
