/**
 * Preloaded into every test process and every Node process that a test starts: nothing is dialled outside
 * loopback. A name below `.invalid` gets "no such host" without asking anyone (RFC 6761, section 6.4), so a
 * test can have that fault too. Every attempt is also noted in the file that TESTS_OF_MODGATE_DIALS names,
 * so that the run fails even where the code under test swallows the error.
 */
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

export class ForeignDial extends Error {
  override readonly name = 'ForeignDial';
  readonly code = 'ERR_FOREIGN_DIAL';
}

const LOOPBACK_V4 = /^127\.\d+\.\d+\.\d+$/;

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    bare === '' ||
    bare === 'localhost' ||
    bare.endsWith('.localhost') ||
    LOOPBACK_V4.test(bare) ||
    bare === '::1' ||
    bare === '0.0.0.0' ||
    bare === '::' ||
    LOOPBACK_V4.test(bare.replace('::ffff:', ''))
  );
}

function refuse(how: string, target: string): ForeignDial {
  const error = new ForeignDial(
    `hermetic guard: ${how} ${target} is outside loopback; a test may not do that`,
  );
  const noted = process.env.TESTS_OF_MODGATE_DIALS;
  if (noted !== undefined && noted !== '') fs.appendFileSync(noted, `${error.stack ?? error.message}\n\n`);
  return error;
}

function noSuchHost(name: string): Error {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname: name,
  });
}

/** What a look-up of this name must end with; undefined where it may go on. */
function verdict(how: string, name: unknown): Error | undefined {
  const text = typeof name === 'string' ? name : '';
  if (isLoopback(text) || net.isIP(text) !== 0) return undefined;
  return text.toLowerCase().replace(/\.$/, '').endsWith('.invalid') ? noSuchHost(text) : refuse(how, text);
}

type Callable = (this: unknown, ...args: unknown[]) => unknown;

/** Replaces a function that takes a name first and a callback last. */
function guardCallback(owner: object, method: string): void {
  const original: unknown = Reflect.get(owner, method);
  if (typeof original !== 'function') return;
  const guarded: Callable = function (...args) {
    const error = verdict(`dns.${method}`, args[0]);
    if (error === undefined) return Reflect.apply(original, this, args);
    const callback = args.at(-1);
    if (typeof callback === 'function') process.nextTick(() => Reflect.apply(callback, undefined, [error]));
    return {};
  };
  Reflect.set(owner, method, guarded);
}

function guardPromise(owner: object, method: string): void {
  const original: unknown = Reflect.get(owner, method);
  if (typeof original !== 'function') return;
  const guarded: Callable = function (...args) {
    const error = verdict(`dns.promises.${method}`, args[0]);
    return error === undefined ? Reflect.apply(original, this, args) : Promise.reject(error);
  };
  Reflect.set(owner, method, guarded);
}

/** A custom look-up is held to loopback by what it answers: `proxy.example` → 127.0.0.1 is fine. */
function guardLookup(lookup: Callable): Callable {
  return function (name, options, callback) {
    const checked = (error: unknown, address: unknown, family: unknown): void => {
      const list: unknown[] = Array.isArray(address) ? address : [{ address }];
      const foreign = list.map(addressOf).find((ip) => ip !== undefined && !isLoopback(ip));
      const fault = error ?? (foreign === undefined ? undefined : refuse('a look-up that answers', foreign));
      if (typeof callback === 'function')
        Reflect.apply(callback, undefined, [fault ?? null, address, family]);
    };
    return Reflect.apply(lookup, this, [name, options, checked]);
  };
}

function addressOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('address' in entry)) return undefined;
  return typeof entry.address === 'string' ? entry.address : undefined;
}

function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}

/** net.Socket.connect takes (options), (port, host), (path) or node's own normalized array of them. */
function checkTarget(args: unknown[]): unknown[] {
  const first = args[0];
  if (Array.isArray(first)) {
    first.splice(0, 1, ...checkTarget(first.slice(0, 1)));
    return args;
  }
  if (typeof first === 'object' && first !== null) {
    if ('path' in first && typeof first.path === 'string') return args;
    const host: unknown = Reflect.get(first, 'host');
    if (typeof host === 'string' && net.isIP(host) !== 0 && !isLoopback(host))
      throw refuse('a dial to', host);
    const lookup: unknown = Reflect.get(first, 'lookup');
    return isCallable(lookup) ? [{ ...first, lookup: guardLookup(lookup) }, ...args.slice(1)] : args;
  }
  const host = args[1];
  if (typeof host === 'string' && net.isIP(host) !== 0 && !isLoopback(host)) throw refuse('a dial to', host);
  return args;
}

function guardSockets(): void {
  const connect: unknown = Reflect.get(net.Socket.prototype, 'connect');
  if (!isCallable(connect)) throw new Error('net.Socket has no connect');
  const guarded: Callable = function (...args) {
    let checked: unknown[];
    try {
      checked = checkTarget(args);
    } catch (error) {
      // As a failed dial does: by the socket's error, so that a caller's own handling is met too.
      if (this instanceof net.Socket && error instanceof Error) return this.destroy(error);
      throw error;
    }
    return Reflect.apply(connect, this, checked);
  };
  Reflect.set(net.Socket.prototype, 'connect', guarded);
}

function guardDatagrams(): void {
  const { prototype } = dgram.Socket;
  for (const method of ['send', 'connect']) {
    const original: unknown = Reflect.get(prototype, method);
    if (!isCallable(original)) continue;
    const guarded: Callable = function (...args) {
      const host = args.find((arg, at) => at > 0 && typeof arg === 'string');
      if (typeof host === 'string' && !isLoopback(host)) throw refuse(`dgram.${method} to`, host);
      return Reflect.apply(original, this, args);
    };
    Reflect.set(prototype, method, guarded);
  }
}

guardSockets();
guardDatagrams();
guardCallback(dns, 'lookup');
guardPromise(dns.promises, 'lookup');
for (const method of Object.keys(dns).filter((name) => name.startsWith('resolve'))) {
  guardCallback(dns, method);
  guardPromise(dns.promises, method);
}
syncBuiltinESMExports();
