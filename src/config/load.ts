import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { ModgateError } from '../errors/index.ts';
import { checkShape } from './check.ts';
import { baseOf, type Context } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import { ConfigDocument } from './document.ts';
import { type ReadFile, readText } from './files.ts';
import { Findings } from './findings.ts';
import { readAddress, readAdmin, readListenTls, readPrefix, readTrustedProxies } from './listen.ts';
import { originsOf } from './origins.ts';
import { readPublish } from './publish.ts';
import { RouteReader } from './routes.ts';
import type { FileConfig } from './schema.ts';
import { readSendfile } from './sendfile.ts';
import { FILE_VARIABLE, isRecord, overlay, type Raw } from './settings.ts';
import { ms, readSource } from './sources.ts';
import type { Config, Origins, SourceConfig, SumdbConfig } from './types.ts';
import { parseSize } from './units.ts';
import { readUrl } from './urls.ts';
import { readVcs } from './vcs.ts';

export interface LoadOptions {
  /** the configuration file; default: MODGATE_CONFIG, then modgate.yaml in `cwd` where there is one */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** by the flag's name, `log-level` or `logLevel` */
  readonly flags: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** how files are read; default: from the disk */
  readonly read?: ReadFile | undefined;
}

export interface Loaded {
  readonly config: Config;
  readonly origins: Origins;
  /** one line each; no secrets */
  readonly warnings: readonly string[];
  /** absolute path of the file that was read */
  readonly file: string | undefined;
  /** absolute paths of all files that were read: the configuration, secrets, certificates */
  readonly files: readonly string[];
}

/**
 * Flags over MODGATE_ variables over the file over defaults. Throws CONFIG_INVALID with every fault, a line
 * each: `file:line:column: what`, or the variable or flag in place of the position.
 */
export function loadConfig(options: LoadOptions): Loaded {
  try {
    return load(options);
  } catch (error) {
    if (error instanceof ModgateError) throw error;
    // Nesting without end, aliases without end: the parser's own bounds. Their texts are not repeated.
    const what =
      error instanceof RangeError || error instanceof ReferenceError
        ? 'is nested too deep or has too many aliases'
        : undefined;
    if (what === undefined)
      throw new ModgateError('INTERNAL', 'the configuration could not be read', { cause: error });
    throw new ModgateError('CONFIG_INVALID', `${options.file ?? DEFAULT_FILE}:1:1: ${what}`);
  }
}

const DEFAULT_FILE = 'modgate.yaml';

function load(options: LoadOptions): Loaded {
  const { env, cwd, read = readText } = options;
  const file = findFile(options, read);
  const shown = file === undefined ? undefined : shownPath(file, cwd);
  const document = file === undefined ? undefined : readDocument(file, shown ?? file, read);
  const findings = new Findings(shown, document);
  for (const { what, ...position } of document?.faults ?? []) findings.faultAt(shown ?? '', what, position);
  const value = document?.value ?? {};
  const raw: Raw = isRecord(value) ? { ...value } : {};
  if (!isRecord(value)) findings.fault([], 'the configuration must be a map of keys');
  overlay(raw, env, options.flags, secretVariables(raw), findings);
  // What a file with bad syntax says is not known, so nothing can be said about values yet.
  if (document !== undefined && document.value === undefined) findings.throwFaults();
  const context: Context = {
    findings,
    env,
    folder: file === undefined ? cwd : dirname(file),
    cwd,
    notes: new Map(),
    files: file === undefined ? [] : [file],
    read,
  };
  const named = new Set(isRecord(raw.sources) ? Object.keys(raw.sources) : []);
  const config = build(checkShape(raw, findings), named, context);
  findings.throwFaults();
  return {
    config,
    origins: originsOf(config, context),
    warnings: findings.warnings,
    file,
    files: context.files,
  };
}

function findFile({ file, flags, env, cwd }: LoadOptions, read: ReadFile): string | undefined {
  const named = file ?? flags.config ?? (env[FILE_VARIABLE] || undefined);
  if (named !== undefined) return resolve(cwd, named);
  const usual = resolve(cwd, DEFAULT_FILE);
  const there = read(usual);
  return 'text' in there || there.code !== 'ENOENT' ? usual : undefined;
}

function shownPath(file: string, cwd: string): string {
  const short = relative(cwd, file);
  return short.startsWith('..') || isAbsolute(short) ? file : short;
}

