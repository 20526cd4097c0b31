/**
 * An `.info` as the go command writes it, with its Origin: what it was made from, so that a client can tell without a
 * fetch whether it would be the same now.
 */
import { createHash } from 'node:crypto';
import { canonicalSemver, isPseudoVersion } from '../../module/index.ts';
import type { Refs } from '../../vcs/index.ts';
import type { Revision } from './candidate.ts';
import type { Place } from './place.ts';

interface Tags {
  readonly TagPrefix?: string;
  readonly TagSum?: string;
}

/**
 * @param asked the version or revision that led to it
 * @param refs of the repository; asked for only where the tags had a part in the version
 */
export async function infoOf(
  url: string,
  place: Place,
  { version, commit }: Revision,
  asked: string,
  refs: () => Promise<Refs>,
): Promise<Buffer> {
  const byTags = isPseudoVersion(version) && (version !== asked || !version.startsWith('v0.0.0-'));
  const tags = byTags ? tagsOf(place, await refs()) : {};
  const info = {
    Version: version,
    Time: rfc3339(commit.time),
    Origin: {
      VCS: 'git',
      URL: url,
      ...(place.folder === '' ? {} : { Subdir: place.folder }),
      Hash: commit.hash,
      ...tags,
      ...(commit.ref === undefined ? {} : { Ref: commit.ref }),
    },
  };
  return Buffer.from(JSON.stringify(info));
}

/** The commit that an `.info` names, of whatever source; undefined where it names none of git's. */
export function commitIn(info: Buffer): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(info.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('Origin' in value)) return undefined;
  const { Origin: origin } = value;
  if (typeof origin !== 'object' || origin === null || !('VCS' in origin) || origin.VCS !== 'git')
    return undefined;
  return 'Hash' in origin && typeof origin.Hash === 'string' ? origin.Hash : undefined;
}

/** RFC 3339 as Go prints a time of whole seconds in UTC */
function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The tags that could change a pseudo-version, and their sum (codehost.Origin.TagSum). */
function tagsOf({ tagPrefix, pathMajor }: Place, { tags }: Refs): Tags {
  const prefix = pathMajor === '' ? tagPrefix : `${tagPrefix}${pathMajor.slice(1)}.`;
  const sum = createHash('sha256');
  for (const tag of [...tags.keys()].sort(byBytes))
    if (tag.startsWith(prefix) && counts(tag.slice(tagPrefix.length)))
      sum.update(`${JSON.stringify(tag)} ${tags.get(tag)}\n`);
  return { ...(prefix === '' ? {} : { TagPrefix: prefix }), TagSum: `t1:${sum.digest('base64')}` };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function counts(tag: string): boolean {
  const canonical = canonicalSemver(tag);
  return canonical !== '' && tag.startsWith(canonical) && !isPseudoVersion(tag);
}
