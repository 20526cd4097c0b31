import type { PublishConfig } from './publish.ts';
import type { Secret } from './secret.ts';
import type { VcsConfig } from './vcs-types.ts';

/** Credentials of a source. */
export type SourceAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly kind: 'bearer'; readonly token: Secret }
  /** file undefined: the user's own netrc */
  | { readonly kind: 'netrc'; readonly file: string | undefined };

export interface SourceTls {
  /** PEM */
  readonly ca: string | undefined;
  /** PEM */
  readonly cert: string | undefined;
  /** PEM */
  readonly key: Secret | undefined;
  /** `sha256/<base64 of the SPKI's hash>` */
  readonly pins: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly insecure: boolean;
}

/** The shape of the options of net's client without its name, with secrets still wrapped. */
export interface SourceClient {
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: SourceAuth;
  readonly tls: SourceTls;
  readonly http2: boolean;
  /** a secret: URL of the proxy, http or https, with its credentials */
  readonly proxy: 'env' | 'none' | Secret;
  /** ms */
  readonly timeouts: {
    readonly connect: number;
    readonly firstByte: number;
    readonly idle: number;
    readonly total: number;
  };
  readonly concurrency: number;
  readonly queue: number;
  /** base, cap, budget in ms */
  readonly retry: {
    readonly attempts: number;
    readonly base: number;
    readonly cap: number;
    readonly budget: number;
  };
  /** failures in a row; open in ms */
  readonly breaker: { readonly failures: number; readonly open: number };
}

export interface SourceConfig {
  readonly name: string;
  readonly kind: 'proxy' | 'file';
  /** without user info, query, fragment and final slash */
  readonly url: string;
  /** true: made by a URL in a chain, not named under `sources` */
  readonly implicit: boolean;
  /** may be asked about modules of private routes, and leads them to no other host */
  readonly isPrivate: boolean;
  /** the files that `client.tls` was read from, absolute */
  readonly tlsFiles: Readonly<Partial<Record<'ca' | 'cert' | 'key', string>>>;
  readonly client: SourceClient;
}

export interface RouteConfig {
  /** list of patterns in the syntax of GOPRIVATE */
  readonly match: string;
  /** syntax of GOPROXY, each element a key of `Config.sources`, `direct`, `off` or `published` */
  readonly chain: string;
  /** what a caller is told when a source refuses our credentials: 502, or passed on as 403 */
  readonly denied: 'refuse' | 'pass';
  /** nobody outside is asked about its modules */
  readonly isPrivate: boolean;
  /** begins of repository URLs → what stands in their place */
  readonly insteadOf: ReadonlyMap<string, string>;
  /** false: the one that `chain` stands for */
  readonly written: boolean;
}

export interface SumdbConfig {
  readonly name: string;
  readonly url: string;
}

/** Where a listener is found. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** absolute path of a socket */
  | { readonly kind: 'unix'; readonly path: string };

/** What a listener proves itself by, and what it asks of its clients. */
export interface ListenTls {
  /** PEM, the chain from the leaf on */
  readonly cert: string;
  /** PEM */
  readonly key: Secret;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** PEM of the authorities whose client certificates count; undefined where none is asked for */
  readonly clientCa: string | undefined;
  readonly clientCerts: 'off' | 'optional' | 'required';
  /** the files that they were read from, absolute */
  readonly files: Readonly<Partial<Record<'cert' | 'key' | 'client_ca', string>>>;
}

/** How a trusted proxy is told to send a stored file in modgate's place. */
export type Sendfile =
  | { readonly type: 'off' }
  /** prefix: a path with a slash at its end; the tree is below it in the proxy, for nobody else */
  | { readonly type: 'x-accel-redirect'; readonly prefix: string }
  | { readonly type: 'x-sendfile' };

export interface Config {
  readonly listen: Address;
  /** undefined: plain HTTP */
  readonly tls: ListenTls | undefined;
  /** "" or an absolute path without a slash at its end, e.g. "/goproxy" */
  readonly prefix: string;
  /** addresses and networks in CIDR notation, and `unix`, whose X-Forwarded-* and Forwarded headers count */
  readonly trustedProxies: readonly string[];
  readonly sendfile: Sendfile;
  /** processes that serve */
  readonly workers: number;
  /** token undefined: whoever reaches the address may do everything */
  readonly admin: { readonly listen: Address | undefined; readonly token: Secret | undefined };
  readonly publish: PublishConfig;
  /** absolute path */
  readonly data: string;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat; readonly access: boolean };
  readonly sources: ReadonlyMap<string, SourceConfig>;
  /** first match; the last one matches everything */
  readonly routes: readonly RouteConfig[];
  readonly sumdb: readonly SumdbConfig[];
  /** ms, and bytes for memory */
  readonly cache: {
    readonly fresh: number;
    readonly stale: number;
    readonly negative: number;
    readonly memory: number;
  };
  /** patience, headerTime and idle in ms; metadata and header in bytes; url in characters */
  readonly limits: {
    readonly patience: number;
    readonly fetches: number;
    readonly queue: number;
    readonly metadata: number;
    readonly connections: number;
    readonly header: number;
    readonly url: number;
    readonly headerTime: number;
    readonly idle: number;
  };
  /** cap in bytes, 0: none; scrub in ms for one pass over everything, 0: never */
  readonly store: { readonly cap: number; readonly scrub: number };
  readonly vcs: VcsConfig;
  /** ms */
  readonly shutdown: number;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
export type LogFormat = 'auto' | 'json' | 'pretty';

/** Path of a value, as `sources/corp/url`, to where it came from: `modgate.yaml:4:10`, `MODGATE_DATA`, `--data`. */
export type Origins = ReadonlyMap<string, string>;
