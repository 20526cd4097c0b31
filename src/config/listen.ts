import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { baseOf, type Context, readSecret } from './context.ts';
import { DEFAULTS } from './defaults.ts';
import type { Path } from './document.ts';
import type { FileConfig, FileListenTls } from './schema.ts';
import { Secret } from './secret.ts';
import { minVersion, readPems } from './tls.ts';
import type { Address, Config, ListenTls } from './types.ts';

/** bytes of sun_path in Linux, less its final NUL (unix(7)) */
const MAX_SOCKET_PATH = 107;
/** Stands in for an address that cannot be read, so that the rest is checked all the same. */
const UNKNOWN: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/;

/** `host:port`, `[IPv6]:port` or `unix:/path`; a relative path starts where the value stands. */
export function readAddress(text: string, path: Path, context: Context): Address {
  const { findings } = context;
  const name = path.join('.');
  if (text.startsWith('unix:')) {
    const socket = resolve(baseOf(path, context), text.slice('unix:'.length));
    if (text === 'unix:') findings.fault(path, `${name} names no socket; write unix:/run/modgate.sock`);
    else if (Buffer.byteLength(socket) > MAX_SOCKET_PATH)
      findings.fault(path, `${name}: the path of a socket can have ${MAX_SOCKET_PATH} bytes at most`);
    return { kind: 'unix', path: socket };
  }
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found !== null && port <= 65_535) return { kind: 'tcp', host: found[1] ?? found[2] ?? '', port };
  const hint = /^:\d+$/.test(text) ? `; for every address 0.0.0.0${text}` : '';
  findings.fault(
    path,
    `${name} must be host:port, [IPv6 address]:port or unix:/path, the port at most 65535${hint}`,
  );
  return UNKNOWN;
}

/** The certificate that the listener shows, read at once; undefined: plain HTTP. */
export function readListenTls(raw: FileListenTls | undefined, context: Context): ListenTls | undefined {
  if (raw === undefined) return undefined;
  const { findings } = context;
  const { text, files } = readPems(raw, ['cert', 'key', 'client_ca'], ['tls'], context);
  for (const needed of ['cert', 'key'] as const)
    if (raw[needed] === undefined) findings.fault(['tls'], `tls needs tls.${needed}`, 'key');
  const clientCerts = raw.client_certs ?? DEFAULTS.client_certs;
  if (clientCerts !== 'off' && raw.client_ca === undefined)
    findings.fault(['tls', 'client_certs'], 'client certificates need tls.client_ca');
  if (clientCerts === 'off' && raw.client_ca !== undefined)
    findings.fault(['tls', 'client_ca'], 'tls.client_ca means nothing with tls.client_certs: off');
  const { cert, key } = text;
  if (cert === undefined || key === undefined) return undefined;
  return {
    cert,
    key: new Secret(key),
    minVersion: minVersion(raw.min_version),
    clientCa: text.client_ca,
    clientCerts,
    files,
  };
}

/** Decoded elements only: a prefix is compared with the request's own text. */
const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/;

export function readPrefix(text: string, { findings }: Context): string {
  const prefix = text.replace(/\/+$/, '');
  const plain = PREFIX.test(prefix) && !/\/\.{1,2}(?:\/|$)/.test(prefix);
  if (prefix !== '' && !plain)
    findings.fault(
      ['prefix'],
      'prefix must be a path such as /goproxy, of letters, digits, ".", "_", "~", "-"',
    );
  return prefix;
}

export function readTrustedProxies(text: string, { findings }: Context): string[] {
  const found: string[] = [];
  for (const one of text.split(',').map((part) => part.trim())) {
    if (isNetwork(one) || one === 'unix') found.push(one);
    else
      findings.fault(
        ['trusted_proxies'],
        `${JSON.stringify(one)} is no address, no network such as 10.0.0.0/8, and not unix`,
      );
  }
  return found;
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128));
}

export function readAdmin(raw: FileConfig['admin'], context: Context): Config['admin'] {
  const path = ['admin', 'listen'];
  const listen = raw?.listen === undefined ? undefined : readAddress(raw.listen, path, context);
  const tokenPath = ['admin', 'token'];
  const token = raw?.token === undefined ? undefined : readSecret(raw.token, tokenPath, context);
  if (token !== undefined && !/^[\x21-\x7e]{16,}$/.test(token.reveal()))
    context.findings.fault(tokenPath, 'the token needs at least 16 characters, none of them a space');
  const open = listen?.kind === 'tcp' && !LOOPBACK.test(listen.host);
  if (open && raw?.token === undefined)
    context.findings.fault(path, 'an administrative listener that others can reach needs admin.token');
  return { listen, token };
}
