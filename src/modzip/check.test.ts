import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { checkZip, createZip, hashGoMod } from './index.ts';
import {
  goDownload,
  M,
  moduleVersion,
  PREFIX,
  type RawEntry,
  type RawZip,
  rawZip,
  withoutGo,
} from './rawzip.test.kit.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'modgate-modzip-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const GO_MOD = 'module corp.example/m\n';
const goMod: RawEntry = { name: 'go.mod', data: GO_MOD, method: 8 };
const text = 'package m\n'.repeat(200);

function zip64(...values: readonly bigint[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) extra.writeBigUInt64LE(BigInt.asUintN(64, value), 4 + 8 * i);
  return extra;
}

function descriptor(crc: number, signed: boolean): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  return signed ? bytes : bytes.subarray(4);
}

const CRC_OF_ABC = 0x352441c2;
const abc = { name: 'a', data: 'abc' };
const mib = (n: number) => n << 20;
const emptyBlock = Buffer.from([0, 0, 0, 0xff, 0xff]);

interface Case {
  readonly name: string;
  readonly zip: () => Buffer;
}

function entries(name: string, list: readonly RawEntry[], zip?: RawZip): Case {
  return { name, zip: () => rawZip(list, zip) };
}

/** Zips that the go command takes, odd ones among them. */
const accepted: readonly Case[] = [
  {
    name: 'made by createZip',
    zip: () =>
      createZip(M, [
        { name: 'go.mod', data: Buffer.from(GO_MOD) },
        { name: 'a.go', data: Buffer.from(text) },
      ]),
  },
  entries('no go.mod', [abc]),
  entries('nothing at all', []),
  entries('stored and deflated, empty files', [
    goMod,
    abc,
    { name: 'b', data: text, method: 8 },
    { name: 'c' },
    { name: 'd', method: 8 },
  ]),
  entries('folders', [{ name: '' }, goMod, { name: 'x/' }, { name: 'x/y/' }, { name: 'x/y/z', data: 'z' }]),
  entries('a folder twice, the first with a declared size', [
    { name: 'x/', uncompressed: 7 },
    { name: 'x/' },
    goMod,
  ]),
  entries('names that sort differently in UTF-16', [
    { name: '\u{10400}' },
    { name: 'ﬀ' },
    { name: 'é' },
    { name: 'z' },
  ]),
  entries('similar names of different letters', [
    { name: 'ß' },
    { name: 'ss' },
    { name: 'i' },
    { name: 'ı' },
    { name: 'İ' },
  ]),
  entries('go.mod as a part of a name', [{ name: 'go.mod/' }, { name: 'xgo.mod' }, { name: 'a/_go.mod' }]),
  entries('a folder named go.mod, deeper', [{ name: 'a/GO.MOD/x' }]),
  entries('vendored files and other version control', [{ name: 'vendor/a/b.go' }, { name: '.git/config' }]),
  entries('a symbolic link, unpacked as a file', [{ ...abc, attributes: 0xa1ff << 16 }]),
  entries('the flag of encryption', [{ ...abc, flags: 1 }]),
  entries('crc zero is not compared', [{ ...abc, crc: 0 }]),
  entries('data descriptor, signed', [{ ...abc, flags: 8, descriptor: descriptor(CRC_OF_ABC, true) }]),
  entries('data descriptor, unsigned', [{ ...abc, flags: 8, descriptor: descriptor(CRC_OF_ABC, false) }]),
  entries('zip64 sizes', [
    { ...abc, uncompressed: 0xffffffff, compressed: 0xffffffff, extra: zip64(3n, 3n) },
  ]),
  entries('zip64 extra behind another', [
    { ...abc, compressed: 0xffffffff, extra: Buffer.concat([Buffer.from([9, 9, 1, 0, 0]), zip64(3n)]) },
  ]),
  entries('zip64 extra that nothing asks for', [{ ...abc, extra: zip64(99n) }]),
  entries('a longer extra in the local header', [{ ...abc, localExtra: Buffer.alloc(500) }]),
  entries('bytes before the zip', [goMod, abc], { before: Buffer.from('#!/bin/sh\n') }),
  entries('a comment', [goMod], { comment: 'c'.repeat(2000) }),
  entries('bytes behind a deflate stream', [
    { name: 'a', data: text, method: 8, stored: Buffer.concat([deflateRawSync(text), Buffer.from('more')]) },
  ]),
  entries('compressed size beyond the end of the file', [
    { name: 'a', data: text, method: 8, compressed: 1e6 },
  ]),
  entries('a negative compressed size', [
    { name: 'a', data: text, method: 8, compressed: 0xffffffff, extra: zip64(-5n) },
  ]),
  entries('overlapping entries', [
    { ...abc, name: 'a' },
    { ...abc, name: 'b', offset: -(33 + PREFIX.length + 1) },
  ]),
  entries('bytes between the directory and its end', [goMod, abc], { gap: Buffer.alloc(50) }),
  {
    name: 'more files than 16 bits count',
    zip: () =>
      createZip(
        M,
        Array.from({ length: 65_600 }, (_, i) => ({ name: `f${i}`, data: Buffer.of() })),
      ),
  },
  {
    name: 'a big file in pieces',
    zip: () =>
      createZip(M, [
        { name: 'a', data: noise(mib(17)) },
        { name: 'b', data: noise(mib(17)), method: 'store' },
      ]),
  },
  { name: 'a big file of zeros', zip: () => createZip(M, [{ name: 'a', data: Buffer.alloc(mib(40)) }]) },
];

