import { ModgateError } from '../errors/index.ts';
import { RemotePatterns } from '../module/index.ts';
import type { UpstreamClient } from '../net/index.ts';
import type { Clock } from '../observe/index.ts';
import type { Access, AccessBook, Lack } from './access.ts';
import { type Address, addressUrl, parseAddress } from './address.ts';
import { CaFile } from './ca-file.ts';
import { CommandIssuer } from './command-issuer.ts';
import { WRITE_ROUTE, WRITTEN_ROUTES_ONLY } from './fault.ts';
import { type GithubApp, GithubAppIssuer } from './github-app.ts';
import { pairAccess } from './http-access.ts';
import { FixedIssuer, type Issuer, type Lease } from './issuer.ts';
import { NetrcIssuer } from './netrc-issuer.ts';
import { rewritten } from './remote-url.ts';
import type { Terms } from './repository.ts';
import { secretForms } from './secrets.ts';
import { type SshKey, sshCommand } from './ssh-command.ts';

/** Credentials as they are in the configuration, with secrets revealed. */
export type CredentialKind =
  | { readonly kind: 'basic' | 'token'; readonly username: string; readonly password: string }
  /** file undefined: the user's own netrc */
  | { readonly kind: 'netrc'; readonly file: string | undefined }
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | (GithubApp & { readonly kind: 'github_app' })
  | (SshKey & { readonly kind: 'ssh'; readonly user: string });

export interface CredentialEntry {
  /** list of patterns on host[:port]/path, after rewriting */
  readonly match: string;
  /** may go over http:// too */
  readonly insecure: boolean;
  readonly how: CredentialKind;
}

export interface BookOptions {
  /** the first one that matches and fits the scheme counts */
  readonly entries: readonly CredentialEntry[];
  /** list of patterns on host[:port]/path that may be asked by http:// */
  readonly insecure: string;
  /** PEM of authorities that are trusted beside the system's */
  readonly ca: string | undefined;
  /** folder for the file of authorities */
  readonly folder: string;
}

export interface BookDeps {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** for the API of GitHub Apps, by its base URL */
  readonly client: (api: string) => Pick<UpstreamClient, 'get' | 'post'>;
}

type HowToSsh = Extract<CredentialKind, { kind: 'ssh' }>;

interface Found {
  /** undefined: it has none for this remote */
  readonly lease: Lease | undefined;
  readonly lack: Lack | undefined;
  /** of the path, which it is for */
  readonly elements: number;
}

interface Entry {
  readonly patterns: RemotePatterns;
  readonly insecure: boolean;
  readonly by: { readonly ssh: HowToSsh } | { readonly issuer: Issuer };
}

/** Who is shown what: see `CredentialEntry`. */
export class CredentialBook implements AccessBook {
  readonly #entries: readonly Entry[];
  readonly #insecure: RemotePatterns;
  readonly #ca: CaFile | undefined;

  constructor({ entries, insecure, ca, folder }: BookOptions, deps: BookDeps) {
    this.#insecure = new RemotePatterns(insecure);
    this.#ca = ca === undefined ? undefined : new CaFile(folder, ca, deps.env);
    this.#entries = entries.map(({ match, insecure: plain, how }) => ({
      patterns: new RemotePatterns(match),
      insecure: plain,
      by: how.kind === 'ssh' ? { ssh: how } : { issuer: issuerOf(how, deps) },
    }));
  }

  async find(url: string, { rewrites, anonymous }: Terms, signal: AbortSignal): Promise<Access> {
    const remote = parseAddress(rewritten(url, rewrites));
    if (remote.scheme === 'ssh') {
      if (anonymous) throw withoutKey(remote);
      return this.#bySsh(remote);
    }
    if (remote.scheme === 'http' && !this.#insecure.matches(remote)) throw unencrypted(remote);
    return this.#byHttp(remote, anonymous ? undefined : await this.#lease(remote, signal));
  }

  /** Ends what is being asked for. */
  close(): void {
    for (const { by } of this.#entries) if ('issuer' in by) by.issuer.close();
  }

  #bySsh(remote: Address): Access {
    for (const { by, patterns } of this.#entries) {
      if (!('ssh' in by) || !patterns.matches(remote)) continue;
      return {
        url: addressUrl(remote, remote.user ?? by.ssh.user),
        env: { GIT_ALLOW_PROTOCOL: 'ssh', GIT_SSH_COMMAND: sshCommand(by.ssh), GIT_SSH_VARIANT: 'ssh' },
        config: [],
        secrets: [],
      };
    }
    // Without a key of its own ssh would take those of the user whom modgate runs as.
    throw new ModgateError('UPSTREAM_DENIED', `no SSH key is configured for ${placeOf(remote)}`, {
      next: `add vcs.credentials with match: ${placeOf(remote)} and ssh: { key, known_hosts }`,
    });
  }

  async #byHttp(remote: Address, found: Found | undefined): Promise<Access> {
    const lease = found?.lease;
    const pair = lease?.pair;
    const { env = {}, config = [] } =
      pair === undefined ? {} : pairAccess(remote, pair, found?.elements ?? 0);
    const ca = await this.#ca?.path();
    return {
      url: addressUrl(remote, undefined),
      // A redirect may lead from http to https, never the other way.
      env: {
        GIT_ALLOW_PROTOCOL: remote.scheme === 'http' ? 'http:https' : 'https',
        ...(ca === undefined ? {} : { GIT_SSL_CAINFO: ca }),
        ...env,
      },
      config,
      secrets: pair === undefined ? [] : secretForms(pair.username, pair.password),
      ...(lease === undefined ? {} : { refused: () => lease.refused() }),
      ...(lease === undefined && found?.lack !== undefined ? { lack: found.lack } : {}),
    };
  }

  async #lease(remote: Address, signal: AbortSignal): Promise<Found | undefined> {
    for (const { by, patterns, insecure } of this.#entries) {
      if ('ssh' in by || (remote.scheme === 'http' && !insecure)) continue;
      const elements = patterns.pathElements(remote);
      if (elements === undefined) continue;
      const lease = await by.issuer.lease(remote, elements > 0, signal);
      return { lease, elements, lack: by.issuer.lack };
    }
    return undefined;
  }
}

function issuerOf(how: Exclude<CredentialKind, { kind: 'ssh' }>, { clock, env, client }: BookDeps): Issuer {
  switch (how.kind) {
    case 'basic':
    case 'token':
      return new FixedIssuer({ username: how.username, password: how.password });
    case 'netrc':
      return new NetrcIssuer(how.file, env);
    case 'command':
      return new CommandIssuer(how.command, { clock, env });
    case 'github_app':
      return new GithubAppIssuer(how, { clock, client: client(how.api) });
  }
}

function placeOf({ host, port }: Address): string {
  return port === '' ? host : `${host}:${port}`;
}

/** SSH without a key is nothing. */
function withoutKey(remote: Address): ModgateError {
  return new ModgateError('UPSTREAM_DENIED', `${addressUrl(remote, undefined)}: ${WRITTEN_ROUTES_ONLY}`, {
    next: WRITE_ROUTE,
  });
}

function unencrypted(remote: Address): ModgateError {
  return new ModgateError(
    'VCS_REFUSED',
    `${addressUrl(remote, undefined)} is not encrypted, and the configuration does not allow that`,
    { next: `use its https:// URL, or add ${placeOf(remote)} to vcs.insecure` },
  );
}
