import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { type RawEntry, type RawZip, rawZip } from '../../src/modzip/rawzip.test.kit.ts';
import { type Pair, SOURCE, startPair } from '../kit/gateway.ts';
import { Go, WENT_DIRECT, withoutGo } from '../kit/go.ts';
import { until } from '../kit/wait.ts';
import { residentBytes } from './process.ts';

const MIB = 1 << 20;
/** MiB beyond what the gateway had before, whatever a zip says about itself; half a million names are 64 of them */
const ROOM = 260;
/** ms until a zip is refused, the largest lies included; generous, for a machine that others use too */
const SOON = 60_000;

interface Row {
  readonly name: string;
  /** @param prefix "path@version/" */
  readonly zip: (prefix: string) => Buffer;
  /** the reason that the retry reads */
  readonly why: RegExp;
}

const GO_MOD = (prefix: string): RawEntry => ({
  raw: true,
  name: `${prefix}go.mod`,
  data: `module ${prefix.split('@')[0] ?? ''}\n`,
});
const TEXT = 'package a\n'.repeat(100);

/** A right go.mod and further entries, whose names get the prefix unless they are `raw`. */
function row(name: string, why: RegExp, entries: readonly RawEntry[], zip?: RawZip): Row {
  return {
    name,
    why,
    zip: (prefix) => {
      const named = entries.map((entry) =>
        entry.raw === true
          ? entry
          : { ...entry, raw: true, name: Buffer.concat([Buffer.from(prefix), Buffer.from(entry.name)]) },
      );
      return rawZip([GO_MOD(prefix), ...named], zip);
    },
  };
}

const named = (name: string, why = /malformed|invalid|absolute|clean|bad|name/i) =>
  row(`a name ${JSON.stringify(name)}`, why, [{ name }]);
const cut = (name: string, change: (zip: Buffer) => Buffer): Row => ({
  name,
  why: /zip|cut off|directory|entry|header/i,
  zip: (prefix) =>
    change(rawZip([GO_MOD(prefix), { raw: true, name: `${prefix}a.go`, data: TEXT, method: 8 }])),
});

function zip64(...values: readonly bigint[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) extra.writeBigUInt64LE(BigInt.asUintN(64, value), 4 + 8 * i);
  return extra;
}

/** 1 GiB of zeros in 1 MB. */
const BOMB = (() => {
  const block = deflateRawSync(Buffer.alloc(8 * MIB), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array<Buffer>(128).fill(block), deflateRawSync(Buffer.alloc(0))]);
})();
const GIB = 1 << 30;
const abc = { name: 'a.go', data: 'abc' };

/** Entries that share one local header and its data. */
function shared(count: number, entry: RawEntry, prefix: string): RawEntry[] {
  const stored = entry.stored ?? Buffer.alloc(0);
  return Array.from({ length: count }, (_, i) => {
    const name = `${prefix}f${String(i).padStart(7, '0')}`;
    const own = { ...entry, raw: true, name, compressed: stored.length };
    return i === 0
      ? { ...own, stored }
      : { ...own, stored: Buffer.alloc(0), offset: -(stored.length + i * (30 + name.length)) };
  });
}

