import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { checkZip, createZip, writeModuleZip, type ZipEntry, type ZipSource } from './index.ts';
import { goDownload, M, withoutGo } from './rawzip.test.kit.ts';

const MIB = 1 << 20;
const GOMOD = 'module corp.example/m\n';

async function* inPieces(data: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += length) yield data.subarray(at, at + length);
}

function entry({ name, data, method }: ZipSource, piece?: number): ZipEntry {
  const content = Buffer.from(data);
  const held = method === 'deflate' ? deflateRawSync(content) : content;
  return {
    name,
    method: method === 'deflate' ? 8 : 0,
    crc: crc32(content),
    size: content.length,
    compressed: held.length,
    data: piece === undefined ? [held] : inPieces(held, piece),
  };
}

/** An entry that says it has so many bytes; nothing is made of them. */
function announced(name: string, size: number): ZipEntry {
  return { name, method: 8, crc: 0, size, compressed: 0, data: [] };
}

async function written(entries: Iterable<ZipEntry>): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of writeModuleZip(M, entries)) pieces.push(piece);
  return pieces;
}

const sources: readonly ZipSource[] = [
  { name: 'go.mod', data: Buffer.from(GOMOD), method: 'store' },
  { name: 'b/é.go', data: Buffer.alloc(3000, 'é'), method: 'deflate' },
  { name: 'a', data: Buffer.alloc(0), method: 'store' },
  { name: 'large', data: Buffer.alloc(MIB, 'noise'), method: 'store' },
  { name: 'z', data: Buffer.alloc(70_000, 'x'), method: 'store' },
];

test('it is the zip of createZip, however the data comes', async () => {
  const expected = createZip(M, sources);
  for (const piece of [undefined, 1, 1000, 65_536, 100_000, MIB]) {
    const zip = Buffer.concat(await written(sources.map((source) => entry(source, piece))));
    assert.ok(zip.equals(expected), `pieces of ${piece} bytes`);
  }
});

test('small files leave together, large ones as they come', async () => {
  const small = Array.from({ length: 20_000 }, (_, i) =>
    entry({ name: `f${i}`, data: Buffer.alloc(50), method: 'store' }),
  );
  const pieces = await written(small);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  assert.ok(pieces.length <= length / (128 << 10), `${pieces.length} pieces for ${length} bytes`);
  const large = await written([
    entry({ name: 'large', data: Buffer.alloc(4 * MIB), method: 'store' }, 64 << 10),
  ]);
  assert.ok(large.every((piece) => piece.length <= 256 << 10));
});

test('a piece leaves before the next entry is asked for', async () => {
  let asked = 0;
  function* entries() {
    for (; ; asked++) yield entry({ name: `f${asked}`, data: Buffer.alloc(100 << 10), method: 'store' });
  }
  const pieces = writeModuleZip(M, entries());
  await pieces.next();
  assert.ok(asked <= 3, `${asked} entries for the first piece`);
  await pieces.return();
});

const REFUSED: readonly { says: string; entries: readonly ZipEntry[]; code: string; message: RegExp }[] = [
  {
    says: 'data is shorter than announced',
    entries: [{ ...entry({ name: 'a', data: Buffer.from('abc') }), compressed: 4 }],
    code: 'BAD_ZIP',
    message: /"a" is shorter than the 4 bytes/,
  },
  {
    says: 'data is longer than announced',
    entries: [{ ...entry({ name: 'a', data: Buffer.from('abc') }), compressed: 2 }],
    code: 'BAD_ZIP',
    message: /"a" is longer than the 2 bytes/,
  },
  {
    says: 'the files are too large',
    entries: [announced('a', 300 * MIB), announced('b', 201 * MIB)],
    code: 'BAD_MODULE',
    message: /source tree .*500 MiB/,
  },
  {
    says: 'the zip is too large',
    entries: [{ ...announced('a', 5), compressed: 501 * MIB }],
    code: 'BAD_MODULE',
    message: /zip .*500 MiB/,
  },
  {
    says: 'go.mod is too large',
    entries: [announced('go.mod', 17 * MIB)],
    code: 'BAD_MODULE',
    message: /go\.mod .*16 MiB/,
  },
  {
    says: 'LICENSE is too large',
    entries: [announced('LICENSE', 17 * MIB)],
    code: 'BAD_MODULE',
    message: /LICENSE .*16 MiB/,
  },
  {
    says: 'a name is too long',
    entries: [announced('a'.repeat(70_000), 0)],
    code: 'BAD_ZIP',
    message: /name/,
  },
];

for (const { says, entries, code, message } of REFUSED) {
  test(`refused where ${says}`, () => assert.rejects(written(entries), { code, message }));
}

test('of data without an end no more is read than was announced', async () => {
  let read = 0;
  async function* data() {
    for (; ; read++) yield Buffer.alloc(1000);
  }
  const endless = { name: 'a', method: 0, crc: 0, size: 5000, compressed: 5000, data: data() } as const;
  await assert.rejects(written([endless]), { code: 'BAD_ZIP', message: /longer/ });
  assert.equal(read, 5);
});

test('what fails while an entry is read is handed on', async () => {
  const failure = new Error('the disk is gone');
  async function* data() {
    yield Buffer.from('a');
    throw failure;
  }
  await assert.rejects(
    written([{ name: 'a', method: 0, crc: 0, size: 2, compressed: 2, data: data() }]),
    failure,
  );
});

describe('read again', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'modgate-write-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function check(zip: Buffer) {
    const file = path.join(folder, 'm.zip');
    writeFileSync(file, zip);
    return checkZip(file, M);
  }

  test('it keeps the rules, with more files than 16 bits count', async () => {
    const many = Array.from({ length: 70_000 }, (_, i) =>
      entry({ name: `f${i}`, data: Buffer.from('x'), method: 'store' }),
    );
    assert.equal(check(Buffer.concat(await written(many))).files, 70_000);
  });

  test('the go command takes it, with the same sums', { skip: withoutGo }, async () => {
    const files = sources.map((source) => entry(source, 1000));
    const zip = Buffer.concat(await written(files));
    const { h1, goModH1 } = check(zip);
    const verdict = await goDownload(folder, M, GOMOD, zip);
    assert.equal(verdict.Error, undefined);
    assert.deepEqual([verdict.Sum, verdict.GoModSum], [h1, goModH1]);
  });
});
