import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { type Context, readSecret } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import type { Path } from './document.ts';
import { readProxy } from './proxy.ts';
import type { FileSource } from './schema.ts';
import { readTls } from './tls.ts';
import type { SourceAuth, SourceClient, SourceConfig } from './types.ts';
import { parseDuration } from './units.ts';
import { type BaseUrl, readUrl } from './urls.ts';

/** Stands in for a URL that cannot be read, so that the rest of its source is checked all the same. */
const UNKNOWN: BaseUrl = {
  kind: 'proxy',
  url: '',
  secure: true,
  place: '',
  loopback: false,
  userInfo: undefined,
};

/** Values of one source; undefined after a fault of its URL. What the file leaves out is the default. */
export function readSource(
  name: string,
  raw: FileSource,
  patience: number,
  context: Context,
): SourceConfig | undefined {
  const path: Path = ['sources', name];
  const urlPath = [...path, 'url'];
  const read = context.findings.faulted(urlPath) ? undefined : readUrl(raw.url, urlPath, context.findings);
  const url = read ?? UNKNOWN;
  if (url.userInfo !== undefined) {
    context.findings.warn([...path, 'url'], 'the URL holds credentials in plain text; use auth');
    if (raw.auth !== undefined)
      context.findings.fault([...path, 'auth'], 'the URL holds credentials too; use one of both');
  }
  if (url.kind === 'file') checkFileSource(raw, path, context);
  const auth = raw.auth === undefined ? userInfoAuth(url) : readAuth(raw.auth, [...path, 'auth'], context);
  if (auth.kind !== 'none' && url.kind === 'proxy' && !url.secure && !url.loopback) {
    context.findings.warn(path, `${name} gets its credentials unencrypted, over http`);
  }
  const { tls, files } = readTls(raw.tls, [...path, 'tls'], name, url, context);
  const client: SourceClient = {
    headers: readHeaders(raw.headers ?? {}, [...path, 'headers'], context),
    auth,
    tls,
    http2: raw.http2 ?? DEFAULTS.source.http2,
    proxy: readProxy(raw.proxy ?? DEFAULTS.source.proxy, [...path, 'proxy'], context),
    ...readLimits(raw, patience),
  };
  if (client.http2 && !url.secure) context.findings.fault([...path, 'http2'], 'http2 needs an https URL');
  checkTimes(client, path, patience, context);
  if (read === undefined) return undefined;
  return {
    name,
    kind: url.kind,
    url: url.url,
    implicit: false,
    isPrivate: raw.private ?? false,
    tlsFiles: files,
    client,
  };
}

/**
 * A client with every default and without credentials.
 * @param patience ms, `limits.patience`: the default budget of retries stays below it
 */
export function defaultClient(patience: number): SourceClient {
  return {
    headers: {},
    auth: { kind: 'none' },
    tls: { ca: undefined, cert: undefined, key: undefined, pins: [], minVersion: 'TLSv1.2', insecure: false },
    http2: DEFAULTS.source.http2,
    proxy: DEFAULTS.source.proxy,
    ...readLimits({}, patience),
  };
}

/** A source that a URL in a chain stands for: all defaults. */
export function implicitSource(name: string, url: BaseUrl, patience: number): SourceConfig {
  const client = { ...defaultClient(patience), auth: userInfoAuth(url) };
  return { name, kind: url.kind, url: url.url, implicit: true, isPrivate: false, tlsFiles: {}, client };
}

function userInfoAuth(url: BaseUrl): SourceAuth {
  return url.userInfo === undefined ? { kind: 'none' } : { kind: 'basic', ...url.userInfo };
}

type Limits = Pick<SourceClient, 'timeouts' | 'concurrency' | 'queue' | 'retry' | 'breaker'>;

function readLimits(raw: Omit<FileSource, 'url'>, patience: number): Limits {
  const initial = DEFAULTS.source;
  return {
    timeouts: {
      connect: raw.timeouts?.connect ?? ms(initial.timeouts.connect),
      firstByte: raw.timeouts?.first_byte ?? ms(initial.timeouts.first_byte),
      idle: raw.timeouts?.idle ?? ms(initial.timeouts.idle),
      total: raw.timeouts?.total ?? ms(initial.timeouts.total),
    },
    concurrency: raw.concurrency ?? initial.concurrency,
    queue: raw.queue ?? initial.queue,
    retry: {
      attempts: raw.retry?.attempts ?? initial.retry.attempts,
      base: raw.retry?.base ?? ms(initial.retry.base),
      cap: raw.retry?.cap ?? ms(initial.retry.cap),
      // A patience below the default budget is no fault of whoever left the budget alone.
      budget: raw.retry?.budget ?? Math.min(ms(initial.retry.budget), Math.floor(patience / 2)),
    },
    breaker: {
      failures: raw.breaker?.failures ?? initial.breaker.failures,
      open: raw.breaker?.open ?? ms(initial.breaker.open),
    },
  };
}

