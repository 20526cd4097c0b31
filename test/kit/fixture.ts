/** Modules defined in code → the answers of a GOPROXY, over HTTP or as the tree that file:// reads. */
import fs from 'node:fs';
import path from 'node:path';
import { h1, writeZip, type ZipEntry } from './zip.ts';

export interface FixtureVersion {
  readonly version: string;
  /** RFC 3339 */
  readonly time: string;
  /** name below the module's root → text */
  readonly files: Readonly<Record<string, string>>;
  /** what .mod answers where it is not the file go.mod */
  readonly goMod?: string;
  /** false: left out of the list; default true */
  readonly listed?: boolean;
  /** branches and commits that this version answers */
  readonly queries?: readonly string[];
  /** bytes of incompressible files added to the zip, made when first asked */
  readonly bulk?: number;
}

export interface FixtureModule {
  readonly path: string;
  readonly versions: readonly FixtureVersion[];
  /** other queries → version */
  readonly queries?: Readonly<Record<string, string>>;
  /** version that @latest answers; none: 404 */
  readonly latest?: string;
}

export interface FixtureAnswer {
  readonly type: string;
  readonly body: Buffer;
}

/** module.EscapePath and EscapeVersion: `!` and the small letter for each capital. */
function escapeCapitals(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

/** made when first asked; by object, so that a changed version is another one */
const zips = new WeakMap<FixtureVersion, Buffer>();
const BLOCK = 1 << 20;

export class Fixture {
  readonly #modules: readonly FixtureModule[];

  constructor(modules: readonly FixtureModule[]) {
    this.#modules = modules;
  }

  get modules(): readonly FixtureModule[] {
    return this.#modules;
  }

  /** The answer to an unescaped URL path such as "/example.com/plain/@v/list"; undefined: 404. */
  answer(urlPath: string): FixtureAnswer | undefined {
    for (const module of [...this.#modules, ...coldModule(urlPath)]) {
      const base = `/${escapeCapitals(module.path)}/`;
      if (!urlPath.startsWith(`${base}@`)) continue;
      const rest = urlPath.slice(base.length);
      if (rest === '@latest')
        return module.latest === undefined ? undefined : this.#info(module, module.latest);
      if (rest === '@v/list') return text(listOf(module));
      if (rest.startsWith('@v/')) return this.#file(module, rest.slice(3));
    }
    return undefined;
  }

  /** Lines of the public checksum database about every version but the large ones. */
  sums(): { key: string; lines: string }[] {
    // The long one alone would not fit into the one tile.
    const modules = this.#modules.filter((module) => module.versions.length < 100);
    return modules.flatMap((module) =>
      module.versions
        .filter((v) => v.bulk === undefined)
        .map((v) => {
          const zip = h1(entriesOf(module, v));
          const goMod = h1([{ name: 'go.mod', data: Buffer.from(goModOf(module, v)) }]);
          const key = `${escapeCapitals(module.path)}@${escapeCapitals(v.version)}`;
          return {
            key,
            lines: `${module.path} ${v.version} ${zip}\n${module.path} ${v.version}/go.mod ${goMod}\n`,
          };
        }),
    );
  }

  /** h1 of a version's zip, as go.sum has it. */
  h1(modulePath: string, version: string): string {
    const module = this.#modules.find((m) => m.path === modulePath);
    const found = module?.versions.find((v) => v.version === version);
    if (module === undefined || found === undefined)
      throw new Error(`the fixture has no ${modulePath}@${version}`);
    return h1(entriesOf(module, found));
  }

  /** Writes the tree that GOPROXY=file:// reads; the large ones are left out. */
  writeTree(folder: string): void {
    for (const module of this.#modules) {
      const base = path.join(folder, escapeCapitals(module.path));
      fs.mkdirSync(path.join(base, '@v'), { recursive: true });
      fs.writeFileSync(path.join(base, '@v/list'), listOf(module));
      const latest = module.latest === undefined ? undefined : this.#info(module, module.latest);
      if (latest !== undefined) fs.writeFileSync(path.join(base, '@latest'), latest.body);
      for (const v of module.versions.filter((one) => one.bulk === undefined)) {
        for (const kind of ['info', 'mod', 'zip']) {
          const name = `${escapeCapitals(v.version)}.${kind}`;
          const answer = this.#file(module, name);
          if (answer !== undefined) fs.writeFileSync(path.join(base, '@v', name), answer.body);
        }
      }
    }
  }

  #file(module: FixtureModule, name: string): FixtureAnswer | undefined {
    const dot = name.lastIndexOf('.');
    const [asked, kind] = [name.slice(0, dot), name.slice(dot + 1)];
    const version = module.versions.find((v) => escapeCapitals(v.version) === asked);
    if (kind === 'info') return this.#info(module, version?.version ?? resolve(module, asked));
    if (version === undefined) return undefined;
    if (kind === 'mod') return text(goModOf(module, version));
    return kind === 'zip' ? { type: 'application/zip', body: zipOf(module, version) } : undefined;
  }

  #info(module: FixtureModule, version: string | undefined): FixtureAnswer | undefined {
    const found = module.versions.find((v) => v.version === version);
    if (found === undefined) return undefined;
    const origin = {
      VCS: 'git',
      URL: `https://${module.path}`,
      Hash: 'aabbccddeeff00112233445566778899aabbccdd',
    };
    const body = Buffer.from(JSON.stringify({ Version: found.version, Time: found.time, Origin: origin }));
    return { type: 'application/json', body };
  }
}

