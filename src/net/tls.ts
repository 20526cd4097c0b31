/** TLS material of a source: what it trusts, what it shows, which keys it expects. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { ModgateError } from '../errors/index.ts';
import type { TlsOptions } from './options.ts';

/** None of the keys that the server showed is one of the source's pins. */
export class PinMismatch extends Error {
  /** the pin of the leaf that was shown */
  readonly seen: string;

  constructor(seen: string) {
    super(`certificate pin mismatch: ${seen}`);
    this.seen = seen;
  }
}

/** Throws CONFIG_INVALID where a PEM text cannot be used. */
export function secureContext(source: string, tls: TlsOptions, env: NodeJS.ProcessEnv): SecureContext {
  try {
    return createSecureContext({
      minVersion: tls.minVersion,
      ...(tls.ca === undefined ? {} : { ca: trusted(tls.ca, env) }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModgateError(
      'CONFIG_INVALID',
      `source "${source}": its TLS material cannot be used: ${reason}`,
      {
        cause: error,
        source,
        next: 'check the PEM files of tls.ca, tls.cert and tls.key, and that the key belongs to the certificate',
      },
    );
  }
}

/** A CA bundle and what Node trusts without it. Throws where the bundle has no usable certificate. */
export function trusted(ca: string, env: NodeJS.ProcessEnv): string[] {
  return [...certificates(ca), ...defaultRoots(env)];
}

const PEM =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Each certificate of a bundle; Node alone would pass over a broken one without a word. */
function certificates(pem: string): readonly string[] {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in the CA bundle');
  for (const block of blocks) new X509Certificate(block);
  return blocks;
}

/** What Node trusts without being told: a `ca` of our own replaces it, NODE_EXTRA_CA_CERTS included. */
function defaultRoots(env: NodeJS.ProcessEnv): readonly string[] {
  const file = env.NODE_EXTRA_CA_CERTS;
  return [...rootCertificates, ...(file === undefined || file === '' ? [] : extraRoots(file))];
}

function extraRoots(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').match(PEM) ?? [];
  } catch {
    // Node itself warns once and goes on without an unreadable file.
    return [];
  }
}

/** certificates looked at; a real chain has three or four */
const MAX_CHAIN = 16;

/** undefined where nothing is pinned, or the leaf or a certificate above it has one of the pinned keys. */
export function pinFault(socket: TLSSocket, pins: readonly string[]): PinMismatch | undefined {
  if (pins.length === 0) return undefined;
  let certificate = socket.getPeerX509Certificate();
  const leaf = certificate === undefined ? 'no certificate' : pinOf(certificate);
  for (let depth = 0; certificate !== undefined && depth < MAX_CHAIN; depth += 1) {
    if (pins.includes(pinOf(certificate))) return undefined;
    certificate = certificate.issuerCertificate;
  }
  return new PinMismatch(leaf);
}

/** `sha256/<base64>` of the SubjectPublicKeyInfo (RFC 7469 section 2.4). */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(key).digest('base64')}`;
}
