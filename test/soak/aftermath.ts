/** What must be true of the data folder when the server has stopped. */
import fs from 'node:fs';
import path from 'node:path';
import type { Modgate } from '../kit/modgate.ts';
import { pathOf, VERSIONS, versionOf, type World } from './world.ts';

const FILE = /^soak\.example\/m(\d+)\/@v\/v1\.(\d+)\.0\.(info|mod|zip|ziphash)$/;
/** list: what is stored; .named: what the sources named; main.info and @latest: answers */
const OTHERS = /^soak\.example\/m\d+\/(?:@latest|@v\/(?:list|\.named|main\.info))$/;

/** Faults in words; none where every stored file is whole and right, and nothing unfinished is left. */
export function aftermath(
  modgate: Modgate,
  world: World,
): { readonly files: number; readonly faults: string[] } {
  const faults = modgate.files('tmp').map((file) => `left in tmp: ${file}`);
  const files = modgate.files('tree');
  const stored = new Set(files);
  for (const file of files) {
    const fault = faultOf(file, path.join(modgate.data, 'tree', file), world);
    if (fault !== undefined) faults.push(`${file}: ${fault}`);
    if (file.endsWith('/@v/list')) faults.push(...listFaults(modgate, file, stored));
  }
  return { files: files.length, faults };
}

/** Who uses the tree without the gateway goes by its lists: what they name must be there. */
function listFaults(modgate: Modgate, list: string, stored: ReadonlySet<string>): string[] {
  const text = fs.readFileSync(path.join(modgate.data, 'tree', list), 'utf8');
  const versions = text.split('\n').filter((line) => line !== '');
  const files = versions.flatMap((version) => [`${version}.info`, `${version}.mod`]);
  const missing = files.filter((file) => !stored.has(list.replace(/list$/, file)));
  return missing.map((file) => `${list} names ${file}, which is not there`);
}

function faultOf(name: string, file: string, world: World): string | undefined {
  const [, module, minor, kind] = FILE.exec(name) ?? [];
  if (kind === undefined) return OTHERS.test(name) ? undefined : 'nobody stores such a file';
  const n = Number(module) * VERSIONS + Number(minor);
  const bytes = fs.readFileSync(file);
  if (kind === 'ziphash') return bytes.toString() === world.h1(n) ? undefined : 'another h1';
  const right = world.answer(`/${pathOf(n)}/@v/${versionOf(n)}.${kind}`)?.body;
  return right?.equals(bytes) === true ? undefined : `${bytes.length} bytes that are not the upstream's`;
}
