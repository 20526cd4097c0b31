import { formatAddress } from './effective.ts';
import type { Address, Config } from './types.ts';

/** What a running gateway cannot take over, by the key that sets it: the value as text, compared as such. */
const FIXED: readonly (readonly [key: string, value: (config: Config) => string])[] = [
  ['listen', ({ listen }) => formatAddress(listen)],
  ['data', ({ data }) => data],
  ['workers', ({ workers }) => String(workers)],
  ['prefix', ({ prefix }) => prefix],
  ['tls (whether there is any)', ({ tls }) => String(tls !== undefined)],
  ['tls.client_certs', ({ tls }) => tls?.clientCerts ?? 'off'],
  ['admin.listen', ({ admin }) => optional(admin.listen)],
  ['log.format', ({ log }) => log.format],
];

/** The keys that differ and take a restart. */
export function needsRestart(old: Config, next: Config): string[] {
  return FIXED.filter(([, value]) => value(old) !== value(next)).map(([key]) => key);
}

function optional(address: Address | undefined): string {
  return address === undefined ? '' : formatAddress(address);
}
