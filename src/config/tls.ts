import { createPrivateKey, KeyObject, X509Certificate } from 'node:crypto';
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
  const pem = readPems(raw, ['ca', 'cert', 'key'], path, context);
  checkTogether(raw, path, source, context);
  const tls: SourceTls = {
    ca: pem.text.ca,
    cert: pem.text.cert,
    key: pem.text.key === undefined ? undefined : new Secret(pem.text.key),
    pins: raw?.pin ?? [],
    minVersion: minVersion(raw?.min_version),
    insecure: raw?.insecure ?? false,
  };
  return { tls, files: pem.files };
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

export function minVersion(raw: string | number | undefined): SourceTls['minVersion'] {
  return String(raw) === '1.3' ? 'TLSv1.3' : 'TLSv1.2';
}

type Pems<K extends string> = Readonly<Partial<Record<K, string>>>;

/** Reads PEM files, `key` being a private key and all others certificates; what is wrong with them is told. */
export function readPems<K extends string>(
  raw: Readonly<Partial<Record<K, string | undefined>>> | undefined,
  kinds: readonly K[],
  path: Path,
  context: Context,
): { readonly text: Pems<K>; readonly files: Pems<K> } {
  const { findings } = context;
  const text: Partial<Record<K, string>> = {};
  const files: Partial<Record<K, string>> = {};
  let leaf: X509Certificate | undefined;
  let pair: KeyObject | undefined;
  for (const kind of kinds) {
    const name = raw?.[kind];
    const found = name === undefined ? undefined : readFileAt(name, [...path, kind], context);
    if (found === undefined) continue;
    text[kind] = found.text;
    files[kind] = found.file;
    const read = kind === 'key' ? privateKey(found.text) : certificate(found.text);
    if (read instanceof KeyObject) pair = read;
    else if (kind === 'cert') leaf = read;
    if (read !== undefined) continue;
    const what = kind === 'key' ? 'private key, or one with a passphrase' : 'certificate';
    findings.fault([...path, kind], `${name} holds no PEM ${what}`);
  }
  if (leaf !== undefined && pair !== undefined && !leaf.checkPrivateKey(pair)) {
    findings.fault([...path, 'key'], 'tls.key does not belong to tls.cert');
  }
  return { text, files };
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
