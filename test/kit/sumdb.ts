/**
 * A checksum database of the fixture: a signed tree of its records, small enough for one tile, so that the
 * real go command verifies what it is told through modgate. Formats: golang.org/design/25530-sumdb.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { FixtureAnswer } from './fixture.ts';

/** A fixed Ed25519 seed: the key of a database that exists in tests only. */
const SEED = Buffer.alloc(32, 7);
/** PKCS #8 header of an Ed25519 private key (RFC 8410, section 7) */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ALG_ED25519 = 1;

export const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Signs tree heads under a name. */
export class DatabaseKey {
  /** the value of GOSUMDB: name+hash+key */
  readonly verifier: string;
  readonly #name: string;
  readonly #hash: Buffer;
  readonly #secret = createPrivateKey({ key: Buffer.concat([PKCS8, SEED]), format: 'der', type: 'pkcs8' });

  constructor(name: string) {
    this.#name = name;
    const spki = createPublicKey(this.#secret).export({ format: 'der', type: 'spki' });
    const key = Buffer.concat([Buffer.of(ALG_ED25519), spki.subarray(-32)]);
    this.#hash = sha256(Buffer.from(`${name}\n`), key).subarray(0, 4);
    this.verifier = `${name}+${this.#hash.toString('hex')}+${key.toString('base64')}`;
  }

  head(size: number, root: Buffer): string {
    const text = `go.sum database tree\n${size}\n${root.toString('base64')}\n`;
    const signature = Buffer.concat([this.#hash, sign(null, Buffer.from(text), this.#secret)]);
    return `${text}\n— ${this.#name} ${signature.toString('base64')}\n`;
  }
}

export class SumDatabase {
  readonly name: string;
  /** the value of GOSUMDB: name+hash+key */
  readonly verifier: string;
  readonly #records: readonly { readonly key: string; readonly lines: string }[];
  readonly #leaves: readonly Buffer[];
  readonly #head: string;

  constructor(name: string, records: readonly { readonly key: string; readonly lines: string }[]) {
    if (records.length === 0 || records.length > 255)
      throw new Error('one partial tile holds 1 to 255 records');
    this.name = name;
    this.#records = records;
    this.#leaves = records.map(({ lines }) => sha256(Buffer.of(0), Buffer.from(lines)));
    const key = new DatabaseKey(name);
    this.verifier = key.verifier;
    this.#head = key.head(records.length, treeHash(this.#leaves));
  }

  /** The answer to /sumdb/<name>/…; undefined: 404. */
  answer(urlPath: string): FixtureAnswer | undefined {
    const base = `/sumdb/${this.name}/`;
    if (!urlPath.startsWith(base)) return undefined;
    const rest = urlPath.slice(base.length);
    if (rest === 'supported') return { type: 'text/plain', body: Buffer.alloc(0) };
    if (rest === 'latest') return { type: 'text/plain; charset=UTF-8', body: Buffer.from(this.#head) };
    if (rest.startsWith('lookup/')) return this.#lookup(rest.slice('lookup/'.length));
    // The hash tile of a tree that is smaller than a tile: one, partial, of its own width.
    if (rest === `tile/8/0/000.p/${this.#leaves.length}`) {
      return { type: 'application/octet-stream', body: Buffer.concat(this.#leaves) };
    }
    return undefined;
  }

  /** Number of records, the width of the one tile. */
  get size(): number {
    return this.#leaves.length;
  }

  #lookup(key: string): FixtureAnswer | undefined {
    const at = this.#records.findIndex((record) => record.key === key);
    const record = this.#records[at];
    if (record === undefined) return undefined;
    return { type: 'text/plain; charset=UTF-8', body: Buffer.from(`${at}\n${record.lines}\n${this.#head}`) };
  }
}

/** RFC 6962, section 2.1. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}