const colds = new Map<string, FixtureModule>();

/** Every path example.com/cold/NAME is a module, so that a test can always have one that nobody asked for yet. */
function coldModule(urlPath: string): FixtureModule[] {
  const name = /^\/(example\.com\/cold\/[a-z0-9]+)\/@/.exec(urlPath)?.[1];
  if (name === undefined) return [];
  const files = { 'go.mod': `module ${name}\n`, 'cold.go': 'package cold\n' };
  const module = colds.get(name) ?? {
    path: name,
    latest: 'v1.0.0',
    queries: { main: 'v1.0.0' },
    versions: [{ version: 'v1.0.0', time: '2024-01-02T03:04:05Z', files }],
  };
  colds.set(name, module);
  return [module];
}

function resolve(module: FixtureModule, query: string): string | undefined {
  return module.versions.find((v) => v.queries?.includes(query))?.version ?? module.queries?.[query];
}

function listOf(module: FixtureModule): string {
  return module.versions
    .filter((v) => v.listed !== false)
    .map((v) => `${v.version}\n`)
    .join('');
}

function goModOf(module: FixtureModule, v: FixtureVersion): string {
  return v.goMod ?? v.files['go.mod'] ?? `module ${module.path}\n`;
}

function entriesOf(module: FixtureModule, v: FixtureVersion): ZipEntry[] {
  const prefix = `${module.path}@${v.version}/`;
  const entries: ZipEntry[] = Object.entries(v.files).map(([name, body]) => ({
    name: prefix + name,
    data: Buffer.from(body),
    method: 'deflate' as const,
  }));
  if (v.bulk === undefined) return entries;
  const block = noise(BLOCK, v.version);
  const file = Buffer.concat(Array.from({ length: 4 }, () => block));
  for (let n = 0; n * file.length < v.bulk; n++) {
    entries.push({
      name: `${prefix}bulk/${n}.bin`,
      data: file.subarray(0, Math.min(file.length, v.bulk - n * file.length)),
    });
  }
  return entries;
}

/** Bytes that do not compress, the same in every run (xorshift32). */
function noise(size: number, seed: string): Buffer {
  const words = new Uint32Array(size / 4);
  let x = Buffer.from(seed).reduce((sum, byte) => sum * 31 + byte, 7) | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer);
}

function zipOf(module: FixtureModule, v: FixtureVersion): Buffer {
  const cached = zips.get(v);
  if (cached !== undefined) return cached;
  const zip = writeZip(entriesOf(module, v));
  zips.set(v, zip);
  return zip;
}

function text(body: string): FixtureAnswer {
  return { type: 'text/plain; charset=utf-8', body: Buffer.from(body) };
}
