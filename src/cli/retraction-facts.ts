import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, parseChain } from '../config/index.ts';
import {
  isPseudoVersion,
  type ModulePath,
  PathPatterns,
  parseVersion,
  unescapeVersion,
  type Version,
} from '../module/index.ts';
import { keys, PUBLISHED } from '../store/index.ts';

/** How new versions of a module come to a gateway. */
export type Way = 'published' | 'direct';

export interface Known {
  /** undefined: the configuration does not tell */
  readonly way: Way | undefined;
  /** those that are stored here, in no order; no pseudo-versions */
  readonly versions: readonly Version[];
}

/** What the configuration and the data folder of this machine know of a module: nothing, where no gateway is. */
export function knownOf({ routes, data }: Config, path: ModulePath): Known {
  const route = routes.find(({ match }) => new PathPatterns(match).matches(path));
  const elements = parseChain(route?.written === true ? route.chain : '').map(({ element }) => element);
  const way = elements.find((element): element is Way => element === PUBLISHED || element === 'direct');
  return { way, versions: storedVersions(join(data, 'tree', keys.versions(path)), path) };
}

function storedVersions(folder: string, path: ModulePath): Version[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const escaped = /^(.+)\.info$/.exec(name)?.[1];
    try {
      const version = escaped === undefined ? undefined : parseVersion(path, unescapeVersion(escaped));
      return version === undefined || isPseudoVersion(version) ? [] : [version];
    } catch {
      // The answer to a query.
      return [];
    }
  });
}
