/** Naming a fault: code, plain words, the next step, and what it means for retries and the breaker. */
import { errors } from 'undici';
import { ModgateError, systemCode } from '../errors/index.ts';
import { type FaultFacts, type Place, ProxyFault, ShortBody, TimeLimit, UpstreamFault } from './fault.ts';
import { TooNear } from './home.ts';
import { durationText, graphic } from './text.ts';
import { PinMismatch } from './tls.ts';
import { tlsWords } from './tls-faults.ts';

export interface Moment {
  /** dial: no connection yet; wait: asked, no headers yet */
  readonly phase: 'dial' | 'wait' | 'body';
  /** the connection had served a request before */
  readonly reused: boolean;
}

/** Any error of a request as a named fault. Errors that are named already pass through. */
export function faultOf(error: unknown, place: Place, moment: Moment): ModgateError {
  if (error instanceof ModgateError) return error;
  return new UpstreamFault({ ...factsOf(error, place, moment), cause: error }, place);
}

function factsOf(error: unknown, place: Place, moment: Moment): FaultFacts {
  if (error instanceof TimeLimit) return timeFacts(error);
  if (error instanceof ProxyFault) return proxyFacts(error, place);
  if (error instanceof PinMismatch) return pinFacts(error);
  if (error instanceof TooNear) return nearFacts(error);
  if (error instanceof ShortBody) {
    return badAnswer(`the answer ended after ${error.received} of ${error.announced} bytes`);
  }
  const code = systemCode(error);
  const tls = tlsWords(code, error);
  if (tls !== undefined) {
    return { code: 'UPSTREAM_TLS', what: tls.what, next: tls.next, retry: 'never', verdict: 'neutral' };
  }
  return dnsFacts(code, error) ?? linkFacts(code, moment) ?? answerFacts(code, error) ?? unknownFacts(code);
}

/** as in the configuration */
const KEYS = { connect: 'connect', firstByte: 'first_byte', idle: 'idle', total: 'total' } as const;

const WORDS: Readonly<Record<TimeLimit['kind'], (limit: string) => string>> = {
  connect: (limit) => `no connection within ${limit}`,
  firstByte: (limit) => `no first byte within ${limit}`,
  idle: (limit) => `the answer stopped: no byte within ${limit}`,
  total: (limit) => `not done within ${limit}`,
};

function timeFacts({ kind, limit }: TimeLimit): FaultFacts {
  return {
    code: 'UPSTREAM_TIMEOUT',
    what: WORDS[kind](durationText(limit)),
    next: `check the upstream and the network, or raise timeouts.${KEYS[kind]} of the source`,
    retry: kind === 'connect' ? 'backoff' : 'never',
    verdict: 'failure',
  };
}

function proxyFacts({ status, cause }: ProxyFault, place: Place): FaultFacts {
  const name = `the proxy ${place.proxy ?? ''}`;
  if (status === 407) return proxyDenied(place);
  if (status !== undefined) {
    const denied = status === 401 || status === 403;
    return {
      code: denied ? 'UPSTREAM_DENIED' : 'UPSTREAM_UNREACHABLE',
      what: `${name} refused to connect, with status ${status}`,
      next: 'ask whoever runs the proxy whether it may reach this host, or add the host to NO_PROXY',
      retry: status >= 500 ? 'backoff' : 'never',
      verdict: denied ? 'neutral' : 'failure',
    };
  }
  const code = systemCode(cause);
  return {
    code: 'UPSTREAM_UNREACHABLE',
    what: `${name} cannot be reached: ${DOWN[code] ?? tlsWords(code, cause)?.what ?? code}`,
    next: 'check HTTP_PROXY and HTTPS_PROXY, or the proxy of the source',
    retry: code in DOWN ? 'backoff' : 'never',
    verdict: 'failure',
  };
}

/** The proxy wants credentials, or other ones. */
export function proxyDenied(place: Place): FaultFacts {
  return {
    code: 'UPSTREAM_DENIED',
    what: `the proxy ${place.proxy ?? ''} wants other credentials (407)`,
    next: "put the proxy's user and password into its URL",
    retry: 'never',
    verdict: 'neutral',
  };
}

const NETWORKS = [
  'in the Internet',
  'in a private network',
  'this machine',
  'link-local or reserved',
] as const;

