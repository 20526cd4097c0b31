import { BlockList, isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { type Address, type Config, DEFAULT_SENDFILE_PREFIX } from '../config/index.ts';
import { ModgateError } from '../errors/index.ts';
import {
  type FrontName,
  type FrontOptions,
  type Mode,
  ownAddresses,
  type TakeOver,
  type Variant,
} from './options.ts';
import { unsupported } from './supported.ts';

/** As they stand on the command line. */
export interface FrontFlags {
  readonly serverName: readonly string[];
  readonly front?: string | undefined;
  readonly variant: Variant;
  readonly mode: Mode;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** each HOST or HOST/PATH */
  readonly takeOver: readonly string[];
  readonly fallback: boolean;
  readonly pages: boolean;
  /** undefined: where publish.token is set */
  readonly publish?: boolean | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamCa?: string | undefined;
}

/** ms; a front waits this much longer than modgate, which alone can say why there is no answer */
const LONGER = 15_000;

/**
 * Flags and modgate's configuration → what a front's configuration is made of.
 * @param cwd where relative paths start
 * @throws USAGE with every fault, one a line
 */
export function readFront(front: FrontName, flags: FrontFlags, config: Config, cwd: string): FrontOptions {
  const faults: string[] = [];
  const upstream =
    flags.upstream === undefined ? config.listen : addressOf(flags.upstream, '--upstream', faults);
  if (upstream.kind === 'tcp' && upstream.port === 0)
    faults.push(
      'modgate listens on a port that is chosen at its start: name a fixed one, or give --upstream',
    );
  if (flags.serverName.length === 0) faults.push('--server-name is needed: the host name in GOPROXY');
  const options: FrontOptions = {
    names: flags.serverName.map((name) => hostOf(name, '--server-name', faults)),
    variant: flags.variant,
    mode: flags.mode,
    address: frontAddress(flags, faults),
    certificate: certificateOf(flags, cwd, faults),
    takeOver: flags.takeOver.map((text) => takeOverOf(text, faults)),
    fallback: flags.fallback,
    pages: flags.pages,
    uploads: flags.publish ?? config.publish.token !== undefined,
    upstream,
    upstreamTls: upstreamTlsOf(flags, config, cwd, faults),
    prefix: config.prefix,
    sendfile: config.sendfile.type,
    trusted: isTrusted(upstream, config.trustedProxies),
    internal: config.sendfile.type === 'x-accel-redirect' ? config.sendfile.prefix : DEFAULT_SENDFILE_PREFIX,
    tree: pathOf(join(config.data, 'tree'), 'the data folder', cwd, faults),
    timeout: Math.ceil((config.limits.patience + LONGER) / 1000),
  };
  if (upstream.kind === 'unix') pathOf(upstream.path, "modgate's socket", cwd, faults);
  else if (flags.upstream === undefined && !isHost(upstream.host))
    faults.push(`listen: ${JSON.stringify(upstream.host)} is no host name and no address`);
  const all = options.names.concat(options.takeOver.map(({ host }) => host));
  if (new Set(all).size < all.length)
    faults.push('a host name stands twice among --server-name and --take-over');
  for (const { host, prefix } of options.takeOver)
    if (options.mode === 'accel' && `${prefix}/`.startsWith(options.internal))
      faults.push(`--take-over ${host}${prefix}: sendfile.prefix would hide this path`);
  faults.push(...unsupported(front, options));
  if (faults.length > 0)
    throw new ModgateError('USAGE', [`no configuration for ${front}:`, ...faults].join('\n'), {
      next: `see modgate config ${front} --help`,
    });
  return options;
}

/** A front elsewhere may be any that is named. */
function isTrusted(upstream: Address, trusted: readonly string[]): boolean {
  const own = ownAddresses(upstream);
  if (own === undefined) return trusted.length > 0;
  const list = new BlockList();
  for (const network of trusted) {
    const [address = '', bits] = network.split('/');
    const family = familyOf(address);
    if (family === undefined) continue;
    list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  return own.every((one) => {
    const family = familyOf(one);
    return family === undefined ? trusted.includes(one) : list.check(one, family);
  });
}

/** Undefined for `unix`. */
function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

/** A zone (`fe80::1%x`) may be any text, so an address has none here. */
function isHost(text: string): boolean {
  return (isIP(text) !== 0 && !text.includes('%')) || HOST.test(text.toLowerCase());
}

function hostOf(text: string, flag: string, faults: string[]): string {
  const host = text.toLowerCase();
  if (!HOST.test(host)) faults.push(`${flag} ${JSON.stringify(text)} is no host name`);
  return host;
}

/** Letters and digits of any script, and marks that mean nothing to any front; quotes, `$`, `{`, `%` do. */
const PATH = /^\/[\p{L}\p{N} ._+@=:,~/-]*$/u;

function pathOf(text: string, what: string, cwd: string, faults: string[]): string {
  const path = resolve(cwd, text);
  if (!PATH.test(path))
    faults.push(
      `${what}: the path ${JSON.stringify(path)} has a character that a front could take for its syntax; rename it`,
    );
  return path;
}

function addressOf(text: string, flag: string, faults: string[]): Address {
  if (text.startsWith('unix:/')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const { host, port } = hostAndPort(text);
  if (host === '' || port === 0)
    faults.push(`${flag} ${JSON.stringify(text)} must be host:port or unix:/path`);
  return { kind: 'tcp', host, port };
}

function frontAddress({ front, variant }: FrontFlags, faults: string[]): FrontOptions['address'] {
  const port = variant === 'plain' ? 80 : 443;
  if (front === undefined) return { host: '', port };
  const found = /^\d{1,5}$/.test(front) ? { host: '', port: Number(front) } : hostAndPort(front);
  const ip = found.host === '' || isIP(found.host) !== 0;
  if (found.port === 0 || found.port > 65_535 || !ip)
    faults.push(`--front ${JSON.stringify(front)} must be a port or IP:port`);
  return found;
}

/** port 0: it could not be read */
function hostAndPort(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3] ?? 0);
  return isHost(host) && port <= 65_535 ? { host, port } : { host: '', port: 0 };
}

function certificateOf(flags: FrontFlags, cwd: string, faults: string[]): FrontOptions['certificate'] {
  const { cert, key } = flags;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    faults.push('--cert and --key belong together');
    return undefined;
  }
  return { cert: pathOf(cert, '--cert', cwd, faults), key: pathOf(key, '--key', cwd, faults) };
}

