import type { Clock, Counter, Histogram } from '../observe/index.ts';
import type { Access, AccessBook } from './access.ts';
import { GitFault, gitFault, scrubbed, tooLarge } from './fault.ts';
import type { Git, GitCall, GitResult, GitTimeouts } from './git.ts';
import type { Places } from './places.ts';
import { rewritten, withoutUserInfo } from './remote-url.ts';
import type { Terms } from './repository.ts';

/** What all remotes share. */
export interface RemoteParts {
  readonly git: Git;
  readonly book: AccessBook;
  readonly timeouts: GitTimeouts;
  readonly places: Places;
  readonly clock: Clock;
  readonly commands: Counter;
  readonly seconds: Histogram;
}

export interface RemoteCall
  extends Pick<GitCall, 'args' | 'dir' | 'config' | 'env' | 'limit' | 'exceeded' | 'signal'> {
  /** bytes of the copy, beyond which `exceeded` says so */
  readonly largest?: number;
}

const MAX_HOPS = 3;
/** ms; a redirect may be for today only, and git does not say which it was */
const MOVED_FOR = 600_000;
const INFO = '/info/refs';
/** bytes; curl takes 300 KiB of header fields, and each stands in a line of the trace */
const MAX_TRACE = 1 << 20;
/** gitprotocol-http(5), smart server response */
const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement';

/** One remote, as the git commands that talk to it know it: "origin". */
export class Remote {
  /** as it was named, without user info */
  readonly url: string;
  readonly #asked: string;
  readonly #terms: Terms;
  readonly #parts: RemoteParts;
  /** that is asked, with its port */
  readonly #host: string;
  /** where its host says that it is now */
  #moved: { readonly url: string; readonly at: number } | undefined;

  constructor(url: string, terms: Terms, parts: RemoteParts) {
    this.url = withoutUserInfo(url);
    this.#asked = url;
    this.#terms = terms;
    this.#parts = parts;
    const target = rewritten(url, terms.rewrites);
    this.#host = URL.canParse(target) ? new URL(target).host : target;
  }

  /** Runs git with access to the remote. Throws GitFault, or what the book says. */
  async command(call: RemoteCall): Promise<GitResult> {
    const kind = call.args[0] === 'ls-remote' ? 'refs' : 'fetch';
    const release = await this.#parts.places.take(this.#host, kind, this.#terms.anonymous, call.signal);
    try {
      return await this.#found(call);
    } finally {
      release();
    }
  }

  /** Where it moved to is believed for a while, and no longer than it answers there. */
  async #found(call: RemoteCall): Promise<GitResult> {
    const { clock } = this.#parts;
    if (this.#moved !== undefined && clock.monotonic() - this.#moved.at > MOVED_FOR) this.#moved = undefined;
    const remembered = this.#moved !== undefined;
    try {
      return await this.#follow(call, MAX_HOPS, true);
    } catch (error) {
      if (!(error instanceof GitFault) || error.remedy !== 'none') throw error;
      this.#moved = undefined;
      if (!remembered || error.code === 'REPOSITORY_TOO_LARGE') throw error;
      return await this.#follow(call, MAX_HOPS, true);
    }
  }

  /**
   * What `git ls-remote` prints. An empty list is believed only of a server that speaks git: of a page without a line feed
   * git says the same.
   */
  async refs(signal: AbortSignal): Promise<Buffer> {
    const { stdout } = await this.command({ args: ['ls-remote', '-q', 'origin'], signal });
    if (stdout.length > 0) return stdout;
    const access = await this.#access(signal);
    if (access.url.startsWith('ssh:')) return stdout;
    const type = header(await this.#trace(access, signal), 'content-type');
    if (type?.startsWith(ADVERTISEMENT) === true) return stdout;
    throw new GitFault(
      'UPSTREAM_BAD_ANSWER',
      this.url,
      `the answer is not of git (content type ${scrubbed(type ?? 'none', access.secrets).slice(0, 80)})`,
      'open the URL in a browser; a login page or portal may be in between',
    );
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
      const url = await this.#location(access, call.signal);
      this.#moved = { url, at: this.#parts.clock.monotonic() };
      return await this.#follow(call, hops - 1, again);
    }
  }

  #access(signal: AbortSignal): Promise<Access> {
    const { book } = this.#parts;
    return this.#moved === undefined
      ? book.find(this.#asked, this.#terms, signal)
      : book.find(this.#moved.url, { ...this.#terms, rewrites: new Map() }, signal);
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
      return tooLarge(this.url, call.largest ?? 0);
    }
    const { anonymous } = this.#terms;
    const { timeouts } = this.#parts;
    const { secrets, lack } = access;
    return gitFault(this.url, result, { timeouts, secrets, anonymous, lack });
  }

  /** Where the first request is redirected to. Throws VCS_REFUSED for another host. */
  async #location(access: Access, signal: AbortSignal): Promise<string> {
    const location = header(await this.#trace(access, signal), 'location') ?? '';
    const target = redirectTarget(access.url, location);
    if (target !== undefined) return target;
    throw new GitFault(
      'VCS_REFUSED',
      this.url,
      `it redirects to ${scrubbed(shownTarget(location), access.secrets)}, which is not a repository of the same host`,
      'if that is its new place, name it in vcs.repositories or by instead_of of the route',
    );
  }

  /** What curl tells git of the answers to the first question; credentials are left out by git itself. */
  async #trace(access: Access, signal: AbortSignal): Promise<string> {
    const { git, timeouts } = this.#parts;
    const env = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' };
    const args = ['ls-remote', 'origin'];
    const { stderr } = await git.run({ args, access, timeouts, env, signal, stderrBegin: MAX_TRACE });
    return stderr;
  }
}

/** Of the first answer that has it and does not only ask for credentials. */
function header(trace: string, name: string): string | undefined {
  const answers = trace.split(/Recv header: HTTP\/\S+ /).slice(1);
  const field = new RegExp(`Recv header: ${name}: *([^\\r\\n]*?) *$`, 'im');
  return answers
    .filter((answer) => !/^(?:1\d\d|401|407)/.test(answer))
    .map((answer) => field.exec(answer)?.[1])
    .find((value) => value !== undefined);
}

/**
 * The repository that a redirect leads to. Only its own host may be the target, and TLS may not be given up: credentials
 * and the question which networks may be asked were decided for that one.
 */
function redirectTarget(asked: string, location: string): string | undefined {
  if (!URL.canParse(location, asked)) return undefined;
  const [from, to] = [new URL(asked), new URL(location, asked)];
  const upgraded =
    from.protocol === 'http:' && to.protocol === 'https:' && from.port === '' && to.port === '';
  const at = to.pathname.indexOf(INFO);
  if (at < 0 || to.hostname !== from.hostname || (to.origin !== from.origin && !upgraded)) return undefined;
  return to.origin + to.pathname.slice(0, at);
}

function shownTarget(location: string): string {
  if (!URL.canParse(location)) return 'nowhere';
  const { origin, pathname } = new URL(location);
  return (origin + pathname).slice(0, 200);
}
