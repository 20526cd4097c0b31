import type { Context } from './context.ts';
import type { Path } from './document.ts';
import { withoutUserInfo } from './secret.ts';

/** `https://host/…`, `ssh://user@host/…`, or git's short form of SSH, `user@host:…`. */
const BEGIN = /^(?:(?:https?|ssh):\/\/(?:[^/@\s]+@)?[^/@\s]+(?:\/\S*)?|(?:[\w.-]+@)?[\w.-]+:(?!\/\/)\S*)$/;

/**
 * Begins of URLs that are replaced → what stands in their place, from the map of the file, which has it the other way
 * round, as git's configuration has.
 */
export function readInsteadOf(
  raw: Readonly<Record<string, string | readonly string[]>> | undefined,
  path: Path,
  { findings }: Context,
): ReadonlyMap<string, string> {
  const rewrites = new Map<string, string>();
  for (const [base, value] of Object.entries(raw ?? {})) {
    const here = [...path, base];
    const fault = beginFault(base);
    if (fault !== undefined) findings.fault(here, fault, 'key');
    for (const begin of typeof value === 'string' ? [value] : value) {
      const what = beginFault(begin);
      if (what !== undefined) findings.fault(here, what);
      else if (rewrites.has(begin))
        findings.fault(here, `${JSON.stringify(begin)} is replaced by two begins`);
      rewrites.set(begin, base);
    }
  }
  return rewrites;
}

function beginFault(begin: string): string | undefined {
  const shown = JSON.stringify(withoutUserInfo(begin));
  if (!BEGIN.test(begin))
    return `${shown} is not the begin of a URL, such as https://host/ or ssh://git@host/`;
  const userInfo = /^(https?|ssh):\/\/([^/@]+)@/.exec(begin);
  if (userInfo === null) return undefined;
  const [, scheme, user = ''] = userInfo;
  if (scheme === 'ssh' && !user.includes(':')) return undefined;
  return `${shown} cannot hold credentials; name them under vcs.credentials`;
}

/** The shape of the file again. */
export function insteadOfValues(rewrites: ReadonlyMap<string, string>): Record<string, string | string[]> {
  const bases = new Map<string, string[]>();
  for (const [begin, base] of rewrites) bases.set(base, [...(bases.get(base) ?? []), begin]);
  return Object.fromEntries(
    [...bases].map(([base, begins]) => [base, begins.length === 1 ? (begins[0] ?? '') : begins]),
  );
}
