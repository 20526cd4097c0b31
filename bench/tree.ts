/** A tree of modules of the bench's own, sized as real ones are, for the rows about single files. */
import fs from 'node:fs';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import type { Bench } from './row.ts';

const LIBRARY = 'bench.example/corp/library';
/** as many as a module has that has been released for years */
const VERSIONS = 120;
const VERSION = 'v1.0.0';

export const files = {
  info: `/${LIBRARY}/@v/${VERSION}.info`,
  mod: `/${LIBRARY}/@v/${VERSION}.mod`,
  list: `/${LIBRARY}/@v/list`,
  zip120k: `/bench.example/corp/z120k/@v/${VERSION}.zip`,
  zip5M: `/bench.example/corp/z5m/@v/${VERSION}.zip`,
  zip18M: `/bench.example/corp/z18m/@v/${VERSION}.zip`,
  zip69M: `/bench.example/corp/z69m/@v/${VERSION}.zip`,
} as const;

/** bytes of the zips, by the module's last element */
const SIZES = { z120k: 120e3, z5m: 4.7e6, z18m: 18.6e6, z69m: 69e6 } as const;

/** The folder of the tree, made once a run. */
export function moduleTree(bench: Bench): Promise<string> {
  return bench.shared('module tree', async () => {
    const root = path.join(bench.folder, 'modules');
    const versions = Array.from({ length: VERSIONS }, (_, i) => `v1.${i}.0`);
    writeModule(root, LIBRARY, versions, undefined);
    const bodies = sourceFiles();
    for (const [name, size] of Object.entries(SIZES)) {
      const module = `bench.example/corp/${name}`;
      writeModule(root, module, [VERSION], zipOfSize(`${module}@${VERSION}/`, goMod(module), bodies, size));
    }
    return root;
  });
}

function writeModule(
  root: string,
  module: string,
  versions: readonly string[],
  zip: Buffer | undefined,
): void {
  const folder = path.join(root, module, '@v');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'list'), `${versions.join('\n')}\n`);
  fs.writeFileSync(path.join(folder, `${VERSION}.info`), info(VERSION));
  fs.writeFileSync(path.join(folder, `${VERSION}.mod`), goMod(module));
  if (zip !== undefined) fs.writeFileSync(path.join(folder, `${VERSION}.zip`), zip);
}

function info(version: string): string {
  const origin = {
    VCS: 'git',
    URL: `https://${LIBRARY}`,
    Hash: '9c4f'.repeat(10),
    Ref: `refs/tags/${version}`,
  };
  return JSON.stringify({ Version: version, Time: '2024-05-06T07:08:09Z', Origin: origin });
}

function goMod(module: string): string {
  const requires = Array.from({ length: 30 }, (_, i) => `\tbench.example/team${i}/dependency v1.${i}.0\n`);
  return `module ${module}\n\ngo 1.22\n\nrequire (\n${requires.join('')})\n`;
}

interface Body {
  readonly crc: number;
  readonly size: number;
  readonly deflated: Buffer;
}

function body(text: string | Buffer): Body {
  const bytes = Buffer.from(text);
  return { crc: crc32(bytes), size: bytes.length, deflated: deflateRawSync(bytes) };
}

/** Text like Go's, of the sizes that Go files have: it deflates to a fifth or so. The same in every run. */
function sourceFiles(): Body[] {
  let state = 1;
  const random = (below: number) => {
    // A linear congruential generator, constants of Numerical Recipes.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const names = Array.from({ length: 400 }, () => random(2 ** 31).toString(36));
  const name = () => names[random(names.length)] ?? '';
  return Array.from({ length: 60 }, () => {
    const lines = Array.from(
      { length: 100 + random(600) },
      () =>
        `\tif err := s.${name()}(ctx, &${name()}{${name()}: ${random(99)}}); err != nil {\n\t\treturn err\n\t}\n`,
    );
    return body(`package api\n\nfunc ${name()}() error {\n${lines.join('')}\treturn nil\n}\n`);
  });
}

/** A zip of about `size` bytes that holds the same few files under many names: each is one more to unpack and hash. */
function zipOfSize(prefix: string, mod: string, bodies: readonly Body[], size: number): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  const add = (name: Buffer, { crc, size: whole, deflated }: Body) => {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(deflated.length, 14);
    common.writeUInt32LE(whole, 18);
    common.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, tail, name);
    pieces.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, deflated);
    offset += 30 + name.length + deflated.length;
  };
  add(Buffer.from(`${prefix}go.mod`), body(mod));
  let count = 0;
  for (; offset < size; count += 1) {
    const one = bodies[count % bodies.length];
    if (one !== undefined) add(Buffer.from(`${prefix}service${count % 97}/file${count}.go`), one);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(count + 1, 8);
  end.writeUInt16LE(count + 1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...pieces, central, end]);
}
