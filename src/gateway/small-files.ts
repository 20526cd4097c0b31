import { toModgateError } from '../errors/index.ts';
import { checkInfo, checkMod, MAX_INFO_BYTES, readSmall } from '../fetch/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { hashGoMod, MAX_GOMOD_BYTES } from '../modzip/index.ts';
import type { Clock } from '../observe/index.ts';
import { keys, type Tree } from '../store/index.ts';
import { Flights } from '../sync/index.ts';
import type { Admissions } from './admission.ts';
import { notCached } from './answers.ts';
import type { Lists } from './lists.ts';
import type { Misses } from './misses.ts';
import { refusePublished } from './published-source.ts';
import { type AskOptions, type BytesReply, type ContentReply, storedReply } from './reply.ts';
import type { Router } from './router.ts';
import { Stones } from './stones.ts';
import { Verdicts } from './verdicts.ts';

interface Deps {
  readonly tree: Tree;
  readonly router: Router;
  readonly clock: Clock;
  readonly admissions: Admissions;
  readonly lists: Lists;
  readonly misses: Misses;
}

/** `.info` and `.mod` of a version: from the store, otherwise from a source, never by way of the zip. */
export class SmallFiles {
  readonly #deps: Deps;
  readonly #stones: Stones;
  readonly #flights = new Flights<BytesReply>();
  readonly #absent: Verdicts;

  /** @param negative ms during which absence is remembered */
  constructor(deps: Deps, negative: number) {
    this.#deps = deps;
    this.#stones = new Stones(deps.tree);
    this.#absent = new Verdicts(deps.clock, negative);
  }

  /** Refusals are asked for again. */
  forget(): void {
    this.#absent.clear();
  }

  async get(m: ModuleVersion, kind: 'info' | 'mod', options: AskOptions): Promise<BytesReply | ContentReply> {
    const key = keys.file(m, kind);
    const running = options.cachedOnly ? undefined : this.#flights.joinRunning(key, options.signal);
    if (running !== undefined) return running;
    const content = await this.#deps.tree.open(key);
    if (content !== undefined) return storedReply(content);
    await this.#stones.check(m);
    if (options.cachedOnly) throw notCached(`${m.path}@${m.version}.${kind}`);
    await refusePublished(this.#deps.tree, this.#deps.router.find(m.path).chain, m);
    const verdict = this.#absent.get(key);
    if (verdict !== undefined) throw verdict;
    return this.#flights.join(key, options.signal, (signal) => this.#fetch(m, kind, signal, options.hold));
  }

  #fetch(
    m: ModuleVersion,
    kind: 'info' | 'mod',
    signal: AbortSignal,
    hold: AskOptions['hold'],
  ): Promise<BytesReply> {
    const { chain } = this.#deps.router.find(m.path);
    return this.#deps.misses.run(kind, chain, signal, async () => {
      try {
        return await this.#ask(m, kind, signal, hold);
      } catch (thrown) {
        const error = toModgateError(thrown);
        if (error.absent) this.#absent.remember(keys.file(m, kind), error, chain.lasts);
        throw error;
      }
    });
  }

  async #ask(
    m: ModuleVersion,
    kind: 'info' | 'mod',
    signal: AbortSignal,
    hold: AskOptions['hold'],
  ): Promise<BytesReply> {
    const { chain } = this.#deps.router.find(m.path);
    const limit = kind === 'info' ? MAX_INFO_BYTES : MAX_GOMOD_BYTES;
    const { value, trace, origin } = await chain.ask(`${m.path}@${m.version}`, async (source) => {
      const answer = await readSmall(source, m, kind, limit, signal);
      (kind === 'info' ? checkInfo : checkMod)(m, answer.value, source.name);
      return answer;
    });
    if (kind === 'mod') hold?.(hashGoMod(value));
    await this.#deps.admissions.origin(m, trace.source, origin);
    const bytes = await this.#deps.admissions.file(m, trace.source, kind, value);
    this.#deps.lists.note(m.path);
    return { kind: 'bytes', bytes, cached: 'miss', modified: this.#deps.clock.now(), fresh: Infinity, trace };
  }
}