function nearFacts({ host, address, nearness, home }: TooNear): FaultFacts {
  const where = address === '' || address === host ? graphic(host) : `${graphic(host)} (${address})`;
  if (home === undefined)
    return {
      code: 'FORBIDDEN',
      what: `${where} is ${NETWORKS[nearness]}, and only the Internet may be asked`,
      retry: 'never',
      verdict: 'neutral',
    };
  return {
    code: 'UPSTREAM_BAD_ANSWER',
    what: `a redirect to ${where}, which is ${NETWORKS[nearness]}; the source is ${NETWORKS[home]}, so it may not lead there`,
    next: 'if that place is meant, make it a source of its own; otherwise tell whoever runs the upstream',
    retry: 'never',
    verdict: 'neutral',
  };
}

function pinFacts({ seen }: PinMismatch): FaultFacts {
  return {
    code: 'UPSTREAM_TLS',
    what: `its key is not one of the pinned ones; it shows ${seen}`,
    next: 'find out why the key changed; only if that is intended, put the new pin into tls.pin of the source',
    retry: 'never',
    verdict: 'neutral',
  };
}

function dnsFacts(code: string, error: unknown): FaultFacts | undefined {
  if (code !== 'ENOTFOUND' && code !== 'EAI_AGAIN') return undefined;
  const temporary = code === 'EAI_AGAIN';
  return {
    code: 'UPSTREAM_UNREACHABLE',
    what: `no such host "${hostnameOf(error)}"${temporary ? ' (DNS gave no answer)' : ' (DNS)'}`,
    next: 'check the name in the URL of the source and the DNS of this machine',
    retry: temporary ? 'backoff' : 'never',
    verdict: 'failure',
  };
}

function hostnameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('hostname' in error)) return '?';
  return graphic(String(error.hostname));
}

const DOWN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ECONNABORTED: 'connection aborted',
  EPIPE: 'connection closed while it was being written to',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to its network',
  EADDRNOTAVAIL: 'its address cannot be used from here',
  ETIMEDOUT: 'no answer to the connection attempt',
  ENOTFOUND: 'no such host (DNS)',
  EAI_AGAIN: 'DNS gave no answer',
  UND_ERR_SOCKET: 'connection closed',
  UND_ERR_INFO: 'HTTP/2 stream closed',
  ERR_HTTP2_ERROR: 'HTTP/2 error',
  ERR_HTTP2_STREAM_ERROR: 'HTTP/2 stream reset',
  ERR_HTTP2_SESSION_ERROR: 'HTTP/2 connection reset',
  ERR_HTTP2_GOAWAY_SESSION: 'HTTP/2 connection closed',
  ERR_HTTP2_STREAM_CANCEL: 'HTTP/2 stream canceled',
};

const PHASES: Readonly<Record<Moment['phase'], string>> = {
  dial: '',
  wait: ' before the answer',
  body: ' in the middle of the answer',
};

/** These mean that a connection died, so on a kept one a fresh connection may do. */
const DIED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_INFO']);

function linkFacts(code: string, moment: Moment): FaultFacts | undefined {
  const words = DOWN[code];
  if (words === undefined) return undefined;
  const stale = moment.reused && moment.phase === 'wait' && (DIED.has(code) || code.startsWith('ERR_HTTP2'));
  return {
    code: code === 'ETIMEDOUT' ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE',
    what: `${words}${PHASES[moment.phase]}`,
    next: 'check that the upstream is up and that this machine can reach it (address, port, firewall, proxy)',
    retry: moment.phase === 'body' ? 'never' : stale ? 'at-once' : 'backoff',
    verdict: 'failure',
  };
}

/** Faults of the answer's form, by undici's and llhttp's codes. */
function answerFacts(code: string, error: unknown): FaultFacts | undefined {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return badAnswer('the headers of the answer are too long');
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return badAnswer('the length of the answer is not the announced one');
  }
  // undici gives the parser's code to some of these errors only.
  if (!(error instanceof errors.HTTPParserError)) return undefined;
  const reason = graphic(error.message).slice(0, 120);
  return badAnswer(`the answer is not HTTP (${reason})`);
}

export function badAnswer(what: string): FaultFacts {
  return {
    code: 'UPSTREAM_BAD_ANSWER',
    what,
    next: 'ask the URL with curl -v; a proxy or load balancer on the way may break answers',
    retry: 'never',
    verdict: 'neutral',
  };
}

function unknownFacts(code: string): FaultFacts {
  const closed = code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED';
  return {
    code: closed ? 'SHUTTING_DOWN' : 'UPSTREAM_UNREACHABLE',
    what: closed ? 'the gateway is shutting down' : `the request failed${code === '' ? '' : ` (${code})`}`,
    retry: 'never',
    verdict: 'neutral',
  };
}
