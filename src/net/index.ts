/**
 * How bytes leave the machine: one UpstreamClient for each source, with its credentials, TLS material, proxy,
 * time limits, queue, retries and circuit breaker. Left out: DNS servers of one's own, SOCKS proxies, cookies,
 * decompression, methods other than GET and a small POST.
 */
export { bodyError, isCut, readBody } from './body.ts';
export type { BreakerState } from './breaker.ts';
export { UpstreamClient } from './client.ts';
export { UpstreamFault } from './fault.ts';
export { TooNear } from './home.ts';
export { nearObjection, webProxy } from './internet.ts';
export { Limiter, type Release } from './limiter.ts';
export { defaultNetrcFile, NetrcFile } from './netrc.ts';
export type {
  Answer,
  Auth,
  BreakerOptions,
  ClientOptions,
  Links,
  RetryOptions,
  Timeouts,
  TlsOptions,
} from './options.ts';