function readDocument(file: string, shown: string, read: ReadFile): ConfigDocument {
  const found = read(file);
  if ('text' in found) return new ConfigDocument(found.text);
  throw new ModgateError('CONFIG_INVALID', `${shown}: ${found.fault}`, {
    next: 'name another file with --config',
  });
}

/** Variables that the file names for its secrets; they may begin with MODGATE_ too. */
function secretVariables(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const child of value) secretVariables(child, found);
  if (!isRecord(value)) return found;
  if (typeof value.env === 'string') found.add(value.env);
  for (const child of Object.values(value)) secretVariables(child, found);
  return found;
}

function build(file: FileConfig, named: ReadonlySet<string>, context: Context): Config {
  const { findings } = context;
  const limits = readLimits(file.limits);
  const sources = new Map<string, SourceConfig>();
  for (const [name, raw] of Object.entries(file.sources ?? {})) {
    const source = readSource(name, raw, limits.patience, context);
    if (source !== undefined) sources.set(name, source);
  }
  const prefix = readPrefix(file.prefix ?? DEFAULTS.prefix, context);
  const routes = new RouteReader(sources, named, limits.patience, context).read(file);
  const publish = readPublish(file.publish, routes, context);
  return {
    listen: readAddress(file.listen ?? DEFAULTS.listen, ['listen'], context),
    tls: readListenTls(file.tls, context),
    prefix,
    trustedProxies:
      file.trusted_proxies === undefined ? [] : readTrustedProxies(file.trusted_proxies, context),
    sendfile: readSendfile(file, prefix, context),
    workers: file.workers ?? DEFAULTS.workers,
    admin: readAdmin(file.admin, context),
    publish,
    data: resolve(baseOf(['data'], context), file.data ?? DEFAULTS.data),
    log: {
      level: file.log?.level ?? DEFAULTS.log.level,
      format: file.log?.format ?? DEFAULTS.log.format,
      access: file.log?.access ?? DEFAULTS.log.access,
    },
    sources,
    routes,
    sumdb: readSumdb(file.sumdb ?? DEFAULTS.sumdb, findings),
    cache: readCache(file.cache),
    limits,
    store: {
      cap: file.store?.cap ?? DEFAULTS.store.cap,
      scrub: file.store?.scrub ?? ms(DEFAULTS.store.scrub),
    },
    vcs: readVcs(file.vcs, routes, context),
    shutdown: file.shutdown ?? ms(DEFAULTS.shutdown),
  };
}

function readCache(raw: FileConfig['cache']): Config['cache'] {
  return {
    fresh: raw?.fresh ?? ms(DEFAULTS.cache.fresh),
    stale: raw?.stale ?? ms(DEFAULTS.cache.stale),
    negative: raw?.negative ?? ms(DEFAULTS.cache.negative),
    memory: raw?.memory ?? parseSize(DEFAULTS.cache.memory) ?? 0,
  };
}

function readLimits(raw: FileConfig['limits']): Config['limits'] {
  return {
    patience: raw?.patience ?? ms(DEFAULTS.limits.patience),
    fetches: raw?.fetches ?? DEFAULTS.limits.fetches,
    queue: raw?.queue ?? DEFAULTS.limits.queue,
    metadata: raw?.metadata ?? parseSize(DEFAULTS.limits.metadata) ?? 0,
    connections: raw?.connections ?? DEFAULTS.limits.connections,
    header: raw?.header ?? parseSize(DEFAULTS.limits.header) ?? 0,
    url: raw?.url ?? DEFAULTS.limits.url,
    headerTime: raw?.header_time ?? ms(DEFAULTS.limits.header_time),
    idle: raw?.idle ?? ms(DEFAULTS.limits.idle),
  };
}

function readSumdb(
  list: NonNullable<FileConfig['sumdb']> | typeof DEFAULTS.sumdb,
  findings: Findings,
): SumdbConfig[] {
  const found = new Map<string, SumdbConfig>();
  for (const [i, raw] of list.entries()) {
    if (raw === undefined) continue;
    const { name } = raw;
    if (found.has(name))
      findings.fault(['sumdb', i, 'name'], `${JSON.stringify(name)} stands twice in sumdb`);
    const path = ['sumdb', i, 'url'];
    const url = readUrl(raw.url, path, findings);
    if (url?.kind === 'file') findings.fault(path, 'a checksum database needs an https:// or http:// URL');
    if (url?.userInfo !== undefined)
      findings.fault(path, 'the URL of a checksum database cannot hold credentials');
    if (url !== undefined) found.set(name, { name, url: url.url });
  }
  return [...found.values()];
}
