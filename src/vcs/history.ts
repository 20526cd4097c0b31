import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { checkAborted, Flights } from '../sync/index.ts';
import { HISTORY } from './copy.ts';
import { GitFault } from './fault.ts';
import type { Held } from './locks.ts';
import { digestsOf, namedBy } from './refs.ts';
import type { Refs } from './repository.ts';
import { type Here, ShownRefs } from './shown-refs.ts';
import { formatOf } from './skeleton.ts';
import type { No, Workshop } from './workshop.ts';

/** Given with fetches only: a command that reads finds no promise of missing objects, so it never asks for any. */
export const PARTIAL = [
  ['remote.origin.promisor', 'true'] as const,
  ['remote.origin.partialclonefilter', 'tree:0'] as const,
];
/** One flush for all refs, when they are packed into one file; a file for each of them would be one for each. */
const LOOSE_REFS = ['core.fsync', 'none,pack,pack-metadata'] as const;
const ALL = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
/** ms that a check of all commits is good for; it takes a second for a hundred thousand */
const WHOLE_FOR = 60_000;
/** In history.git: which refs it has; not there while they change. */
const STAMP = 'modgate-refs';
/** Where a HEAD stands that is on no branch. */
const HEAD = 'refs/modgate/HEAD';

/** git's words for a hash that is no commit here: of for-each-ref, and of merge-base. */
const NO_COMMIT: readonly No[] = [
  { code: 129, says: /no such commit|must point to a commit|malformed object name/ },
  { code: 128, says: /Not a valid commit name/ },
];
/** merge-base --is-ancestor, rev-parse --verify --quiet, show-ref */
const PLAIN_NO: No = { code: 1, says: /^/ };

/** `history.git`: every commit that a branch or a tag reaches, without files. Made when a question first needs it. */
export class History {
  readonly #shop: Workshop;
  readonly #flights = new Flights<Here>();
  /** the repository in which all commits were found, and when: ms, of performance.now() */
  #whole: { readonly identity: string | undefined; readonly at: number } | undefined;

  constructor(shop: Workshop) {
    this.#shop = shop;
  }

  /**
   * The whole hash of a commit that a branch or a tag reaches; undefined where there is none, or more than one.
   *
   * @param digits of a hash, from the front
   */
  reachable(digits: string, refs: Refs, signal: AbortSignal): Promise<string | undefined> {
    return this.#shop.mending(HISTORY, signal, () => this.#find(digits, refs, signal));
  }

