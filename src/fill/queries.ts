/**
 * What `latest`, `v1` and `v1.2` mean, as the go command finds it out by itself: from the version list, releases before
 * pre-releases, without what the newest go.mod retracts (go.dev/ref/mod#version-queries). A proxy need not answer
 * @latest, and answers no version prefix.
 */
import { ModgateError } from '../errors/index.ts';
import {
  compareVersions,
  isCanonicalVersion,
  isPrerelease,
  type ModulePath,
  parseGoMod,
  parseVersion,
  sortVersions,
  type Version,
} from '../module/index.ts';
import type { Fetcher } from './fetcher.ts';

/** @param query a version, `latest`, a version prefix, a branch or a commit */
export async function resolveQuery(fetcher: Fetcher, path: ModulePath, query: string): Promise<Version> {
  if (isCanonicalVersion(query)) return parseVersion(path, query);
  if (query === 'latest' || /^v\d+(?:\.\d+)?$/.test(query)) {
    const version = await fromList(fetcher, path, query === 'latest' ? '' : `${query}.`);
    if (version !== undefined) return version;
  }
  const ask =
    query === 'latest' ? ({ kind: 'latest', path } as const) : ({ kind: 'query', path, query } as const);
  const { bytes } = await fetcher.bytes(ask);
  return parseVersion(path, versionIn(bytes));
}

/** The gateway has read the answer already, so that it is of this shape. */
function versionIn(info: Buffer): string {
  const value: unknown = JSON.parse(info.toString('utf8'));
  if (typeof value === 'object' && value !== null && 'Version' in value) return String(value.Version);
  throw new ModgateError('INTERNAL', 'an answer to a query without a version');
}

async function fromList(fetcher: Fetcher, path: ModulePath, prefix: string): Promise<Version | undefined> {
  const { bytes } = await fetcher.bytes({ kind: 'list', path });
  const all = sortVersions(bytes.toString('utf8').split('\n').filter(isCanonicalVersion));
  const versions = await withoutLeaps(fetcher, path, all);
  const newest = preferred(versions);
  if (newest === undefined) return undefined;
  const { retract } = parseGoMod(await readMod(fetcher, path, newest));
  const isRetracted = (version: Version) =>
    retract.some(
      ({ low, high }) => compareVersions(low, version) <= 0 && compareVersions(version, high) <= 0,
    );
  return preferred(versions.filter((version) => version.startsWith(prefix) && !isRetracted(version)));
}

/** A module that has had a go.mod does not go on as a +incompatible one (modload filterVersions). */
async function withoutLeaps(
  fetcher: Fetcher,
  path: ModulePath,
  versions: readonly Version[],
): Promise<readonly Version[]> {
  const compatible = versions.filter((version) => !version.endsWith('+incompatible'));
  const last = compatible.at(-1);
  if (last === undefined || compatible.length === versions.length) return versions;
  // A proxy makes up this very text where there is no go.mod.
  const hasGoMod = (await readMod(fetcher, path, last)) !== `module ${path}\n`;
  return hasGoMod ? compatible : versions;
}

async function readMod(fetcher: Fetcher, path: ModulePath, version: Version): Promise<string> {
  return (await fetcher.peek({ path, version })).toString('utf8');
}

/** @param versions in ascending order */
function preferred(versions: readonly Version[]): Version | undefined {
  return versions.findLast((version) => !isPrerelease(version)) ?? versions.at(-1);
}
