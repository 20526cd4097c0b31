/**
 * Which proxy a URL goes through, by the environment: the rules of golang.org/x/net/http/httpproxy, so that
 * modgate and the go command on one machine take the same way. Left out: SOCKS proxies, the CGI rule.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

/** undefined: dial directly; 'unusable': a proxy is set that cannot be used, so nothing may be dialed */
export type ProxyChoice = URL | 'unusable' | undefined;

type Matcher = (host: string, port: string) => boolean;

/** The first of the names that is set and not empty; upper case first. */
function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

/** A URL, or `host[:port]`, which means http. */
export function parseProxy(text: string): ProxyChoice {
  if (text === '') return undefined;
  const parsed = tryUrl(text.includes('://') ? text : `http://${text}`);
  if (parsed === undefined || parsed.host === '') return 'unusable';
  // A password that is not escaped: what was read as host and path is a part of it.
  if (`${parsed.pathname}${parsed.search}${parsed.hash}`.includes('@')) return 'unusable';
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed : 'unusable';
}

function tryUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

export class ProxyEnvironment {
  readonly #http: ProxyChoice;
  readonly #https: ProxyChoice;
  readonly #excluded: readonly Matcher[];

  constructor(env: NodeJS.ProcessEnv) {
    this.#http = parseProxy(variable(env, 'HTTP_PROXY').trim());
    this.#https = parseProxy(variable(env, 'HTTPS_PROXY').trim());
    this.#excluded = parseNoProxy(variable(env, 'NO_PROXY'));
  }

  choose(url: URL): ProxyChoice {
    const proxy = url.protocol === 'https:' ? this.#https : this.#http;
    if (proxy === undefined) return undefined;
    const host = bareHost(url.hostname);
    const port = url.port !== '' ? url.port : url.protocol === 'https:' ? '443' : '80';
    if (host === 'localhost' || isLoopback(host)) return undefined;
    return this.#excluded.some((matches) => matches(host, port)) ? undefined : proxy;
  }
}

/** Without the brackets of IPv6, and an IPv4 address in IPv6 clothes as IPv4. */
function bareHost(host: string): string {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare);
  if (mapped === null) return bare;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function parseNoProxy(text: string): readonly Matcher[] {
  const matchers: Matcher[] = [];
  for (const part of text.split(',')) {
    const entry = part.trim().toLowerCase();
    if (entry === '') continue;
    if (entry === '*') return [() => true];
    const matcher = cidrMatcher(entry) ?? hostMatcher(entry);
    if (matcher !== undefined) matchers.push(matcher);
  }
  return matchers;
}

function cidrMatcher(entry: string): Matcher | undefined {
  const [address = '', bits = '', ...rest] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  if (Number(bits) > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  return (host) => inList(list, host);
}

function inList(list: BlockList, host: string): boolean {
  const version = isIP(host);
  return version !== 0 && list.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

function hostMatcher(entry: string): Matcher | undefined {
  const { host, port } = splitHostPort(entry);
  if (host === '') return undefined;
  const fits = (candidate: string) => port === '' || port === candidate;
  const version = isIP(host);
  if (version !== 0) {
    const list = new BlockList();
    list.addAddress(host, version === 4 ? 'ipv4' : 'ipv6');
    return (candidate, candidatePort) => inList(list, candidate) && fits(candidatePort);
  }
  // "corp.example" means the host and everything below it; ".corp.example" and "*.corp.example" only below.
  const name = host.startsWith('*.') ? host.slice(1) : host;
  const below = name.startsWith('.');
  const ascii = domainToASCII(below ? name.slice(1) : name) || name;
  return (candidate, candidatePort) =>
    isIP(candidate) === 0 &&
    (candidate.endsWith(`.${ascii}`) || (!below && candidate === ascii)) &&
    fits(candidatePort);
}

/** `host:port`, `[v6]:port`, or a host alone (an IPv6 address may stand bare). */
function splitHostPort(entry: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(entry);
  if (match === null) return { host: entry, port: '' };
  return { host: match[1] ?? match[2] ?? '', port: match[3] ?? '' };
}
