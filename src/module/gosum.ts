/**
 * go.sum files (go.dev/ref/mod#go-sum-files): lines of module path, version and hash. A version with "/go.mod"
 * behind it is about the go.mod file alone.
 */
import { ModgateError } from '../errors/index.ts';
import { shown } from './faults.ts';
import { type ModulePath, parseModulePath } from './path.ts';
import { parseVersion, type Version } from './version.ts';

export interface SumLine {
  readonly path: ModulePath;
  readonly version: Version;
  /** what the hash is of: the go.mod file or the zip */
  readonly of: 'mod' | 'zip';
  /** "h1:…"; other algorithms may come, and are passed over by who cannot compute them */
  readonly hash: string;
}

const GO_MOD = '/go.mod';

/** INVALID_MODULE, "go.sum:LINE: what", for a text that the go command would refuse. */
export function parseGoSum(text: string): SumLine[] {
  return text.split('\n').flatMap((line, index) => {
    const fields = line.trim().split(/\s+/);
    if (fields.length === 1 && fields[0] === '') return [];
    try {
      return [sumLine(fields)];
    } catch (cause) {
      if (!(cause instanceof ModgateError)) throw cause;
      throw new ModgateError('INVALID_MODULE', `go.sum:${index + 1}: ${cause.message}`, { cause });
    }
  });
}

function sumLine(fields: readonly string[]): SumLine {
  const [path = '', named = '', hash = ''] = fields;
  if (fields.length !== 3)
    throw new ModgateError('INVALID_MODULE', `wrong number of fields ${fields.length}, should be 3`);
  if (!/^h[0-9]+:[A-Za-z0-9+/]+=*$/.test(hash))
    throw new ModgateError('INVALID_MODULE', `no hash: ${shown(hash)}`);
  const goMod = named.endsWith(GO_MOD);
  const parsed = parseModulePath(path);
  const version = parseVersion(parsed, goMod ? named.slice(0, -GO_MOD.length) : named);
  return { path: parsed, version, of: goMod ? 'mod' : 'zip', hash };
}
