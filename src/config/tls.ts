import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Context, readFileAt } from './context.ts';
import type { Path } from './document.ts';
import type { FileSource } from './schema.ts';
import { Secret } from './secret.ts';
import type { SourceConfig, SourceTls } from './types.ts';
import type { BaseUrl } from './urls.ts';

type Files = SourceConfig['tlsFiles'];

/** Reads the files at once: a gateway that starts has its certificates. */
export function readTls(
  raw: FileSource['tls'],
  path: Path,
  source: string,
  url: BaseUrl,
  context: Context,
): { tls: SourceTls; files: Files } {
  const { findings } = context;
  if (raw !== undefined && url.kind === 'proxy' && !url.secure) {
    findings.fault(path, 'tls means nothing for an http:// source', 'key');
  }
  const files: { -readonly [K in keyof Files]: Files[K] } = {};
  const read = (kind: keyof Files): string | undefined => {
    const name = raw?.[kind];
    const found = name === undefined ? undefined : readFileAt(name, [...path, kind], context);
    if (found !== undefined) files[kind] = found.file;
    return found?.text;
  };
  const ca = read('ca');
  const cert = read('cert');
  const key = read('key');
  const leaf = cert === undefined ? undefined : certificate(cert);
  const pair = key === undefined ? undefined : privateKey(key);
  if (ca !== undefined && certificate(ca) === undefined)
    findings.fault([...path, 'ca'], `${raw?.ca} holds no PEM certificate`);
  if (cert !== undefined && leaf === undefined)
    findings.fault([...path, 'cert'], `${raw?.cert} holds no PEM certificate`);
  if (key !== undefined && pair === undefined) {
    findings.fault([...path, 'key'], `${raw?.key} holds no PEM private key, or one with a passphrase`);
  }
  if (leaf !== undefined && pair !== undefined && !leaf.checkPrivateKey(pair)) {
    findings.fault([...path, 'key'], 'tls.key does not belong to tls.cert');
  }
  checkTogether(raw, path, source, context);
  const tls: SourceTls = {
    ca,
    cert,
    key: key === undefined ? undefined : new Secret(key),
    pins: raw?.pin ?? [],
    minVersion: String(raw?.min_version) === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    insecure: raw?.insecure ?? false,
  };
  return { tls, files };
}

function checkTogether(raw: FileSource['tls'], path: Path, source: string, { findings }: Context): void {
  if (raw?.cert !== undefined && raw.key === undefined)
    findings.fault([...path, 'cert'], 'tls.cert needs tls.key');
  if (raw?.key !== undefined && raw.cert === undefined)
    findings.fault([...path, 'key'], 'tls.key needs tls.cert');
  if (raw?.insecure !== true) return;
  if (raw.ca !== undefined) findings.fault([...path, 'ca'], 'tls.ca means nothing with tls.insecure');
  findings.warn(
    [...path, 'insecure'],
    `INSECURE: the certificate of ${source} is not checked; whoever is on the way can read what is sent to it and change its answers`,
  );
}

function certificate(pem: string): X509Certificate | undefined {
  try {
    return pem.includes('-----BEGIN CERTIFICATE-----') ? new X509Certificate(pem) : undefined;
  } catch {
    return undefined;
  }
}

function privateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
