import type { Context } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import type { FileConfig } from './schema.ts';
import type { Sendfile } from './types.ts';

/**
 * No dot: then no module path begins as the prefix does, so that the proxy keeps no request of a client for itself.
 */
const INTERNAL = /^(?!.*\/(?:sumdb|cached-only)\/)(?:\/[A-Za-z0-9_~-]+)+\/$/;

/** @param prefix of everything that is served */
export function readSendfile(file: FileConfig, prefix: string, { findings }: Context): Sendfile {
  const { sendfile: raw, trusted_proxies: trusted } = file;
  const type = raw?.type ?? DEFAULTS.sendfile.type;
  const path = ['sendfile', 'prefix'];
  if (type !== 'off' && trusted === undefined)
    findings.fault(
      ['sendfile', 'type'],
      `sendfile.type: ${type} needs trusted_proxies, which alone are told files`,
    );
  if (type !== 'x-accel-redirect') {
    if (raw?.prefix !== undefined)
      findings.fault(path, `sendfile.prefix means nothing with sendfile.type: ${type}`);
    return { type };
  }
  const internal = raw?.prefix ?? DEFAULTS.sendfile.prefix;
  if (!INTERNAL.test(internal))
    findings.fault(
      path,
      'sendfile.prefix must be a path such as /_modgate_tree/, of letters, digits, "_", "~", "-", and of no route',
    );
  else if (`${prefix}/`.startsWith(internal))
    findings.fault(path, 'sendfile.prefix would hide prefix, below which clients ask');
  return { type, prefix: internal };
}

/** By which a proxy says, in X-Modgate-Sendfile, what it was set up for: in any other case it gets bytes. */
export function sendfileToken(sendfile: Sendfile): string {
  return sendfile.type === 'x-accel-redirect' ? `${sendfile.type}:${sendfile.prefix}` : sendfile.type;
}
