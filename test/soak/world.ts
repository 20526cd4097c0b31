/** What the soak's upstream has: any number of modules, made of a seed, so that every answer can be foretold. */
import { createCipheriv, createHash } from 'node:crypto';
import { h1, writeZip, type ZipEntry } from '../kit/zip.ts';

export type FileKind = 'info' | 'mod' | 'zip';

/** A version by number: version n is one of VERSIONS of module floor(n / VERSIONS). */
export type Nth = number;

/** of each module */
export const VERSIONS = 50;
/** bytes of a zip's one large file: most are small, some are fetched in many pieces */
const SIZES = [
  { share: 0.9, most: 24 << 10 },
  { share: 0.995, most: 400 << 10 },
  { share: 1, most: 6 << 20 },
] as const;

export function pathOf(n: Nth): string {
  return `soak.example/m${Math.floor(n / VERSIONS)}`;
}

export function versionOf(n: Nth): string {
  return `v1.${n % VERSIONS}.0`;
}

/** The last version of the module of n. */
export function lastOf(n: Nth): Nth {
  return n - (n % VERSIONS) + VERSIONS - 1;
}

export class World {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  file(n: Nth, kind: FileKind): Buffer {
    switch (kind) {
      case 'info':
        return Buffer.from(JSON.stringify({ Version: versionOf(n), Time: '2024-01-02T03:04:05Z' }));
      case 'mod':
        return Buffer.from(goMod(n));
      case 'zip':
        return writeZip(this.#entries(n));
    }
  }

  h1(n: Nth): string {
    return h1(this.#entries(n));
  }

  list(): Buffer {
    return Buffer.from(Array.from({ length: VERSIONS }, (_, i) => `${versionOf(i)}\n`).join(''));
  }

  /** What a URL path answers; undefined: nothing is there. */
  answer(urlPath: string): { readonly type: string; readonly body: Buffer } | undefined {
    const [, module, file] = /^\/soak\.example\/m(\d{1,9})\/(@.+)$/.exec(urlPath) ?? [];
    if (module === undefined || file === undefined) return undefined;
    const first = Number(module) * VERSIONS;
    if (file === '@v/list') return { type: 'text/plain; charset=utf-8', body: this.list() };
    if (file === '@latest' || file === '@v/main.info')
      return { type: 'application/json', body: this.file(lastOf(first), 'info') };
    const [, minor, kind] = /^@v\/v1\.(\d{1,2})\.0\.(info|mod|zip)$/.exec(file) ?? [];
    const n = first + Number(minor);
    if (minor === undefined || Number(minor) >= VERSIONS) return undefined;
    if (kind === 'info') return { type: 'application/json', body: this.file(n, kind) };
    if (kind === 'mod') return { type: 'text/plain; charset=utf-8', body: this.file(n, kind) };
    return { type: 'application/zip', body: this.file(n, 'zip') };
  }

  #entries(n: Nth): ZipEntry[] {
    const prefix = `${pathOf(n)}@${versionOf(n)}/`;
    return [
      { name: `${prefix}go.mod`, data: Buffer.from(goMod(n)) },
      { name: `${prefix}soak.go`, data: Buffer.from(`package soak\n\nconst N = ${n}\n`), method: 'deflate' },
      { name: `${prefix}noise.bin`, data: this.#noise(n) },
    ];
  }

  /** Bytes that do not compress. */
  #noise(n: Nth): Buffer {
    const key = createHash('sha256').update(`${this.#seed} ${n}`).digest();
    const [size, kind] = [key.readUInt32LE(0) / 2 ** 32, key.readUInt32LE(4) / 2 ** 32];
    const most = SIZES.find(({ share }) => kind < share)?.most ?? 0;
    return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(
      Buffer.alloc(Math.floor(size * most)),
    );
  }
}

function goMod(n: Nth): string {
  return `module ${pathOf(n)}\n\ngo 1.20\n`;
}
