import type { Path } from './document.ts';
import { type Findings, pathKey } from './findings.ts';
import { didYouMean } from './suggest.ts';

interface Setting {
  readonly path: readonly [string] | readonly [string, string];
  /** secret: a variable alone, since others read command lines */
  readonly kind: 'text' | 'integer' | 'boolean' | 'secret';
}

const text = (...path: Setting['path']): Setting => ({ path, kind: 'text' });
const integer = (...path: Setting['path']): Setting => ({ path, kind: 'integer' });

/** What a variable or a flag can set: MODGATE_CACHE_FRESH and --cache-fresh stand for cache.fresh. */
const SETTINGS: readonly Setting[] = [
  text('listen'),
  text('tls', 'cert'),
  text('tls', 'key'),
  text('tls', 'client_ca'),
  text('tls', 'client_certs'),
  text('prefix'),
  text('trusted_proxies'),
  text('sendfile', 'type'),
  text('sendfile', 'prefix'),
  integer('workers'),
  text('admin', 'listen'),
  { path: ['publish', 'token'], kind: 'secret' },
  text('data'),
  text('chain'),
  text('log', 'level'),
  text('log', 'format'),
  { path: ['log', 'access'], kind: 'boolean' },
  text('cache', 'fresh'),
  text('cache', 'stale'),
  text('cache', 'negative'),
  text('cache', 'memory'),
  text('limits', 'patience'),
  integer('limits', 'fetches'),
  integer('limits', 'queue'),
  text('limits', 'metadata'),
  integer('limits', 'connections'),
  text('limits', 'header'),
  integer('limits', 'url'),
  text('limits', 'header_time'),
  text('limits', 'idle'),
  text('store', 'cap'),
  text('store', 'scrub'),
  text('vcs', 'git'),
  text('vcs', 'cap'),
  text('vcs', 'repository'),
  text('vcs', 'refs'),
  text('vcs', 'ca'),
  text('vcs', 'insecure'),
  text('shutdown'),
];

const PREFIX = 'MODGATE_';
export const FILE_VARIABLE = 'MODGATE_CONFIG';
/** Where `modgate publish` sends modules to. */
const SERVER_VARIABLE = 'MODGATE_SERVER';
/** Variables that set nothing of the configuration. */
const OTHERS: ReadonlySet<string> = new Set([FILE_VARIABLE, SERVER_VARIABLE]);
const variables = new Map(
  SETTINGS.map((setting) => [PREFIX + setting.path.join('_').toUpperCase(), setting]),
);
const flags = new Map(
  SETTINGS.filter(({ kind }) => kind !== 'secret').map((setting) => [
    setting.path.join('-').replaceAll('_', '-'),
    setting,
  ]),
);
/** Name of a flag, without its dashes, to the key that it sets, e.g. `cache-fresh` to `cache.fresh`. */
export const SETTING_FLAGS: ReadonlyMap<string, string> = new Map(
  [...flags].map(([flag, { path }]) => [flag, path.join('.')]),
);

/**
 * Kubernetes gives every pod variables for the services beside it, and links of containers look the same. A
 * service that is called modgate must not keep modgate from starting.
 */
const SERVICE =
  /^MODGATE_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_PORT = /^MODGATE_(?:[A-Z0-9_]+_)?PORT$/;

export type Raw = Record<string, unknown>;

/**
 * Lays variables, then flags over what the file says. An empty variable counts as unset. A MODGATE_ variable
 * that sets nothing is a fault: it would silently do nothing.
 * @param used variables that the file itself names, for secrets
 */
export function overlay(
  raw: Raw,
  env: NodeJS.ProcessEnv,
  given: Readonly<Record<string, string>>,
  used: ReadonlySet<string>,
  findings: Findings,
): void {
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || OTHERS.has(name) || value === undefined) continue;
    const setting = variables.get(name);
    if (setting !== undefined) {
      if (value !== '') set(raw, setting, value, name, findings);
    } else if (!used.has(name) && !isService(name, value)) {
      findings.faultAt(name, `unknown variable${didYouMean(name, [...variables.keys(), ...OTHERS])}`);
    }
  }
  for (const [key, value] of Object.entries(given)) {
    const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name === 'config') continue;
    const setting = flags.get(name);
    if (setting === undefined) findings.faultAt(`--${name}`, `unknown flag${didYouMean(name, flags.keys())}`);
    else set(raw, setting, value, `--${name}`, findings);
  }
}

function isService(name: string, value: string): boolean {
  return SERVICE.test(name) || (SERVICE_PORT.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value));
}

function set(raw: Raw, setting: Setting, value: string, from: string, findings: Findings): void {
  const [first, second] = setting.path;
  const path: Path = setting.path;
  findings.overlays.set(pathKey(path), from);
  if (second === undefined) {
    raw[first] = convert(setting, value, from);
    return;
  }
  const section = raw[first] ?? {};
  // A section that is no section is a fault of the file, told when the whole is checked.
  if (!isRecord(section)) return;
  raw[first] = { ...section, [second]: convert(setting, value, from) };
}

/** A text that is none of the kind stays text, for the check to refuse. */
function convert({ kind }: Setting, value: string, from: string): unknown {
  if (kind === 'secret') return { env: from };
  if (kind === 'integer' && /^\d{1,15}$/.test(value)) return Number(value);
  if (kind === 'boolean' && (value === 'true' || value === '1')) return true;
  if (kind === 'boolean' && (value === 'false' || value === '0')) return false;
  return value;
}

export function isRecord(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
