import { join } from 'node:path';
import { type Config, defaultClient, type VcsCredential } from '../config/index.ts';
import { UpstreamClient } from '../net/index.ts';
import { type Logger, type Metrics, systemClock } from '../observe/index.ts';
import { CredentialBook, type CredentialEntry } from '../vcs/index.ts';
import { clientOptions } from './wiring.ts';

/** The credentials of repositories, and the clients of the APIs that some come from. */
export class Credentials {
  readonly book: CredentialBook;
  readonly #clients = new Map<string, UpstreamClient>();

  constructor({ data, limits, vcs }: Config, deps: { readonly logger: Logger; readonly metrics: Metrics }) {
    const initial = defaultClient(limits.patience);
    const own = { ...initial, tls: { ...initial.tls, ca: vcs.ca?.pem } };
    this.book = new CredentialBook(
      {
        entries: vcs.credentials.map(revealed),
        insecure: vcs.insecure,
        ca: vcs.ca?.pem,
        folder: join(data, 'vcs'),
      },
      {
        clock: systemClock,
        env: process.env,
        client: (api) => {
          const known = this.#clients.get(api);
          if (known !== undefined) return known;
          const client = new UpstreamClient(clientOptions(new URL(api).host, own), deps);
          this.#clients.set(api, client);
          return client;
        },
      },
    );
  }

  async close(): Promise<void> {
    this.book.close();
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}

/** Secrets are revealed here, where what needs them is made. */
function revealed({ match, insecure, how }: VcsCredential): CredentialEntry {
  switch (how.kind) {
    case 'basic':
    case 'token':
      return { match, insecure, how: { ...how, password: how.password.reveal() } };
    case 'github_app':
      return { match, insecure, how: { ...how, key: how.key.reveal() } };
    case 'netrc':
    case 'command':
    case 'ssh':
      return { match, insecure, how };
  }
}
