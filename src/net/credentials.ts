import { ModgateError, systemCode } from '../errors/index.ts';
import type { Logger } from '../observe/index.ts';
import { decodeUserInfo } from './connector.ts';
import { defaultNetrcFile, NetrcFile } from './netrc.ts';
import type { Auth } from './options.ts';

export interface Authorization {
  /** value of the header, undefined: none is sent */
  readonly value: string | undefined;
  /** for messages: which credentials these are, never what they are */
  readonly kind: string;
}

/** What a source's own origin is shown. */
export class Credentials {
  readonly #auth: Auth;
  readonly #logger: Logger;
  readonly #netrc: NetrcFile | undefined;

  constructor(auth: Auth, logger: Logger, env: NodeJS.ProcessEnv) {
    this.#auth = auth;
    this.#logger = logger;
    this.#netrc = auth.kind === 'netrc' ? new NetrcFile(auth.file ?? defaultNetrcFile(env)) : undefined;
  }

  /** User info of the URL counts where no other credentials are set. */
  async for(url: URL): Promise<Authorization> {
    switch (this.#auth.kind) {
      case 'basic':
        return { kind: 'basic', value: basic(this.#auth.username, this.#auth.password) };
      case 'bearer':
        return { kind: 'bearer', value: `Bearer ${this.#auth.token}` };
      case 'netrc':
        return this.#fromNetrc(url);
      case 'none':
        if (url.username === '' && url.password === '') return { kind: 'none', value: undefined };
        return {
          kind: 'those of the URL',
          value: basic(decodeUserInfo(url.username), decodeUserInfo(url.password)),
        };
    }
  }

  async #fromNetrc(url: URL): Promise<Authorization> {
    try {
      const entry = await this.#netrc?.find(url.host);
      if (entry === undefined) return { kind: `none, netrc has no machine ${url.host}`, value: undefined };
      return { kind: 'netrc', value: basic(entry.login, entry.password) };
    } catch (error) {
      const reason = systemCode(error) || (error instanceof Error ? error.message : 'unknown');
      this.#logger.warn({ reason }, 'the netrc file cannot be read');
      return { kind: `none, the netrc file cannot be read (${reason})`, value: undefined };
    }
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Throws CONFIG_INVALID for a header that cannot be sent; its value is not told. */
export function checkHeaders(source: string, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const fine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
    if (fine && !FORBIDDEN.has(name.toLowerCase())) continue;
    throw new ModgateError(
      'CONFIG_INVALID',
      `source "${source}": the header ${JSON.stringify(name)} cannot be sent`,
      {
        source,
        next: 'correct or remove it in the headers of the source',
      },
    );
  }
}

/** These belong to the connection (RFC 9110 section 7.6.1) or decide how the answer is framed. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
