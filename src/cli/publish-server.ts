import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { ModgateError, systemCode } from '../errors/index.ts';
import { configFrom } from './options.ts';

/** Where a module is published to. */
export interface Destination {
  /** the gateway's address; ends with a slash */
  readonly url: URL;
  /** the same for people */
  readonly shown: string;
  /** path of a unix socket; undefined: by the URL */
  readonly socketPath: string | undefined;
  /** PEM; undefined: the usual authorities alone */
  readonly ca: string | undefined;
  /** of the configuration that names the address; undefined elsewhere */
  readonly token: Config['publish']['token'];
}

interface Flags {
  readonly server?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Throws USAGE where a token would go to another machine for everyone on the way to read. */
export function destinationOf(command: Command, flags: Flags): Destination {
  const text = flags.server ?? (process.env.MODGATE_SERVER || undefined);
  const ca = flags.ca === undefined ? undefined : readCa(flags.ca);
  const found =
    text === undefined ? configured(command) : { ...given(text), socketPath: undefined, token: undefined };
  const { url, socketPath } = found;
  const isOpen = url.protocol === 'http:' && socketPath === undefined && !LOOPBACK.test(url.hostname);
  if (isOpen && flags.insecure !== true)
    throw new ModgateError('USAGE', `the token would go to ${url.host} unencrypted`, {
      next: 'Name an https:// address with --server; only in a network that you trust add --insecure.',
    });
  return {
    ...found,
    ca,
    shown: socketPath === undefined ? url.href.replace(/\/$/, '') : `unix:${socketPath}`,
  };
}

function given(text: string): { url: URL } {
  const url = URL.canParse(text) ? new URL(text.endsWith('/') ? text : `${text}/`) : undefined;
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url !== undefined && isPlain && /^https?:$/.test(url.protocol)) return { url };
  // Its text may hold a password in any place.
  throw new ModgateError(
    'USAGE',
    'what --server names is no http or https URL without user, query and fragment',
    {
      next: 'Write it as https://host or https://host/prefix; the token has a file or a variable of its own.',
    },
  );
}

function configured(command: Command): Pick<Destination, 'url' | 'socketPath' | 'token'> {
  const { config } = configFrom(command);
  const { listen, tls, prefix, publish } = config;
  const scheme = tls === undefined ? 'http' : 'https';
  const make = (host: string, socketPath?: string) => ({
    url: new URL(`${scheme}://${host}${prefix}/`),
    socketPath,
    token: publish.token,
  });
  if (listen.kind === 'unix') return make('localhost', listen.path);
  if (listen.port === 0)
    throw new ModgateError('USAGE', 'the configuration takes a free port, which only modgate serve knows', {
      next: 'Name the address with --server, as modgate serve prints it.',
    });
  // What stands for all addresses of the machine is none that can be asked everywhere.
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[listen.host] ?? listen.host;
  return make(`${host.includes(':') ? `[${host}]` : host}:${listen.port}`);
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ModgateError('USAGE', `${file}: ${systemCode(cause)}`, {
      cause,
      next: 'Name a PEM file with --ca.',
    });
  }
}
