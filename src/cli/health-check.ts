import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { ModgateError, systemCode, toModgateError } from '../errors/index.ts';
import { configFrom } from './options.ts';

interface Target {
  /** without user info, so that no text can show it */
  readonly url: URL;
  /** user:password */
  readonly auth: string | undefined;
  /** path of a unix socket; undefined: by the URL's host and port */
  readonly socketPath: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface HealthOptions {
  readonly url?: string;
  readonly ready?: boolean;
  /** ms */
  readonly timeout: number;
}

/** bytes of an answer that are read; /readyz has a few hundred */
const MAX_ANSWER = 64 << 10;
/** by which modgate refuses whoever shows no client certificate, for every page */
const REFUSED = /^code: CLIENT_CERTIFICATE$/m;

/** What a program is told; `answer` is JSON where the gateway's is. */
interface HealthReport {
  readonly healthy: boolean;
  readonly url: string;
  readonly status?: number;
  readonly answer?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string | undefined;
}

/**
 * @returns what the gateway answered, or that it lives where it answers nobody without a client certificate. Throws
 * UPSTREAM_* where it answered anything else but 200, or nothing in time.
 */
export async function askHealth(command: Command, options: HealthOptions): Promise<string> {
  const target = targetOf(command, options);
  const answer = await get(target, options.timeout);
  const fault = faultOf(target, answer, options);
  if (fault !== undefined) throw fault;
  return answer.status === 200 ? answer.text : 'it answers, and wants a client certificate of everyone\n';
}

/** The same as data; throws only what is wrong with the flags or the configuration. */
export async function healthReport(command: Command, options: HealthOptions): Promise<HealthReport> {
  const target = targetOf(command, options);
  const { href: url } = target.url;
  try {
    const answer = await get(target, options.timeout);
    const fault = faultOf(target, answer, options);
    const { status, text } = answer;
    return { healthy: fault === undefined, url, status, answer: answerOf(text), ...factsOf(fault) };
  } catch (thrown) {
    return { healthy: false, url, ...factsOf(toModgateError(thrown)) };
  }
}

function factsOf(fault: ModgateError | undefined): Pick<HealthReport, 'code' | 'message' | 'next'> {
  return fault === undefined ? {} : { code: fault.code, message: fault.message, next: fault.next };
}

function answerOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

function targetOf(command: Command, { url, ready }: HealthOptions): Target {
  const page = ready === true ? 'readyz' : 'healthz';
  return url === undefined ? configured(command, page) : given(url, page);
}

/** Undefined where the gateway is well. */
function faultOf(
  target: Target,
  { status, text }: Answer,
  { ready }: HealthOptions,
): ModgateError | undefined {
  const refused = status === 403 && REFUSED.test(text);
  if (status === 200 || (refused && ready !== true)) return undefined;
  const { said, next } = apart(text);
  return new ModgateError('UPSTREAM_STATUS', `${target.url.href} answered ${status}: ${said}`, {
    next: refused ? 'ask the administrative listener with --url (admin.listen)' : next,
  });
}

/** The text of a refusal without its last lines, which the refusal made of it has as well. */
function apart(text: string): { said: string; next: string | undefined } {
  const lines = text.trim().split('\n');
  const said = lines.filter((line) => !/^(?:next|code): /.test(line)).join('\n');
  return { said, next: lines.find((line) => line.startsWith('next: '))?.slice('next: '.length) };
}

function given(text: string, page: string): Target {
  try {
    const url = new URL(page, text.endsWith('/') ? text : `${text}/`);
    const auth = userInfo(url);
    if (/^https?:$/.test(url.protocol)) return { url, auth, socketPath: undefined };
  } catch {
    // As below.
  }
  // Its text may hold a password in any place.
  throw new ModgateError('USAGE', 'what --url names is no http or https URL', {
    next: 'write it as http://host:port',
  });
}

/** Takes it out of the URL. */
function userInfo(url: URL): string | undefined {
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return undefined;
  return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
}

function configured(command: Command, page: string): Target {
  const { config } = configFrom(command);
  const scheme = config.tls === undefined ? 'http' : 'https';
  const { host, socketPath } = placeOf(config.listen);
  return { url: new URL(`${scheme}://${host}${config.prefix}/${page}`), auth: undefined, socketPath };
}

function placeOf(listen: Config['listen']): { host: string; socketPath: string | undefined } {
  if (listen.kind === 'unix') return { host: 'localhost', socketPath: listen.path };
  if (listen.port === 0)
    throw new ModgateError('USAGE', 'the configuration takes a free port, which only modgate serve knows', {
      next: 'name the address with --url, as modgate serve prints it',
    });
  // What stands for all addresses of the machine is none that can be asked everywhere.
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[listen.host] ?? listen.host;
  return { host: `${host.includes(':') ? `[${host}]` : host}:${listen.port}`, socketPath: undefined };
}

function get(target: Target, timeout: number): Promise<Answer> {
  const { url, auth, socketPath } = target;
  const request = url.protocol === 'https:' ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const options = {
      agent: false,
      // The program is asked for, not its identity, and a loopback address has no certificate.
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(timeout),
      ...(auth === undefined ? {} : { auth }),
      ...(socketPath === undefined ? {} : { socketPath }),
    };
    request(url, options, (answer) => {
      readAnswer(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), fail);
    })
      .on('error', fail)
      .end();
    function fail(cause: unknown): void {
      reject(noAnswer(url, timeout, cause));
    }
  });
}

/** The beginning of what the other side sends, however much it is. */
async function readAnswer(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) {
    text += String(piece);
    if (text.length > MAX_ANSWER) break;
  }
  return text.slice(0, MAX_ANSWER);
}

function noAnswer(url: URL, timeout: number, cause: unknown): ModgateError {
  const late = cause instanceof Error && cause.name === 'AbortError';
  return new ModgateError(
    late ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE',
    late
      ? `no answer from ${url.href} within ${timeout} ms`
      : `no answer from ${url.href}: ${systemCode(cause)}`,
    { cause, next: 'see whether modgate serve runs there, or name its address with --url' },
  );
}
