import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { toModgateError } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { type CheckedZip, hashGoMod, MAX_GOMOD_BYTES, type ZipChecker } from '../modzip/index.ts';
import {
  type FileFacts,
  type KeyParts,
  keys,
  partsOf,
  type StoredFile,
  type Storeroom,
  type TreeKey,
  type VersionFile,
} from '../store/index.ts';
import { vouchedH1 } from './publication.ts';
import { checkShape } from './verify-shape.ts';

/**
 * What a check found. `fits`: as far as can be told. `bad`: not what was stored. `odd`: what was stored, and yet not
 * what one expects. `unreadable`: the disk does not give it; it stays where it is. `gone`: removed meanwhile. `foreign`: nothing that modgate writes.
 */
export type Finding =
  | { readonly key: TreeKey; readonly outcome: 'fits' | 'gone' | 'foreign' }
  | { readonly key: TreeKey; readonly outcome: 'bad' | 'odd' | 'unreadable'; readonly why: string };

/** bytes of one read */
const PIECE = 1 << 20;
/** bytes up to which a file is held whole; every file but a zip is smaller */
const WHOLE = MAX_GOMOD_BYTES;
/** ms after which what was just written stands in the catalogue */
const SETTLING = 1_000;

interface Content {
  readonly size: number;
  readonly crc: number;
  /** undefined for a large one */
  readonly bytes: Buffer | undefined;
}

/** Checks single stored files: their bytes against what is catalogued, their shape, and against each other. */
export class FileChecker {
  readonly #room: Storeroom;
  readonly #zips: ZipChecker;

  constructor(room: Storeroom, zips: ZipChecker) {
    this.#room = room;
    this.#zips = zips;
  }

  /** The first finding is that of the file itself; others are of files that it was compared with. */
  async check(file: StoredFile, signal: AbortSignal): Promise<readonly [Finding, ...Finding[]]> {
    const parts = partsOf(file.key);
    if (parts.kind === 'other') return [{ key: file.key, outcome: 'foreign' }];
    try {
      const first = await this.#once(file.key, parts, signal);
      if (first[0].outcome !== 'bad') return first;
      // Whoever replaces a file, or has just stored it, may be ahead of the catalogue: only what stays so is bad.
      await delay(SETTLING, undefined, { signal });
      return await this.#once(file.key, parts, signal);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      return [{ key: file.key, outcome: 'unreadable', why: toModgateError(thrown).message }];
    }
  }

  async #once(key: TreeKey, parts: KeyParts, signal: AbortSignal): Promise<[Finding, ...Finding[]]> {
    const before = this.#room.stat(key);
    const content = before === undefined ? undefined : await this.#read(key, signal);
    if (before === undefined || content === undefined) return [{ key, outcome: 'gone' }];
    const recorded = this.#recorded(key, parts, before.modified);
    const why =
      difference(content, recorded) ??
      misshapen(parts, content) ??
      (parts.kind === 'ziphash' ? await this.#contradiction(parts.m, content) : undefined);
    // That there is such a file is what counts: moved away, a deleted version would come back.
    if (why !== undefined && 'of' in parts) return [{ key, outcome: 'odd', why }];
    if (why !== undefined) return [{ key, outcome: 'bad', why: this.#loss(parts, why) }];
    const known = recorded?.crc !== undefined;
    const findings: [Finding, ...Finding[]] =
      parts.kind === 'zip' ? await this.#zip(key, parts.m, known, signal) : [{ key, outcome: 'fits' }];
    if (!known && findings[0].outcome === 'fits') await this.#room.remember(key, content);
    return findings;
  }

  /** What was published or deleted has its h1 in another place too. */
  async #contradiction(m: ModuleVersion, { bytes }: Content): Promise<string | undefined> {
    const vouched = await vouchedH1(this.#room, m);
    if (vouched === undefined || bytes?.toString('latin1') === vouched) return undefined;
    return `it is not ${vouched}, which the version was published or deleted with`;
  }

  /** What it means that a file is broken, for one that no source has. */
  #loss(parts: KeyParts, why: string): string {
    const isLost = 'm' in parts && this.#room.stat(keys.mark(parts.m, 'published')) !== undefined;
    return isLost ? `${why}; it was published here, and no source has it: publish the same zip again` : why;
  }

  /** What the catalogue says; nothing about an answer that was replaced since. */
  #recorded(key: TreeKey, parts: KeyParts, modified: number): FileFacts | undefined {
    if ('m' in parts) return this.#room.catalog.version(parts.m)?.[parts.kind];
    const row = this.#room.catalog.answer(key);
    const forGood = parts.kind === 'sumdb' && parts.endpoint !== 'latest';
    return forGood || row?.modified === modified ? row : undefined;
  }