  /** The tags of the commit and of all before it. */
  tagsUpTo(hash: string, refs: Refs, signal: AbortSignal): Promise<readonly string[]> {
    return this.#shop.mending(HISTORY, signal, async () => {
      const here = await this.#refresh(refs, signal);
      const args = ['for-each-ref', `--merged=${hash}`, '--format=%(refname:strip=2)', 'refs/tags'];
      const { code, stdout } = await this.#shop.local(HISTORY, args, signal, { no: NO_COMMIT });
      if (code !== 0) {
        await this.#checkAbsence(here, signal);
        throw this.#unreachable(hash);
      }
      if (!here.tags) throw this.#changed();
      return lines(stdout).filter((tag) => refs.tags.has(tag));
    });
  }

  /** True where one commit is another, or one before it. */
  isAncestor(older: string, newer: string, refs: Refs, signal: AbortSignal): Promise<boolean> {
    if (older === newer) return Promise.resolve(true);
    return this.#shop.mending(HISTORY, signal, async () => {
      // Ancestry never changes, so an answer of an old copy is as good as any.
      const known = this.#isThere() ? await this.#ancestry(older, newer, signal) : undefined;
      if (known !== undefined) return known;
      const here = await this.#refresh(refs, signal);
      const answer = await this.#ancestry(older, newer, signal);
      if (answer === undefined) await this.#checkAbsence(here, signal);
      return answer ?? false;
    });
  }

  /** undefined where one of the two is not here */
  async #ancestry(older: string, newer: string, signal: AbortSignal): Promise<boolean | undefined> {
    const args = ['merge-base', '--is-ancestor', older, newer];
    const { code } = await this.#shop.local(HISTORY, args, signal, { no: [PLAIN_NO, ...NO_COMMIT] });
    return code > 1 ? undefined : code === 0;
  }

  /** Before absence is told: that nothing is missing here. Throws GitFault where that is not so. */
  async #checkAbsence(here: Here, signal: AbortSignal): Promise<void> {
    if (!here.all) throw this.#changed();
    const identity = await this.#shop.copy.identity(HISTORY);
    const known = this.#whole;
    if (known !== undefined && known.identity === identity && performance.now() - known.at < WHOLE_FOR)
      return;
    await this.#shop.checkWhole(HISTORY, signal);
    this.#whole = { identity, at: performance.now() };
  }

  async #find(digits: string, refs: Refs, signal: AbortSignal): Promise<string | undefined> {
    const named = namedBy(refs);
    const byListed = async () => {
      const found = await this.#reachable(digits, signal);
      // What a ref of another day reached counts where one of today's is the same.
      return found?.by.some((tip) => named.has(tip)) ? found.hash : undefined;
    };
    const known = this.#isThere() ? await byListed() : undefined;
    if (known !== undefined) return known;
    const here = await this.#refresh(refs, signal);
    const found = await byListed();
    if (found === undefined) await this.#checkAbsence(here, signal);
    return found;
  }

  async #reachable(digits: string, signal: AbortSignal) {
    const hash = await this.#allDigits(digits, signal);
    if (hash === undefined) return undefined;
    const args = ['for-each-ref', `--contains=${hash}`, '--format=%(objectname) %(*objectname)'];
    const { code, stdout } = await this.#shop.local(HISTORY, args, signal, { no: NO_COMMIT });
    // Of an annotated tag both its object and what it stands for.
    return code === 0 ? { hash, by: lines(stdout).flatMap((line) => line.trim().split(' ')) } : undefined;
  }

  async #allDigits(digits: string, signal: AbortSignal): Promise<string | undefined> {
    if (digits.length === 40 || digits.length === 64) return digits;
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${digits}^{commit}`];
    const { stdout } = await this.#shop.local(HISTORY, args, signal, { no: [PLAIN_NO] });
    const hash = lines(stdout)[0] ?? '';
    return hash !== '' && hash.startsWith(digits) ? hash : undefined;
  }

  /** Fetches what changed since the refs were others. Returns how much of the list is here now. */
  async #refresh(refs: Refs, signal: AbortSignal): Promise<Here> {
    if (await this.#isCurrent(refs, signal)) return { tags: true, all: true };
    return await this.#flights.join(digestsOf(refs).all, signal, (shared) =>
      this.#shop.locked(shared, (held) => this.#fetch(refs, held, shared)),
    );
  }

  #isThere(): boolean {
    return this.#shop.copy.has(HISTORY);
  }

  async #isCurrent(refs: Refs, signal: AbortSignal): Promise<boolean> {
    checkAborted(signal);
    // Read each time: another process may have made it anew.
    return (await readFile(this.#stamp(), 'latin1').catch(() => '')) === digestsOf(refs).all;
  }

  #stamp(): string {
    return this.#shop.copy.path(`${HISTORY}/${STAMP}`);
  }

  async #fetch(refs: Refs, held: Held, signal: AbortSignal): Promise<Here> {
    // Another process may have been quicker.
    if (await this.#isCurrent(refs, signal)) return { tags: true, all: true };
    const [named = ''] = namedBy(refs);
    await this.#shop.copy.makeRepository(HISTORY, formatOf(named));
    await rm(this.#stamp(), { force: true });
    const detached = refs.head !== undefined && ![...refs.branches.values()].includes(refs.head);
    const refspecs = detached ? [...ALL, `+HEAD:${HEAD}`] : ALL;
    const config = [...PARTIAL, LOOSE_REFS];
    await this.#shop.fetch(HISTORY, held, ['--filter=tree:0', '--prune'], refspecs, config, signal);
    const { env } = held;
    if (!detached) await this.#shop.local(HISTORY, ['update-ref', '-d', HEAD], signal, { env });
    await this.#shop.local(HISTORY, ['pack-refs', '--all', '--prune'], signal, { env });
    const here = await this.#compare(refs, detached, signal);
    if (here.all) await this.#setStamp(digestsOf(refs).all);
    return here;
  }

  /** Another server of the same host, or a moment later, and the remote names others than it listed. */
  async #compare(refs: Refs, detached: boolean, signal: AbortSignal): Promise<Here> {
    const shown = new ShownRefs(refs, detached ? HEAD : undefined);
    const reader = (piece: Buffer) => {
      shown.push(piece);
      return true;
    };
    await this.#shop.local(HISTORY, ['show-ref', '-d'], signal, { reader, no: [PLAIN_NO] });
    return shown.here;
  }

  async #setStamp(stamp: string): Promise<void> {
    const file = this.#stamp();
    await writeFile(`${file}.tmp`, stamp);
    await rename(`${file}.tmp`, file);
  }

  #changed(): GitFault {
    return new GitFault(
      'UPSTREAM_BAD_ANSWER',
      this.#shop.url,
      'it has other branches or tags than it listed a moment ago',
      'ask again',
      '',
      'ref-gone',
    );
  }

  #unreachable(hash: string): GitFault {
    return new GitFault(
      'NOT_FOUND',
      this.#shop.url,
      `no branch or tag reaches ${hash}`,
      'ask for a commit of a branch',
    );
  }
}

function lines(output: Buffer): string[] {
  return output
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}
