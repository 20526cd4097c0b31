/**
 * Configurations of reverse proxies in front of modgate, as text. Each lets the GOPROXY protocol through and nothing
 * else, passes paths on undecoded, and never makes an outage look like absence.
 */

export type { FrontName } from './options.ts';
export { type FrontFlags, readFront } from './read.ts';
export { writeFront } from './write.ts';
