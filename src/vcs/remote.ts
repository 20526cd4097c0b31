import { ModgateError } from '../errors/index.ts';
import type { Limiter } from '../net/index.ts';
import type { Clock, Counter, Histogram } from '../observe/index.ts';
import type { Access, AccessBook } from './access.ts';
import { GitFault, gitFault, tooLarge } from './fault.ts';
import type { Git, GitCall, GitResult, GitTimeouts } from './git.ts';
import { withoutUserInfo } from './remote-url.ts';
import type { Rewrites } from './repository.ts';

/** What all remotes share. */
export interface RemoteParts {
  readonly git: Git;
  readonly book: AccessBook;
  readonly timeouts: GitTimeouts;
  /** commands that talk to a remote, at one time */
  readonly places: Limiter;
  readonly clock: Clock;
  readonly commands: Counter;
  readonly seconds: Histogram;
}

export type RemoteCall = Pick<GitCall, 'args' | 'dir' | 'config' | 'env' | 'limit' | 'exceeded' | 'signal'>;

const MAX_HOPS = 3;
const NO_REWRITES: Rewrites = new Map();
const INFO = '/info/refs';

/** One remote, as the git commands that talk to it know it: "origin". */
export class Remote {
  /** as it was named, without user info */
  readonly url: string;
  readonly #asked: string;
  readonly #rewrites: Rewrites;
  readonly #parts: RemoteParts;
  /** where its host says that it is now */
  #moved: string | undefined;

  constructor(url: string, rewrites: Rewrites, parts: RemoteParts) {
    this.url = withoutUserInfo(url);
    this.#asked = url;
    this.#rewrites = rewrites;
    this.#parts = parts;
  }

  /** Runs git with access to the remote. Throws GitFault, or what the book says. */
  async command(call: RemoteCall): Promise<GitResult> {
    const release = await this.#parts.places.acquire(call.signal);
    if (release === undefined)
      throw new ModgateError('OVERLOADED', 'too many git commands wait for their turn');
    try {
      return await this.#follow(call, MAX_HOPS, true);
    } finally {
      release();
    }
  }

  /** @param again other credentials may be tried once, where the remote refused ours */
  async #follow(call: RemoteCall, hops: number, again: boolean): Promise<GitResult> {
    const access = await this.#access(call.signal);
    try {
      return await this.#once(call, access);
    } catch (error) {
      if (!(error instanceof GitFault)) throw error;
      if (error.code === 'UPSTREAM_DENIED' && again && (await access.refused?.()) === true) {
        return await this.#follow(call, hops, false);
      }
      if (error.remedy !== 'redirect' || hops === 0) throw error;
      this.#moved = await this.#location(access, call.signal);
      return await this.#follow(call, hops - 1, again);
    }
  }

  #access(signal: AbortSignal): Promise<Access> {
    const { book } = this.#parts;
    return this.#moved === undefined
      ? book.find(this.#asked, this.#rewrites, signal)
      : book.find(this.#moved, NO_REWRITES, signal);
  }

  async #once(call: RemoteCall, access: Access): Promise<GitResult> {
    const { git, timeouts, clock, commands, seconds } = this.#parts;
    const command = call.args[0] ?? '';
    const start = clock.monotonic();
    let outcome = 'canceled';
    try {
      const result = await git.run({ ...call, access, timeouts });
      if (result.code === 0 && result.ending === 'exit') {
        outcome = 'ok';
        return result;
      }
      const fault = this.#fault(call, access, result);
      outcome = fault.code.toLowerCase();
      throw fault;
    } finally {
      commands.with(command, outcome).inc();
      seconds.with(command).observe((clock.monotonic() - start) / 1000);
    }
  }

  #fault(call: RemoteCall, access: Access, result: GitResult): GitFault {
    if (result.ending === 'limit' && call.exceeded !== undefined) {
      return tooLarge(this.url, 'its copy would be larger than vcs.repository allows');
    }
    return gitFault(this.url, result, { timeouts: this.#parts.timeouts, secrets: access.secrets });
  }

  /**
   * Where the first request is redirected to, as curl tells git. Only its own host may be the target: credentials and
   * the question which networks may be asked were decided for that one.
   */
  async #location(access: Access, signal: AbortSignal): Promise<string> {
    const { git, timeouts } = this.#parts;
    const env = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' };
    const { stderr } = await git.run({ args: ['ls-remote', 'origin'], access, timeouts, env, signal });
    const location = /^.*Recv header: location: *(\S+)\s*$/im.exec(stderr)?.[1] ?? '';
    const from = new URL(access.url);
    const to = URL.canParse(location, access.url) ? new URL(location, access.url) : undefined;
    const at = to?.pathname.indexOf(INFO) ?? -1;
    const upgraded =
      from.protocol === 'http:' && to?.protocol === 'https:' && from.port === '' && to.port === '';
    if (
      to === undefined ||
      at < 0 ||
      to.hostname !== from.hostname ||
      (to.origin !== from.origin && !upgraded)
    ) {
      const where = to === undefined ? 'nowhere' : `${to.origin}${to.pathname}`;
      throw new GitFault(
        'VCS_REFUSED',
        this.url,
        `it redirects to ${where.slice(0, 200)}, which is not a repository of the same host`,
        'if that is its new place, name it in vcs.repositories or by instead_of of the route',
      );
    }
    return to.origin + to.pathname.slice(0, at);
  }
}