/** As `prefix` of modgate.yaml. */
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*$/;

function takeOverOf(text: string, faults: string[]): TakeOver {
  const at = text.indexOf('/');
  const host = hostOf(at < 0 ? text : text.slice(0, at), '--take-over', faults);
  const prefix = at < 0 ? '' : text.slice(at).replace(/\/+$/, '');
  if (!PREFIX.test(prefix)) faults.push(`--take-over ${JSON.stringify(text)} must be HOST or HOST/PATH`);
  return { host, prefix };
}

function upstreamTlsOf(
  { upstreamCa, serverName, variant }: FrontFlags,
  { tls }: Config,
  cwd: string,
  faults: string[],
): FrontOptions['upstreamTls'] {
  if (variant === 'passthrough') {
    if (tls === undefined) faults.push('--variant passthrough: modgate itself needs tls.cert and tls.key');
    return undefined;
  }
  if (tls === undefined && upstreamCa === undefined) return undefined;
  if (upstreamCa === undefined) {
    faults.push(
      "modgate itself speaks TLS: give --upstream-ca, the CA of modgate's certificate, or --variant passthrough",
    );
    return undefined;
  }
  return { ca: pathOf(upstreamCa, '--upstream-ca', cwd, faults), name: serverName[0]?.toLowerCase() ?? '' };
}