const ROWS: readonly Row[] = [
  cut('cut by a byte', (zip) => zip.subarray(0, -1)),
  cut('cut in the directory', (zip) => zip.subarray(0, -60)),
  cut('cut in the middle', (zip) => zip.subarray(0, zip.length >> 1)),
  cut('its front cut off', (zip) => zip.subarray(50)),
  cut('nothing but its end record', (zip) => zip.subarray(-22)),
  cut('bytes behind it', (zip) => Buffer.concat([zip, Buffer.alloc(70_000, 'x')])),
  row('another module', /does not begin with/, [
    { ...abc, raw: true, name: 'example.com/other@v1.0.0/a.go' },
  ]),
  row('another version', /does not begin with/, [
    { ...abc, raw: true, name: 'example.com/zip0@v9.9.9/a.go' },
  ]),
  row('no prefix', /does not begin with/, [{ ...abc, raw: true, name: 'a.go' }]),
  row('an absolute name', /does not begin with/, [{ ...abc, raw: true, name: '/etc/cron.d/x' }]),
  row('a name of another drive', /does not begin with/, [{ ...abc, raw: true, name: 'C:\\x' }]),
  named('../../../etc/cron.d/x'),
  named('a/../../../x'),
  named('..'),
  named('./a'),
  named('/a'),
  named('a//b'),
  named('a\\..\\..\\b'),
  named('a\0.go'),
  named('a\n.go'),
  named('con.go'),
  named('a/NUL'),
  named('a.'),
  row('a name that is not UTF-8', /UTF-8|malformed|invalid/i, [{ name: Buffer.from([0x61, 0xff, 0x2f]) }]),
  row('an overlong name', /name/i, [{ name: `${'a/'.repeat(4000)}b` }]),
  row('a file twice', /duplicate|twice|multiple|collision/i, [abc, abc]),
  row('names equal but for case', /case-insensitive/, [abc, { name: 'A.GO' }]),
  row('folders equal but for case', /case-insensitive/, [{ name: 'x/a' }, { name: 'X/b' }]),
  row('a file that is a folder too', /folder|directory/i, [{ name: 'x' }, { name: 'x/y' }]),
  row('1 GiB of zeros in 1 MB, said so', /more than 524288000 bytes/, [
    { name: 'a', method: 8, stored: BOMB, uncompressed: GIB },
  ]),
  row('1 GiB of zeros in 1 MB, as 1 MiB', /more than the/, [
    { name: 'a', method: 8, stored: BOMB, uncompressed: MIB },
  ]),
  row('1 GiB of zeros in 1 MB, as 0', /more than the/, [
    { name: 'a', method: 8, stored: BOMB, uncompressed: 0 },
  ]),
  row('1 GiB of zeros in 1 MB, as 490 MiB', /more than the/, [
    { name: 'a', method: 8, stored: BOMB, uncompressed: 490 * MIB },
  ]),
  {
    name: 'overlapping files: 4,000 over one of 8 MiB',
    why: /more than 524288000 bytes|overlap/,
    zip: (prefix) => {
      const stored = deflateRawSync(Buffer.alloc(8 * MIB));
      return rawZip([
        GO_MOD(prefix),
        ...shared(4000, { name: '', method: 8, stored, uncompressed: 8 * MIB }, prefix),
      ]);
    },
  },
  {
    name: 'overlapping files that declare nothing',
    why: /more than the|overlap/,
    zip: (prefix) => {
      const stored = deflateRawSync(Buffer.alloc(8 * MIB));
      return rawZip([
        GO_MOD(prefix),
        ...shared(4000, { name: '', method: 8, stored, uncompressed: 0 }, prefix),
      ]);
    },
  },
  {
    name: '510,000 entries',
    why: /entries|files/,
    zip: (prefix) =>
      rawZip([GO_MOD(prefix), ...shared(510_000, { name: '' }, prefix)], { count: 510_001 & 0xffff }),
  },
  row('declares less than it holds', /more than the|declares/, [{ ...abc, uncompressed: 2 }]),
  row('declares more than it holds', /declares/, [{ ...abc, uncompressed: 4 }]),
  row('declares 499 MiB and holds nothing', /declares|corrupt/, [
    { name: 'a', method: 8, uncompressed: 499 * MIB },
  ]),
  row('compressed size too small', /corrupt|declares/, [{ name: 'a', data: TEXT, method: 8, compressed: 4 }]),
  row('zip64 that declares 2^63', /size|declares|bytes/i, [
    { ...abc, uncompressed: 0xffffffff, extra: zip64(1n << 63n) },
  ]),
  row('zip64 that declares -1', /size|declares|bad/i, [
    { ...abc, uncompressed: 0xffffffff, extra: zip64(-1n) },
  ]),
  row('zip64 without its extra', /entries|directory/i, [{ ...abc, compressed: 0xffffffff }]),
  row('an offset outside', /local header/, [{ ...abc, offset: 1e8 }]),
  row('a wrong checksum', /CRC32/, [{ ...abc, crc: 1 }]),
  row('an unknown method', /method/, [{ ...abc, method: 99 }]),
  row('a deflate stream that is noise', /corrupt/, [
    { name: 'a', method: 8, stored: Buffer.alloc(500, 0xb6), uncompressed: 500 },
  ]),
  row('a deflate stream of empty blocks', /corrupt/, [
    {
      name: 'a',
      method: 8,
      stored: Buffer.concat(Array<Buffer>(20_000).fill(Buffer.from([0, 0, 0, 0xff, 0xff]))),
    },
  ]),
  row('fewer entries than it says', /entries/, [abc], { count: 3 }),
  row('a directory outside', /directory/, [abc], { directoryOffset: 1e8 }),
  row('go.mod of 17 MiB', /go\.mod/, [], {}),
];