  async #zip(
    key: TreeKey,
    m: ModuleVersion,
    known: boolean,
    signal: AbortSignal,
  ): Promise<[Finding, ...Finding[]]> {
    let checked: CheckedZip;
    try {
      checked = await this.#zips.check(this.#room.path(key), m, { signal });
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.code === 'BAD_ZIP')
        return [{ key, outcome: 'bad', why: this.#loss({ kind: 'zip', m }, error.message) }];
      if (this.#room.stat(key) === undefined) return [{ key, outcome: 'gone' }];
      throw error;
    }
    const mod = await this.#mod(m, checked, signal);
    return [await this.#h1(key, m, checked.h1, known, signal), ...mod];
  }

  /** @param known whether the zip's own bytes are those that were stored */
  async #h1(
    key: TreeKey,
    m: ModuleVersion,
    h1: string,
    known: boolean,
    signal: AbortSignal,
  ): Promise<Finding> {
    const claimed = await this.#kept(m, 'ziphash', signal);
    const vouched = await vouchedH1(this.#room, m);
    if (claimed === undefined && (vouched ?? h1) === h1) {
      // A tree that came from elsewhere: from now on this version cannot become another one.
      await this.#room.tree.put(keys.file(m, 'ziphash'), Buffer.from(h1), { kind: 'immutable' });
      return { key, outcome: 'fits' };
    }
    // Where the ziphash is the one that changed, its own check says so.
    const isOther = claimed !== undefined && known && !claimed.known;
    if ((vouched ?? claimed?.bytes.toString('latin1')) === h1 || (vouched === undefined && isOther))
      return { key, outcome: 'fits' };
    const why = `its h1 is ${h1}, and the stored one is another`;
    return { key, outcome: 'bad', why: this.#loss({ kind: 'zip', m }, why) };
  }

  /** The `.mod` and the go.mod in the zip are one file, as the go command takes them to be. */
  async #mod(m: ModuleVersion, { goModH1 }: CheckedZip, signal: AbortSignal): Promise<Finding[]> {
    const mod = goModH1 === undefined ? undefined : await this.#kept(m, 'mod', signal);
    if (mod === undefined || hashGoMod(mod.bytes) === goModH1) return [];
    const why = 'it differs from the go.mod in the zip';
    // What a source gave so is told and left: the same would come again.
    return [{ key: keys.file(m, 'mod'), outcome: mod.known ? 'odd' : 'bad', why }];
  }

  /** Another file of the version; known: its bytes are the ones that were stored. */
  async #kept(
    m: ModuleVersion,
    kind: VersionFile,
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; known: boolean } | undefined> {
    const content = await this.#read(keys.file(m, kind), signal);
    if (content?.bytes === undefined) return undefined;
    const recorded = this.#room.catalog.version(m)?.[kind];
    return {
      bytes: content.bytes,
      known: recorded?.crc !== undefined && difference(content, recorded) === undefined,
    };
  }

  async #read(key: TreeKey, signal: AbortSignal): Promise<Content | undefined> {
    const content = await this.#room.tree.open(key);
    if (content === undefined) return undefined;
    try {
      const { size } = content;
      const buffer = Buffer.allocUnsafe(Math.min(size, size <= WHOLE ? size : PIECE));
      let crc = 0;
      let position = 0;
      while (position < size) {
        signal.throwIfAborted();
        const got = await content.read(buffer, position);
        if (got === 0) break;
        crc = crc32(buffer.subarray(0, got), crc);
        position += got;
      }
      return { size: position, crc, bytes: size <= WHOLE ? buffer.subarray(0, position) : undefined };
    } finally {
      await content.close();
    }
  }
}

function difference(content: Content, recorded: FileFacts | undefined): string | undefined {
  if (recorded?.crc === undefined) return undefined;
  if (content.size !== recorded.size) return `it has ${content.size} bytes; ${recorded.size} were stored`;
  return content.crc === recorded.crc ? undefined : 'its bytes are not those that were stored';
}

function misshapen(parts: KeyParts, { bytes }: Content): string | undefined {
  if (parts.kind === 'zip') return undefined;
  if (bytes === undefined) return 'it is larger than such a file can be';
  try {
    checkShape(parts, bytes);
    return undefined;
  } catch (thrown) {
    return toModgateError(thrown).message.replace(/^source "the store": /, '');
  }
}
