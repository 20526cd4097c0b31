import type { Terms } from './repository.ts';

/** Why no credentials are shown although the configuration has an entry, and the next step. */
export interface Lack {
  readonly why: string;
  readonly next: string;
}

/** What git is given to reach one remote, and nobody else is shown. */
export interface Access {
  /** after rewriting, without user info but for the user name of SSH */
  readonly url: string;
  /** variables of the git process; may hold secrets, which its arguments may not */
  readonly env: Readonly<Record<string, string>>;
  /** git configuration, key and value; holds no secrets */
  readonly config: readonly (readonly [key: string, value: string])[];
  /** texts that must not be in a message or log line */
  readonly secrets: readonly string[];
  /**
   * Tells that the remote refused what it was shown, which is then forgotten. True where `find` may give something else
   * now: then the command is worth another try. Undefined where nothing was shown, or nothing can change.
   */
  readonly refused?: () => Promise<boolean>;
  readonly lack?: Lack;
}

/** Finds the credentials of a remote by patterns; most remotes have none. */
export interface AccessBook {
  /**
   * @param url as `Remotes.open` takes it
   * @throws VCS_REFUSED for a URL that is not allowed, UPSTREAM_DENIED where credentials cannot be had or used
   */
  find(url: string, terms: Terms, signal: AbortSignal): Promise<Access>;
}