describe('hostile zips', { skip: withoutGo }, () => {
  let pair: Pair;
  let go: Go;
  before(async () => {
    go = new Go();
    pair = await startPair({ source: { retry: { attempts: 1 } }, config: { cache: { negative: '10m' } } });
    // What a first zip needs once: worker threads and their code.
    assert.equal((await pair.modgate.ask('/example.com/plain/@v/v1.0.0.zip')).status, 200);
  });
  after(async () => {
    go.remove();
    await pair.close();
  });

  for (const [n, { name, zip, why }] of ROWS.entries()) {
    test(name, async () => {
      const { modgate, upstream } = pair;
      const m = `example.com/zip${n}`;
      const at = `/${m}/@v/v1.0.0`;
      const text = (body: string) => ({ type: 'text/plain', body: Buffer.from(body) });
      upstream.answers.set(`${at}.info`, text('{"Version":"v1.0.0"}'));
      upstream.answers.set(`${at}.mod`, text(`module ${m}\n`));
      upstream.answers.set(`${at}.zip`, {
        type: 'application/zip',
        body: bytesOf(name, zip, `${m}@v1.0.0/`),
      });
      const memory = residentBytes(modgate.pid);
      const start = performance.now();
      const first = await modgate.ask(`${at}.zip`, { limit: SOON }).catch(() => undefined);
      if (first !== undefined) assert.equal(first.status, 502, first.text.slice(0, 300));
      assert.ok(performance.now() - start < SOON);
      const grown = (residentBytes(modgate.pid) - memory) / MIB;
      assert.ok(grown < ROOM, `${grown} MiB`);
      upstream.answers.delete(`${at}.zip`);
      const run = await go.run(['mod', 'download', `${m}@v1.0.0`], { proxy: `${modgate.url},direct` });
      assert.equal(run.code, 1);
      assert.match(run.stderr, /code: BAD_ZIP/);
      assert.match(run.stderr, new RegExp(SOURCE));
      assert.match(run.stderr, why);
      assert.doesNotMatch(run.stderr, WENT_DIRECT);
      const stored = modgate.files('tree').filter((file) => file.startsWith(m) && /\.zip/.test(file));
      assert.deepEqual(stored, []);
      await until(() => (modgate.files('tmp').length === 0 ? true : undefined), 'tmp to be empty');
    });
  }

  test('the gateway lives, and serves a right zip', async () => {
    const reply = await pair.modgate.ask('/example.com/medium/@v/v1.0.0.zip');
    assert.equal(reply.status, 200);
    assert.equal(pair.modgate.logs.filter((line) => line.level === 'error').length, 0);
  });
});

function bytesOf(name: string, zip: (prefix: string) => Buffer, prefix: string): Buffer {
  if (name !== 'go.mod of 17 MiB') return zip(prefix);
  return rawZip([{ ...GO_MOD(prefix), data: Buffer.alloc(17 * MIB, ' '), method: 8 }]);
}
