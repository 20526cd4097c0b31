import { type Context, readSecret } from './context.ts';
import type { Path } from './document.ts';
import type { FileSource } from './schema.ts';
import { Secret, withoutUserInfo } from './secret.ts';
import { didYouMean } from './suggest.ts';
import type { SourceClient } from './types.ts';
import { IS_URL, readUserInfo } from './urls.ts';

/** The proxy of a source; after a fault, which has been told then, 'none'. */
export function readProxy(
  raw: NonNullable<FileSource['proxy']>,
  path: Path,
  context: Context,
): SourceClient['proxy'] {
  if (raw === 'env' || raw === 'none') return raw;
  const { findings } = context;
  const text = typeof raw === 'string' ? raw : raw.url;
  const urlPath = typeof raw === 'string' ? path : [...path, 'url'];
  const url = proxyUrl(text);
  if (url === undefined) {
    const hint = typeof raw === 'string' ? didYouMean(raw, ['env', 'none']) : '';
    findings.fault(
      urlPath,
      `${JSON.stringify(withoutUserInfo(text))} is not the URL of a proxy, http://host:port or https://host:port${hint}`,
    );
    return 'none';
  }
  if (readUserInfo(url) === 'malformed') {
    findings.fault(urlPath, `${JSON.stringify(withoutUserInfo(text))} has user info with a bad %-escape`);
    return 'none';
  }
  if (url.password !== '')
    findings.warn(urlPath, 'the proxy’s password stands in plain text; use { url, username, password }');
  if (typeof raw === 'string') return new Secret(url.href);
  if (url.username !== '' || url.password !== '') {
    if (raw.username !== undefined || raw.password !== undefined) {
      findings.fault(urlPath, 'the URL holds credentials too; use one of both');
    }
  }
  if (raw.password !== undefined && raw.username === undefined) {
    findings.fault([...path, 'password'], 'proxy.password needs proxy.username');
  }
  const password =
    raw.password === undefined ? undefined : readSecret(raw.password, [...path, 'password'], context);
  // The setters of URL leave a "%" alone, which the reader of the URL would take for an escape.
  if (raw.username !== undefined) url.username = encodeURIComponent(raw.username);
  if (password !== undefined) url.password = encodeURIComponent(password.reveal());
  return new Secret(url.href);
}

function proxyUrl(text: string): URL | undefined {
  if (!IS_URL.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const plain = url.pathname === '/' && url.search === '' && url.hash === '';
  return plain && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined;
}