/** Zips that the go command refuses. */
const refused: readonly Case[] = [
  { name: 'an empty file', zip: () => Buffer.alloc(0) },
  { name: 'no zip', zip: () => Buffer.from('<html>not found</html>') },
  { name: 'cut in the directory', zip: () => rawZip([goMod, abc]).subarray(0, -30) },
  { name: 'cut by a byte', zip: () => rawZip([goMod, abc]).subarray(0, -1) },
  { name: 'the front cut off', zip: () => rawZip([goMod, abc]).subarray(40) },
  entries('bytes behind the zip', [goMod], { after: Buffer.from('x'.repeat(70_000)) }),
  entries('a comment longer than the file', [goMod], { comment: 'PK\x05\x06aaaaaaaaaaaaaaaazz' }),
  entries('another version', [{ name: 'corp.example/m@v1.0.1/a', raw: true }]),
  entries('no prefix', [{ name: 'a', raw: true }]),
  entries('absolute', [{ name: '/etc/passwd', raw: true }]),
  entries('upper-case prefix', [{ name: `${PREFIX.toUpperCase()}a`, raw: true }]),
  ...[
    '../a',
    'a/../../b',
    '..',
    '.',
    './a',
    'a/./b',
    '/a',
    '//',
    'a//b',
    'a\\b',
    'a:b',
    'C:a',
    'a*',
    'con',
    'x/aux.go',
    'a.',
    'a\0b',
    'a\nb',
    'e\u0301',
    '①',
    '\u{2ebf0}',
    '\ufeffa',
    '/',
    'x//',
    '../',
    'a"',
  ].map((name) => entries(`name ${JSON.stringify(name)}`, [goMod, { name }])),
  entries('a name that is not UTF-8', [{ name: Buffer.from([0x61, 0xff]) }]),
  entries('an overlong encoding', [{ name: Buffer.from([0xc1, 0x81]) }]),
  entries('a surrogate in UTF-8', [{ name: Buffer.from([0xed, 0xa0, 0x80]) }]),
  entries('a file twice', [abc, abc]),
  entries('case', [abc, { name: 'A' }]),
  entries('case of a folder', [{ name: 'x/a' }, { name: 'X/b' }]),
  entries('case beyond ASCII', [{ name: 'é' }, { name: 'É' }]),
  entries('the Kelvin sign', [{ name: 'k' }, { name: '\u212a' }]),
  entries('long s', [{ name: 's' }, { name: 'ſ' }]),
  entries('final sigma', [{ name: 'σ' }, { name: 'ς' }]),
  entries('sharp s', [{ name: 'ß' }, { name: 'ẞ' }]),
  entries('Cherokee', [{ name: 'Ꭰ' }, { name: 'ꭰ' }]),
  entries('Deseret', [{ name: '\u{10400}' }, { name: '\u{10428}' }]),
  entries('a file and a folder', [{ name: 'x' }, { name: 'x/y' }]),
  entries('a folder and a file', [{ name: 'x/' }, { name: 'x' }]),
  entries('a nested go.mod', [goMod, { name: 'x/go.mod' }]),
  entries('a nested Go.Mod', [goMod, { name: 'x/Go.Mod' }]),
  entries('GO.MOD', [{ name: 'GO.MOD' }]),
  entries('a folder in the place of go.mod', [{ name: 'go.mod/x' }]),
  entries('a folder with data', [{ name: 'x/', data: 'x' }]),
  entries('a folder without local header', [{ name: 'x/', localSignature: 1 }]),
  entries('declares less than it holds, stored', [{ ...abc, uncompressed: 2 }]),
  entries('declares more than it holds, stored', [{ ...abc, uncompressed: 4 }]),
  entries('declares less than it holds, deflated', [{ name: 'a', data: text, method: 8, uncompressed: 5 }]),
  entries('declares nothing and holds something', [{ name: 'a', data: text, method: 8, uncompressed: 0 }]),
  entries('declares more than it holds, deflated', [
    { name: 'a', data: text, method: 8, uncompressed: 5000 },
  ]),
  entries('declares far more than it holds', [{ name: 'a', data: text, method: 8, uncompressed: mib(20) }]),
  entries('crc', [{ ...abc, crc: 1 }]),
  entries('crc in the descriptor', [{ ...abc, flags: 8, descriptor: descriptor(1, true) }]),
  entries('crc zero with a descriptor', [{ ...abc, crc: 0, flags: 8, descriptor: descriptor(0, true) }]),
  entries('method', [{ ...abc, method: 12 }]),
  entries('deflate of nothing', [{ name: 'a', method: 8, stored: Buffer.alloc(0) }]),
  entries('deflate cut off', [
    { name: 'a', data: text, method: 8, stored: deflateRawSync(text).subarray(0, -3) },
  ]),
  entries('deflate with a bad block', [{ name: 'a', data: text, method: 8, stored: Buffer.from([7, 0, 0]) }]),
  entries('deflate that never ends', [
    { name: 'a', method: 8, stored: Buffer.concat(Array(1000).fill(emptyBlock)) },
  ]),
  entries('compressed size too small', [{ name: 'a', data: text, method: 8, compressed: 4 }]),
  entries('offset outside', [{ ...abc, offset: 1e6 }]),
  entries('offset on other bytes', [abc, { ...abc, name: 'b', offset: 1 }]),
  entries('zip64 extra too short', [
    { ...abc, compressed: 0xffffffff, extra: Buffer.from([1, 0, 4, 0, 0, 0, 0, 0]) },
  ]),
  entries('zip64 extra missing', [{ ...abc, compressed: 0xffffffff }]),
  entries('zip64 negative size', [{ ...abc, uncompressed: 0xffffffff, extra: zip64(-1n) }]),
  entries('zip64 negative offset', [{ ...abc, offset: 0xffffffff, extra: zip64(-1n) }]),
  entries('more entries than it says', [goMod, abc], { count: 1 }),
  entries('fewer entries than it says', [goMod], { count: 2 }),
  entries('directory outside', [goMod], { directoryOffset: 1e6 }),
  entries('directory too big', [goMod], { directorySize: 1e6 }),
  entries('go.mod too big', [{ name: 'go.mod', data: Buffer.alloc(mib(16) + 1, ' '), method: 8 }]),
  entries('LICENSE too big', [{ name: 'LICENSE', data: Buffer.alloc(mib(16) + 1), method: 8 }]),
  entries('500 MiB and one byte declared', [{ ...abc, uncompressed: mib(500) + 1 }]),
  entries('500 MiB in two declarations', [
    { name: 'a', uncompressed: mib(300) },
    { name: 'b', uncompressed: mib(300) },
  ]),
  entries('a bomb that declares a megabyte', [
    { name: 'a', method: 8, stored: bomb(), uncompressed: mib(1) },
  ]),
  entries('a bomb that declares 400 MiB', [{ name: 'a', method: 8, stored: bomb(), uncompressed: mib(400) }]),
];

