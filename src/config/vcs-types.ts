import type { RepositoryMapping } from './repositories.ts';
import type { Secret } from './secret.ts';

/** Credentials for the remotes that `match` matches. */
export interface VcsCredential {
  /** list of patterns on host[:port]/path of the URL, after rewriting */
  readonly match: string;
  /** may be sent over http:// too, to what `VcsConfig.insecure` matches */
  readonly insecure: boolean;
  readonly how: VcsCredentialKind;
}

export type VcsCredentialKind =
  /** token: the same thing, by the name that the file has for it */
  | { readonly kind: 'basic' | 'token'; readonly username: string; readonly password: Secret }
  /** file undefined: the user's own netrc */
  | { readonly kind: 'netrc'; readonly file: string | undefined }
  /** a program and its arguments */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  | {
      readonly kind: 'github_app';
      /** number of the app, or its client id */
      readonly id: string;
      /** PEM of an RSA key */
      readonly key: Secret;
      /** undefined: that of the repository's owner */
      readonly installation: number | undefined;
      /** base URL without a slash at its end */
      readonly api: string;
    }
  /** absolute paths */
  | { readonly kind: 'ssh'; readonly key: string; readonly knownHosts: string; readonly user: string };

export interface VcsConfig {
  /** the program: a name to be found in PATH, or a path */
  readonly git: string;
  /** bytes of all copies of repositories, 0: no bound */
  readonly cap: number;
  /** bytes of one copy while it is fetched */
  readonly repository: number;
  /** ms that one answer about branches and tags is shared */
  readonly refs: number;
  /** ms, of one git command that talks to a remote */
  readonly timeouts: { readonly idle: number; readonly total: number };
  /** trusted beside the system's authorities, for repositories and meta pages */
  readonly ca: { readonly pem: string; readonly file: string } | undefined;
  /** list of patterns on host[:port]/path that may be asked by http://, "" for none */
  readonly insecure: string;
  /** the first match counts */
  readonly credentials: readonly VcsCredential[];
  /** where modules live; the first match counts */
  readonly repositories: readonly RepositoryMapping[];
}
