import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { toModgateError } from '../errors/index.ts';
import { AheadDigests } from './ahead.ts';
import { checkZip, ZipChecker } from './index.ts';
import { M, type RawEntry, rawZip } from './rawzip.test.kit.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'modgate-ahead-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** As Go's archive/zip writes it: no sizes before the data, a descriptor behind it. */
function described(name: string, data: Buffer): RawEntry {
  const stored = deflateRawSync(data);
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc32(data), 4);
  descriptor.writeUInt32LE(stored.length, 8);
  descriptor.writeUInt32LE(data.length, 12);
  return { name, data, method: 8, flags: 0x8, descriptor };
}

function text(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => 97 + ((i * i) % 23)));
}

const PLAIN: RawEntry[] = [1, 20, 70_000, 3].map((size, i) => ({
  name: `f${i}`,
  data: text(size),
  method: i % 2 === 0 ? 8 : 0,
}));
const GO: RawEntry[] = [1, 20, 200_000, 3].map((size, i) => described(`f${i}`, text(size)));
/** A descriptor's signature in the data itself, followed by what is no size of it. */
const DECOY = described('decoy', Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), text(9)]));

/** Grows the file in steps and counts the entries whose digest the check then finds. */
function inSteps(bytes: Buffer, step: number): { ahead: AheadDigests; file: string; found: () => number } {
  const file = path.join(folder, 'steps.zip');
  writeFileSync(file, '');
  const fd = openSync(file, 'r+');
  const ahead = new AheadDigests(file);
  for (let at = 0; at < bytes.length; at += step) {
    writeSync(fd, bytes, at, Math.min(step, bytes.length - at), at);
    while (!ahead.grow(Math.min(at + step, bytes.length)));
  }
  closeSync(fd);
  let found = 0;
  const find = ahead.find.bind(ahead);
  ahead.find = (...place) => {
    const digest = find(...place);
    if (digest !== undefined) found++;
    return digest;
  };
  return { ahead, file, found: () => found };
}

function outcome(check: () => unknown): unknown {
  try {
    return check();
  } catch (error) {
    return toModgateError(error).message;
  }
}

describe('a check that began while its zip arrived', () => {
  const ZIPS: [what: string, zip: Buffer, known: number][] = [
    ['sizes before the data', rawZip(PLAIN), 4],
    ['descriptors behind the data', rawZip(GO), 4],
    ['a false descriptor in the data', rawZip([DECOY, ...GO]), 5],
    ['bytes before the zip: nothing is known', rawZip(GO, { before: Buffer.alloc(100, 1) }), 0],
    [
      'an unknown method: what stands before it',
      rawZip([...GO, { name: 'x', method: 12, stored: text(9) }]),
      4,
    ],
    ['a CRC that lies', rawZip([{ name: 'a', data: 'abc', crc: 7 }, ...PLAIN]), 1],
    ['a size that lies', rawZip([...PLAIN, { name: 'a', data: 'abc', uncompressed: 7 }]), 4],
    ['other sizes in the directory', rawZip([{ name: 'a', data: 'abc', compressed: 2 }]), 0],
  ];
  for (const [what, zip, known] of ZIPS) {
    for (const step of [1 << 30, 4096, 997]) {
      test(`${what}, in steps of ${step} bytes`, () => {
        const { ahead, file, found } = inSteps(zip, step);
        const usual = outcome(() => checkZip(file, M));
        assert.deepEqual(
          outcome(() => checkZip(file, M, ahead)),
          usual,
        );
        if (typeof usual !== 'string') assert.equal(found(), known);
        ahead.close();
      });
    }
  }

  test('fuzz: has the same outcome as one that did not, whatever the bytes', () => {
    const whole = rawZip([...PLAIN.slice(0, 2), ...GO.slice(0, 2), DECOY]);
    const edit = fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(0, 1, 8, 0x4b, 0x50, 0x7f, 0xff));
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), fc.integer({ min: 1, max: 600 }), (edits, step) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of edits) bytes[at] = value;
        const { ahead, file } = inSteps(bytes, step);
        const usual = outcome(() => checkZip(file, M));
        assert.deepEqual(
          outcome(() => checkZip(file, M, ahead)),
          usual,
        );
        ahead.close();
      }),
      { numRuns: 3000, interruptAfterTimeLimit: 3000 },
    );
  });
});

describe('ZipChecker with checks that begin early', () => {
  const large = path.join(folder, 'large.zip');
  const files = Array.from({ length: 40 }, (_, i) => described(`f${i}`, Buffer.from(noise(i))));
  writeFileSync(large, rawZip(files));
  const { size } = statSync(large);

  /** 100 kB that do not compress */
  function noise(seed: number): Uint8Array {
    const bytes = new Uint8Array(100_000);
    for (let i = 0, state = seed + 1; i < bytes.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[i] = state >>> 24;
    }
    return bytes;
  }

  test('gives the same result, and forgets the file', async () => {
    const checker = new ZipChecker({ workers: 2 });
    const usual = checkZip(large, M);
    for (let round = 0; round < 8; round++) {
      const ahead = checker.ahead();
      for (let there = 0; there < size; there += 300_000) ahead.grow(large, there);
      assert.deepEqual(await checker.check(large, M, { ahead }), usual);
      ahead.close();
    }
    await checker.close();
  });

  test('more files at once than there are places, some given up, some gone', async () => {
    const checker = new ZipChecker({ workers: 2 });
    const usual = checkZip(large, M);
    const aheads = Array.from({ length: 10 }, () => checker.ahead());
    for (const [i, ahead] of aheads.entries()) ahead.grow(i === 3 ? `${large}.absent` : large, size);
    aheads[0]?.close();
    const checks = aheads.map((ahead) => checker.check(large, M, { ahead }));
    for (const result of await Promise.all(checks)) assert.deepEqual(result, usual);
    for (const ahead of aheads) ahead.close();
    assert.equal(checker.pending, 0);
    await checker.close();
  });

  test('keeps no process alive that waits for nothing else', async () => {
    const checker = new URL('./checker.js', import.meta.url).href;
    const program = `const { ZipChecker } = await import(${JSON.stringify(checker)});
      new ZipChecker({ workers: 1 }).ahead().grow(${JSON.stringify(large)}, ${size});`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
  });

  test('a file that gets shorter is refused as always', async () => {
    const shrinking = path.join(folder, 'shrinking.zip');
    writeFileSync(shrinking, rawZip(files));
    const checker = new ZipChecker({ workers: 1 });
    const ahead = checker.ahead();
    ahead.grow(shrinking, size);
    truncateSync(shrinking, size - 1000);
    await assert.rejects(checker.check(shrinking, M, { ahead }), { code: 'BAD_ZIP' });
    ahead.close();
    await checker.close();
  });
});