/** 1 GiB of zeros in 1 MB; the same blocks over and over, so that making it takes no time */
function bomb(): Buffer {
  const block = deflateRawSync(Buffer.alloc(mib(8)), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array<Buffer>(128).fill(block), deflateRawSync(Buffer.alloc(0))]);
}

/** Bytes that deflate to about two thirds. */
function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    bytes[i] = 97 + ((x >>> 16) % (i % 1000 < 500 ? 4 : 26));
  }
  return bytes;
}

async function check(zip: Uint8Array, m: ModuleVersion = M) {
  const file = path.join(folder, 'case.zip');
  await writeFile(file, zip);
  return checkZip(file, m);
}

test('accepted zips', async () => {
  for (const { name, zip } of accepted) await assert.doesNotReject(check(zip()), name);
});

test('refused zips', async () => {
  for (const { name, zip } of refused) await assert.rejects(check(zip()), { code: 'BAD_ZIP' }, name);
});

/** By the definition of dirhash.Hash1; the folder counts as an empty file. */
function expectedH1(): string {
  const sha = (data: string) => hash('sha256', data);
  const lines = [
    `${sha(GO_MOD)}  ${PREFIX}go.mod`,
    `${sha('')}  ${PREFIX}x/`,
    `${sha(text)}  ${PREFIX}x/a.go`,
  ];
  return `h1:${hash('sha256', `${lines.join('\n')}\n`, 'base64')}`;
}

