import type { Readable } from 'node:stream';

export interface ClientOptions {
  /** the source's name: in errors, logs and metrics */
  readonly name: string;
  /** sent to the source's own origin only */
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: Auth;
  readonly tls: TlsOptions;
  /** offer HTTP/2 by ALPN */
  readonly http2: boolean;
  /** `env`: HTTP_PROXY, HTTPS_PROXY and NO_PROXY by the go command's rules; `none`; or an http(s) URL */
  readonly proxy: 'env' | 'none' | (string & {});
  /** `internet`: no address of a private network or of this machine is asked, not even at first; default: any */
  readonly reach?: 'any' | 'internet';
  /** `host`: redirects to another host than the first one are refused; default: any that is not nearer */
  readonly redirects?: 'any' | 'host';
  readonly timeouts: Timeouts;
  /** requests in flight, 1.. */
  readonly concurrency: number;
  /** requests that may wait for their turn, 0.. */
  readonly queue: number;
  readonly retry: RetryOptions;
  readonly breaker: BreakerOptions;
}

export type Auth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  /** undefined: `$NETRC`, else `~/.netrc` */
  | { readonly kind: 'netrc'; readonly file: string | undefined };

export interface TlsOptions {
  /** PEM, trusted beside Node's own roots and NODE_EXTRA_CA_CERTS */
  readonly ca: string | undefined;
  /** PEM, the client certificate with its chain */
  readonly cert: string | undefined;
  /** PEM */
  readonly key: string | undefined;
  /** `sha256/<base64 of the SHA-256 of the SubjectPublicKeyInfo>`, of the leaf or of any certificate above it */
  readonly pins: readonly string[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** certificates are not verified; pins still are */
  readonly insecure: boolean;
}

/** ms */
export interface Timeouts {
  /** the whole dial: DNS, TCP, proxy, TLS */
  readonly connect: number;
  /** from the request to the headers of its answer */
  readonly firstByte: number;
  /** between two pieces of the body, while the reader takes them */
  readonly idle: number;
  /** from the request's turn to the last byte read, tries and their waiting included */
  readonly total: number;
}

export interface RetryOptions {
  /** tries in all, 1.. */
  readonly attempts: number;
  /** ms, the first waiting is random below it; doubled at each try */
  readonly base: number;
  /** ms, no waiting of ours is longer */
  readonly cap: number;
  /** ms of waiting in all */
  readonly budget: number;
}

export interface BreakerOptions {
  /** consecutive failures that suspend the source, 1.. */
  readonly failures: number;
  /** ms until one request may probe it */
  readonly open: number;
}

/** ms each, of the answering request. A reused connection has no dns, connect or tls; body comes with its end. */
export interface Links {
  dns?: number;
  connect?: number;
  tls?: number;
  firstByte?: number;
  body?: number;
}

export interface Answer {
  /** 201 to a POST only */
  readonly status: 200 | 201 | 304;
  /** lower-case names; no cookies */
  readonly headers: Readonly<Record<string, string>>;
  /** must be read or destroyed: the request holds its place until then. Its errors are ModgateErrors. */
  readonly body: Readable;
  /** bytes, where the upstream told */
  readonly length: number | undefined;
  readonly links: Links;
  /** after redirects, without user info and query */
  readonly url: string;
  /** the source's name, for messages */
  readonly source?: string;
}
