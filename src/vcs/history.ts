import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { checkAborted, Flights } from '../sync/index.ts';
import { HISTORY } from './copy.ts';
import { GitFault } from './fault.ts';
import type { Held } from './locks.ts';
import { namedBy } from './refs.ts';
import type { Refs } from './repository.ts';
import { formatOf } from './skeleton.ts';
import { damaged, type Workshop } from './workshop.ts';

/** Given with fetches only: a command that reads finds no promise of missing objects, so it never asks for any. */
export const PARTIAL = [
  ['remote.origin.promisor', 'true'] as const,
  ['remote.origin.partialclonefilter', 'tree:0'] as const,
];
const ALL = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
/** ms that a check of all commits is good for; it takes a second for a hundred thousand */
const WHOLE_FOR = 60_000;
/** In history.git: which refs it was fetched at. */
const STAMP = 'modgate-refs';

/** Exit statuses that say "no such commit here": of for-each-ref, and of merge-base and rev-parse. */
const UNKNOWN: ReadonlySet<number> = new Set([128, 129]);

/** `history.git`: every commit that a branch or a tag reaches, without files. Made when a question first needs it. */
export class History {
  readonly #shop: Workshop;
  readonly #flights = new Flights<void>();
  /** ms, of performance.now(): when all commits were last found to be there */
  #whole: number | undefined;

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
      await this.#refresh(refs, signal);
      const args = ['for-each-ref', `--merged=${hash}`, '--format=%(refname:strip=2)', 'refs/tags'];
      const { code, stdout } = await this.#shop.local(HISTORY, args, signal);
      if (code !== 0) {
        await this.#checkWhole(signal);
        throw this.#unreachable(hash);
      }
      return lines(stdout).filter((tag) => refs.tags.has(tag));
    });
  }

  /** True where one commit is another, or one before it. */
  isAncestor(older: string, newer: string, refs: Refs, signal: AbortSignal): Promise<boolean> {
    if (older === newer) return Promise.resolve(true);
    return this.#shop.mending(HISTORY, signal, async () => {
      // Ancestry never changes, so an answer of an old copy is as good as any.
      const here = await this.#asHere(refs, signal);
      const known = here === 'absent' ? undefined : await this.#ancestry(older, newer, signal);
      if (known !== undefined) return known;
      await this.#refresh(refs, signal);
      const answer = await this.#ancestry(older, newer, signal);
      if (answer === undefined) await this.#checkWhole(signal);
      return answer ?? false;
    });
  }

  /** undefined where one of the two is not here */
  async #ancestry(older: string, newer: string, signal: AbortSignal): Promise<boolean | undefined> {
    const { code } = await this.#shop.local(HISTORY, ['merge-base', '--is-ancestor', older, newer], signal);
    return UNKNOWN.has(code) ? undefined : code === 0;
  }

  /** Before absence is told: that nothing is missing here. Throws GitFault where the copy is damaged. */
  async #checkWhole(signal: AbortSignal): Promise<void> {
    if (this.#whole !== undefined && performance.now() - this.#whole < WHOLE_FOR) return;
    const { code } = await this.#shop.local(HISTORY, ['rev-list', '--quiet', '--all'], signal);
    if (code !== 0) throw damaged(this.#shop.url);
    this.#whole = performance.now();
  }

  async #find(digits: string, refs: Refs, signal: AbortSignal): Promise<string | undefined> {
    const here = await this.#asHere(refs, signal);
    if (here !== 'absent') {
      const found = await this.#reachable(digits, signal);
      // What a ref of another day reached counts where one of today's is the same.
      if (found?.by.some((tip) => namedBy(refs).has(tip))) return found.hash;
    }
    await this.#refresh(refs, signal);
    const found = await this.#reachable(digits, signal);
    if (found === undefined) await this.#checkWhole(signal);
    return found?.hash;
  }

  async #reachable(digits: string, signal: AbortSignal) {
    const hash = await this.#allDigits(digits, signal);
    if (hash === undefined) return undefined;
    const args = ['for-each-ref', `--contains=${hash}`, '--format=%(objectname) %(*objectname)'];
    const { code, stdout } = await this.#shop.local(HISTORY, args, signal);
    const by = lines(stdout).map((line) => line.trim().split(' ').at(-1) ?? '');
    return code !== 0 || by.length === 0 ? undefined : { hash, by };
  }

  async #allDigits(digits: string, signal: AbortSignal): Promise<string | undefined> {
    if (digits.length === 40 || digits.length === 64) return digits;
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${digits}^{commit}`];
    const { code, stdout } = await this.#shop.local(HISTORY, args, signal);
    const hash = lines(stdout)[0] ?? '';
    return code === 0 && hash.startsWith(digits) ? hash : undefined;
  }

  /** Fetches what changed since the refs were others. */
  async #refresh(refs: Refs, signal: AbortSignal): Promise<void> {
    if ((await this.#asHere(refs, signal)) === 'current') return;
    const stamp = stampOf(refs);
    await this.#flights.join(stamp, signal, (shared) =>
      this.#shop.locked(shared, (held) => this.#fetch(refs, stamp, held, shared)),
    );
  }

  async #asHere(refs: Refs, signal: AbortSignal): Promise<'absent' | 'older' | 'current'> {
    checkAborted(signal);
    if (!this.#shop.copy.has(HISTORY)) return 'absent';
    // Read each time: another process may have made it anew.
    const stamp = await readFile(this.#shop.copy.path(`${HISTORY}/${STAMP}`), 'latin1').catch(() => '');
    return stamp === stampOf(refs) ? 'current' : 'older';
  }

  async #fetch(refs: Refs, stamp: string, held: Held, signal: AbortSignal): Promise<void> {
    // Another process may have been quicker.
    if ((await this.#asHere(refs, signal)) === 'current') return;
    const named = [...namedBy(refs)];
    const { copy } = this.#shop;
    await copy.makeRepository(HISTORY, formatOf(named[0] ?? ''));
    const detached = refs.head !== undefined && ![...refs.branches.values()].includes(refs.head);
    const refspecs = detached ? [...ALL, '+HEAD:refs/modgate/HEAD'] : ALL;
    await this.#shop.fetch(HISTORY, held, ['--filter=tree:0', '--prune'], refspecs, PARTIAL, signal);
    const file = copy.path(`${HISTORY}/${STAMP}`);
    await writeFile(`${file}.tmp`, stamp);
    await rename(`${file}.tmp`, file);
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

const stamps = new WeakMap<Refs, string>();

/** A digest of all names and hashes. */
function stampOf(refs: Refs): string {
  const known = stamps.get(refs);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(`${refs.head}\n`);
  for (const all of [refs.branches, refs.tags]) {
    digest.update('\n');
    for (const name of [...all.keys()].sort()) digest.update(`${all.get(name)} ${name}\n`);
  }
  const stamp = digest.digest('hex');
  stamps.set(refs, stamp);
  return stamp;
}