test('what a check tells', async () => {
  const zip = rawZip([goMod, { name: 'x/' }, { name: 'x/a.go', data: text, method: 8 }]);
  assert.deepEqual(await check(zip), {
    h1: expectedH1(),
    goModH1: hashGoMod(Buffer.from(GO_MOD)),
    files: 2,
    uncompressed: GO_MOD.length + text.length,
  });
  assert.equal((await check(rawZip([abc]))).goModH1, undefined);
});

test('go agrees on accepted zips, and on their h1', { skip: withoutGo, timeout: 300_000 }, async () => {
  for (const { name, zip } of accepted) {
    const bytes = zip();
    const verdict = await goDownload(folder, M, GO_MOD, bytes);
    assert.equal(verdict.Error, undefined, name);
    assert.equal((await check(bytes)).h1, verdict.Sum, name);
    assert.equal(hashGoMod(Buffer.from(GO_MOD)), verdict.GoModSum, name);
  }
});

test('go agrees on refused zips', { skip: withoutGo, timeout: 300_000 }, async () => {
  for (const { name, zip } of refused) {
    const verdict = await goDownload(folder, M, GO_MOD, zip());
    assert.notEqual(verdict.Error ?? '', '', name);
  }
});

test('go agrees on other paths and versions', { skip: withoutGo, timeout: 60_000 }, async () => {
  const modules = [
    ['corp.example/Upper/m/v2', 'v2.0.0-RC.1'],
    ['corp.example/m', 'v3.0.0+incompatible'],
    ['gopkg.in/m.v1', 'v1.2.3'],
  ] as const;
  for (const [modulePath, version] of modules) {
    const m = moduleVersion(modulePath, version);
    const mod = `module ${modulePath}\n`;
    const files = [{ name: 'README', data: Buffer.from('x') }];
    if (!version.endsWith('+incompatible')) files.push({ name: 'go.mod', data: Buffer.from(mod) });
    const zip = createZip(m, files);
    const verdict = await goDownload(folder, m, mod, zip);
    assert.equal(verdict.Error, undefined, modulePath);
    assert.equal((await check(zip, m)).h1, verdict.Sum);
  }
});

test('limits of ours: entries, names, work', async () => {
  const deep = entries('', [{ name: `${'a/'.repeat(2100)}b` }]);
  await assert.rejects(check(deep.zip()), { code: 'BAD_ZIP', message: /name of/ });
  // 70 entries that share the local header and data of the first: 560 MiB of work in a zip of 8 MiB.
  const blocks = Buffer.alloc(5 * Math.floor(mib(8) / 5), emptyBlock);
  const data = Buffer.concat([blocks, Buffer.of(1, 0, 0, 0xff, 0xff)]);
  const shared = (count: number) =>
    Array.from({ length: count }, (_, i): RawEntry => {
      const own = 30 + PREFIX.length + 3;
      const entry = { name: `f${10 + i}`, method: 8, compressed: data.length };
      return i === 0
        ? { ...entry, stored: data }
        : { ...entry, stored: Buffer.of(), offset: -(data.length + i * own) };
    });
  assert.equal((await check(rawZip(shared(3)))).files, 3);
  await assert.rejects(check(rawZip(shared(70))), { code: 'BAD_ZIP', message: /overlap/ });
});

test('fuzz: a zip with a few wrong bytes throws BAD_ZIP or is fine', async () => {
  const whole = rawZip([
    goMod,
    { name: 'x/' },
    { name: 'x/a.go', data: text, method: 8 },
    { ...abc, flags: 8, descriptor: descriptor(CRC_OF_ABC, true) },
  ]);
  const edit = fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(0, 1, 0x50, 0x7f, 0x80, 0xfe, 0xff));
  const property = fc.asyncProperty(
    fc.array(edit, { maxLength: 4 }),
    fc.nat(whole.length),
    async (edits, cut) => {
      const zip = Buffer.from(whole);
      for (const [at, byte] of edits) zip[at] = byte;
      try {
        await check(edits.length === 0 ? zip.subarray(0, cut) : zip);
      } catch (error) {
        assert.ok(error instanceof ModgateError && error.code === 'BAD_ZIP', String(error));
      }
    },
  );
  await fc.assert(property, { numRuns: 4000, interruptAfterTimeLimit: 2000 });
});
