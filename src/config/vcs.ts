import { RemotePatterns, splitRemotePatterns } from '../module/index.ts';
import { parseChain } from './chain.ts';
import type { Context } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import type { Path } from './document.ts';
import { readRepositories } from './repositories.ts';
import { covers } from './routes.ts';
import { ms } from './sources.ts';
import { readPems } from './tls.ts';
import type { RouteConfig } from './types.ts';
import { parseSize } from './units.ts';
import { readCredential } from './vcs-credentials.ts';
import type { FileVcs } from './vcs-schema.ts';
import type { VcsConfig, VcsCredential } from './vcs-types.ts';

const PATH: Path = ['vcs'];

/** The section with every default. */
export function readVcs(
  raw: FileVcs | undefined,
  routes: readonly RouteConfig[],
  context: Context,
): VcsConfig {
  const initial = DEFAULTS.vcs;
  const insecure = raw?.insecure ?? initial.insecure;
  readPatterns(insecure, [...PATH, 'insecure'], context);
  return {
    git: raw?.git ?? initial.git,
    cap: raw?.cap ?? parseSize(initial.cap) ?? 0,
    repository: raw?.repository ?? parseSize(initial.repository) ?? 0,
    refs: raw?.refs ?? ms(initial.refs),
    timeouts: readTimeouts(raw, context),
    ca: readCa(raw, context),
    insecure,
    credentials: readCredentials(raw, insecure !== '', routes, context),
    repositories: readRepositories(raw?.repositories, context),
  };
}

function readTimeouts(raw: FileVcs | undefined, { findings }: Context): VcsConfig['timeouts'] {
  const initial = DEFAULTS.vcs.timeouts;
  const idle = raw?.timeouts?.idle ?? ms(initial.idle);
  const total = raw?.timeouts?.total ?? ms(initial.total);
  if (total < idle) {
    const path = [...PATH, 'timeouts'];
    const at = findings.inFile([...path, 'total']) ? 'total' : 'idle';
    findings.fault([...path, at], 'timeouts.total is shorter than timeouts.idle');
  }
  return { idle, total };
}

function readCa(raw: FileVcs | undefined, context: Context): VcsConfig['ca'] {
  const { text, files } = readPems({ ca: raw?.ca }, ['ca'], PATH, context);
  return text.ca === undefined || files.ca === undefined ? undefined : { pem: text.ca, file: files.ca };
}

function readCredentials(
  raw: FileVcs | undefined,
  anyInsecure: boolean,
  routes: readonly RouteConfig[],
  context: Context,
): readonly VcsCredential[] {
  const { findings } = context;
  const found: VcsCredential[] = [];
  const before: { readonly patterns: readonly string[]; readonly entry: VcsCredential }[] = [];
  for (const [i, one] of (raw?.credentials ?? []).entries()) {
    if (one === undefined) continue;
    const path = [...PATH, 'credentials', i];
    const patterns = readPatterns(one.match, [...path, 'match'], context);
    if (one.match !== '' && patterns.length === 0 && !findings.faulted([...path, 'match']))
      findings.fault([...path, 'match'], 'match holds no pattern');
    checkInsecure(one, anyInsecure, path, context);
    const entry = readCredential(one, patterns, path, context);
    if (entry === undefined) continue;
    const rivals = before.filter((earlier) => takesAll(earlier.entry, entry)).flatMap((e) => e.patterns);
    if (patterns.length > 0 && patterns.every((pattern) => rivals.some((rival) => covers(rival, pattern))))
      findings.fault([...path, 'match'], 'is never reached: the credentials before it match all of it');
    before.push({ patterns, entry });
    found.push(entry);
  }
  if (found.length > 0 && !routes.some(usesCredentials))
    findings.warn(
      [...PATH, 'credentials'],
      'are never used: no route that is written down has direct in its chain, and the last one, of chain, is asked without credentials',
    );
  return found;
}

function usesCredentials({ written, chain }: RouteConfig): boolean {
  return written && parseChain(chain).some(({ element }) => element === 'direct');
}

/** Whether the earlier entry counts by every scheme by which the later one would. */
function takesAll(earlier: VcsCredential, later: VcsCredential): boolean {
  const ssh = later.how.kind === 'ssh';
  return ssh === (earlier.how.kind === 'ssh') && (earlier.insecure || !later.insecure);
}

function checkInsecure(
  one: { readonly insecure?: boolean | undefined; readonly ssh?: unknown },
  anyInsecure: boolean,
  path: Path,
  { findings }: Context,
): void {
  if (one.insecure !== true) return;
  const here = [...path, 'insecure'];
  if (one.ssh !== undefined) findings.fault(here, 'insecure means nothing with ssh');
  else if (!anyInsecure)
    findings.fault(here, 'insecure needs vcs.insecure, which says where http:// is allowed');
  else
    findings.warn(
      here,
      'INSECURE: these credentials are sent unencrypted to remotes that vcs.insecure matches',
    );
}

/** The patterns of a list; none after a fault, which has been told then. */
function readPatterns(list: string, path: Path, { findings }: Context): readonly string[] {
  if (list.includes('://')) {
    findings.fault(path, 'a pattern has no scheme: host[:port]/path');
    return [];
  }
  try {
    new RemotePatterns(list);
  } catch (error) {
    findings.fault(path, error instanceof Error ? error.message : 'is not a list of patterns');
    return [];
  }
  const patterns = splitRemotePatterns(list);
  if (patterns.some((pattern) => pattern.startsWith('/') || /[@\s]/.test(pattern)))
    findings.fault(path, 'a pattern begins with a host, without a user: host[:port]/path');
  // As it is compared: see RemotePatterns.
  return patterns.map((pattern) => pattern.replace(/^[^/]*/, (host) => host.toLowerCase()));
}
