import { ModgateError, systemCode } from '../errors/index.ts';
import { defaultNetrcFile, NetrcFile } from '../net/index.ts';
import type { Address } from './address.ts';
import { FixedIssuer, type Issuer, type Lease } from './issuer.ts';

/** Credentials by host from a netrc file, which is read again when it changes. */
export class NetrcIssuer implements Issuer {
  readonly lack = {
    why: 'the netrc file has no entry for it that can be used',
    next: 'add the host to the file that vcs.credentials names, or other credentials before it',
  };
  readonly #file: NetrcFile;

  /** @param file undefined: the user's own */
  constructor(file: string | undefined, env: NodeJS.ProcessEnv) {
    this.#file = new NetrcFile(file ?? defaultNetrcFile(env));
  }

  async lease({ host, port }: Address): Promise<Lease | undefined> {
    const entry = await this.#find(port === '' ? host : `${host}:${port}`);
    if (entry === undefined || /\p{Cc}/u.test(entry.login + entry.password)) return undefined;
    return new FixedIssuer({ username: entry.login, password: entry.password }).lease();
  }

  close(): void {}

  async #find(host: string) {
    try {
      return await this.#file.find(host);
    } catch (error) {
      const why = systemCode(error) || 'it is too large';
      throw new ModgateError(
        'UPSTREAM_DENIED',
        `the netrc file with the credentials for ${host} cannot be read (${why})`,
        {
          cause: error,
          next: 'let modgate read the file that vcs.credentials names',
        },
      );
    }
  }
}
