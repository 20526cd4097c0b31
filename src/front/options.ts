import { type Address, type Sendfile, sendfileToken } from '../config/index.ts';

export type Mode = 'proxy' | 'try-files' | 'auth-request' | 'accel';
export type Variant = 'tls' | 'plain' | 'passthrough';
export type FrontName = 'nginx' | 'caddy' | 'traefik' | 'apache';

/** Absolute paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A host name that another module proxy had, and the path below which it answered. */
export interface TakeOver {
  readonly host: string;
  /** "" or a path as `Config.prefix` */
  readonly prefix: string;
}

/** What a configuration is made of; every text in it has been checked, so that none can end what it stands in. */
export interface FrontOptions {
  readonly names: readonly string[];
  readonly variant: Variant;
  readonly mode: Mode;
  /** host "": every address of the machine */
  readonly address: { readonly host: string; readonly port: number };
  /** undefined: the front finds one by itself */
  readonly certificate: Certificate | undefined;
  readonly takeOver: readonly TakeOver[];
  /** the tree answers when modgate does not */
  readonly fallback: boolean;
  /** /, /healthz, /readyz and /version are reachable */
  readonly pages: boolean;
  /** modules can be published through it */
  readonly uploads: boolean;
  /** where modgate listens */
  readonly upstream: Address;
  /** modgate speaks TLS itself; file of the CA, and the name in modgate's certificate */
  readonly upstreamTls: { readonly ca: string; readonly name: string } | undefined;
  readonly prefix: string;
  /** what modgate names files by, as it is configured now */
  readonly sendfile: Sendfile['type'];
  /** modgate as it is configured now believes this front; where it can be told */
  readonly trusted: boolean;
  /** internal path of the tree in a front that is told by X-Accel-Redirect, with a slash at both ends */
  readonly internal: string;
  /** absolute path of the folder with the stored files */
  readonly tree: string;
  /** seconds; longer than modgate itself lets a caller wait */
  readonly timeout: number;
}

/** Addresses of a front on modgate's own machine, any of which it may have; undefined: it is elsewhere. */
export function ownAddresses(upstream: Address): readonly string[] | undefined {
  if (upstream.kind === 'unix') return ['unix'];
  const host = dialled(upstream.host);
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  if (host === '[::1]') return ['::1'];
  return /^127(?:\.\d+){3}$/.test(host) ? ['127.0.0.1'] : undefined;
}

/** One server of a front: the names it answers for, and the paths below which it does. */
export interface Site {
  readonly names: readonly string[];
  /** the first one that fits counts */
  readonly prefixes: readonly string[];
}

/** modgate's own names, then each one that it takes over: at its old path, and at the root. */
export function sites({ names, prefix, takeOver }: FrontOptions): Site[] {
  const taken = takeOver.map((old) => ({ names: [old.host], prefixes: [...new Set([old.prefix, ''])] }));
  return [{ names, prefixes: [prefix] }, ...taken];
}

/** Whether modgate knows a request of this site by another path than the client. */
export function remaps({ prefixes }: Site, { prefix }: FrontOptions): boolean {
  return prefixes.some((one) => one !== prefix);
}

/** As an address is dialled: one that stands for all of the machine is none to dial. */
export function dialled(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

export function allNames(options: FrontOptions): string[] {
  return sites(options).flatMap(({ names }) => names);
}

/** What a front that is told by X-Accel-Redirect tells modgate of itself. */
export function setUpFor({ internal }: FrontOptions): string {
  return sendfileToken({ type: 'x-accel-redirect', prefix: internal });
}
