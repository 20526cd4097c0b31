import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { ModgateError, systemCode } from '../errors/index.ts';
import { TooNear } from './home.ts';
import { nearnessOf, nearnessOfHost } from './nearness.ts';
import { ProxyEnvironment } from './proxy-env.ts';
import { graphic } from './text.ts';

export interface ReachDeps {
  readonly env: NodeJS.ProcessEnv;
  /** the system's unless told */
  readonly lookup?: LookupFunction | undefined;
}

/** The proxy of the environment that takes a URL of the web; undefined where none does, or none that can be used. */
export function webProxy(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  const choice = new ProxyEnvironment(env).choose(url);
  return choice instanceof URL ? choice : undefined;
}

/**
 * Why another program must not be sent to a URL that may only lead into the Internet; undefined where it may. Every
 * address of the host counts, since the program chooses among them. Where `webProxy` takes the URL, names are resolved
 * there, so the spelling alone is judged: the program has to take that proxy. The name may lead elsewhere by the time it is used.
 * Throws UPSTREAM_UNREACHABLE for a name without an address, CANCELED.
 */
export async function nearObjection(
  url: URL,
  { env, lookup = systemLookup }: ReachDeps,
  signal: AbortSignal,
): Promise<TooNear | undefined> {
  // A scheme that is not of the web keeps the spelling of its host, which a stranger chose.
  const spelled = `http://${url.hostname}`;
  if (!URL.canParse(spelled)) throw noSuchHost(url.hostname, '');
  const hostname = new URL(spelled).hostname.replace(/^\[|\]$/g, '');
  const named = nearnessOfHost(hostname);
  if (named > 0) return new TooNear(hostname, '', named, undefined);
  if (isIP(hostname) !== 0 || webProxy(url, env) !== undefined) return undefined;
  for (const address of await addressesOf(hostname, lookup, signal)) {
    const nearness = nearnessOf(address);
    if (nearness > 0) return new TooNear(hostname, address, nearness, undefined);
  }
  return undefined;
}

function addressesOf(
  hostname: string,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const stop = () =>
      reject(new ModgateError('CANCELED', 'the request was canceled', { cause: signal.reason }));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    lookup(hostname, { all: true }, (error, found) => {
      signal.removeEventListener('abort', stop);
      if (error === null) resolve(typeof found === 'string' ? [found] : found.map(({ address }) => address));
      else reject(noAddress(hostname, error));
    });
  });
}

function noAddress(hostname: string, error: Error): ModgateError {
  return noSuchHost(hostname, systemCode(error) === 'EAI_AGAIN' ? ' (DNS gave no answer)' : ' (DNS)', error);
}

function noSuchHost(hostname: string, why: string, cause?: Error): ModgateError {
  return new ModgateError('UPSTREAM_UNREACHABLE', `no such host "${graphic(hostname)}"${why}`, {
    cause,
    next: 'check the name of the host and the DNS of this machine',
  });
}