export function ms(text: string): number {
  return parseDuration(text) ?? 0;
}

/** Keys about a connection; a folder has none, so whatever they say would silently do nothing. */
const CONNECTION_KEYS = [
  'headers',
  'auth',
  'tls',
  'http2',
  'proxy',
  'timeouts',
  'concurrency',
  'queue',
  'retry',
  'breaker',
] as const;

function checkFileSource(raw: FileSource, path: Path, { findings }: Context): void {
  for (const key of CONNECTION_KEYS) {
    if (raw[key] !== undefined)
      findings.fault([...path, key], `${key} means nothing for a file:// source`, 'key');
  }
}

function readAuth(raw: NonNullable<FileSource['auth']>, path: Path, context: Context): SourceAuth {
  const given = Object.keys(raw);
  if (given.length !== 1 && !context.findings.faulted(path)) {
    const what = given.length === 0 ? 'is empty' : `holds ${given.join(' and ')}`;
    context.findings.fault(path, `auth ${what}; it needs exactly one of basic, bearer and netrc`);
  }
  if (raw.basic !== undefined) {
    const password = readSecret(raw.basic.password, [...path, 'basic', 'password'], context);
    if (raw.basic.username.includes(':')) {
      context.findings.fault([...path, 'basic', 'username'], 'a user name cannot hold a colon');
    }
    return password === undefined
      ? { kind: 'none' }
      : { kind: 'basic', username: raw.basic.username, password };
  }
  if (raw.bearer !== undefined) {
    const tokenPath = [...path, 'bearer', 'token'];
    const token = readSecret(raw.bearer.token, tokenPath, context);
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token.reveal())) {
      context.findings.fault(tokenPath, 'the token holds a character that a header cannot hold');
    }
    return token === undefined ? { kind: 'none' } : { kind: 'bearer', token };
  }
  if (raw.netrc === undefined) return { kind: 'none' };
  return {
    kind: 'netrc',
    file: raw.netrc === true ? undefined : netrcFile(raw.netrc, [...path, 'netrc'], context),
  };
}

export function netrcFile(name: string, path: Path, context: Context): string {
  const file = resolve(context.folder, name);
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    context.findings.fault(path, `${name}: cannot be read (${systemCode(error)})`);
  }
  return file;
}

const CREDENTIALS = /^(?:proxy-)?authorization$|^cookie$/i;
/** Headers that the client itself sets, or that would break the framing of a request. */
const FRAMING =
  /^(?:host|connection|content-length|transfer-encoding|upgrade|expect|keep-alive|te|trailer)$/i;
/** Such headers are shown as a secret is. */
export const SECRET_HEADER = /token|key|secret|password|auth|cookie|credential/i;

function readHeaders(
  headers: Readonly<Record<string, string>>,
  path: Path,
  context: Context,
): Record<string, string> {
  for (const name of Object.keys(headers)) {
    const here = [...path, name];
    if (CREDENTIALS.test(name))
      context.findings.fault(here, `${name} does not belong into headers; use auth`, 'key');
    else if (FRAMING.test(name)) context.findings.fault(here, `${name} cannot be set`, 'key');
    else if (SECRET_HEADER.test(name))
      context.findings.warn(here, `${name} looks like a secret in plain text; use auth`);
  }
  return { ...headers };
}

function checkTimes(
  { timeouts, retry }: SourceClient,
  path: Path,
  patience: number,
  { findings }: Context,
): void {
  const times = [...path, 'timeouts'];
  const tries = [...path, 'retry'];
  if (findings.faulted(times) || findings.faulted(tries)) return;
  for (const [key, value] of [
    ['connect', timeouts.connect],
    ['first_byte', timeouts.firstByte],
    ['idle', timeouts.idle],
  ] as const) {
    if (timeouts.total >= value) continue;
    const at = findings.inFile([...times, 'total']) ? 'total' : key;
    findings.fault([...times, at], `timeouts.total is shorter than timeouts.${key}`);
  }
  if (retry.base > retry.cap) {
    findings.fault(
      [...tries, findings.inFile([...tries, 'base']) ? 'base' : 'cap'],
      'retry.base is longer than retry.cap',
    );
  }
  if (retry.budget >= patience) {
    findings.fault(
      [...tries, 'budget'],
      'retry.budget must be shorter than limits.patience, or callers leave before it ends',
    );
  }
}
