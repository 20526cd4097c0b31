import { ModgateError, toModgateError } from '../errors/index.ts';
import type { SumdbSource, Traced } from '../fetch/index.ts';
import type { Clock } from '../observe/index.ts';
import { keys, type Tree, type TreeKey } from '../store/index.ts';
import { Flights } from '../sync/index.ts';
import { type Answers, notCached } from './answers.ts';
import type { Misses } from './misses.ts';
import { type AskOptions, type BytesReply, type ContentReply, storedReply } from './reply.ts';
import { checkSumdbAnswer } from './sumdb-answers.ts';

/** ms for which a source is believed about which databases it passes on */
const SUPPORT_LIFETIME = 600_000;

/** A checksum database that is passed on, and who may be asked for it. */
export interface PassedDatabase {
  readonly name: string;
  /** the module proxies of the default chain, which the go command too would ask first */
  readonly proxies: readonly SumdbSource[];
  /** the database itself */
  readonly origin: SumdbSource;
}

interface Deps {
  readonly tree: Tree;
  readonly clock: Clock;
  readonly answers: Answers;
  readonly misses: Misses;
}

/**
 * Passes a checksum database on, unchecked: the go command verifies it with its own key. Tiles and look-ups never
 * change once they are there and are kept for good; the latest tree head is kept like any answer that ages.
 */
export class SumdbPass {
  readonly #databases: ReadonlyMap<string, PassedDatabase>;
  readonly #deps: Deps;
  readonly #flights = new Flights<BytesReply>();
  /** databases whose `supported` is in the tree */
  readonly #noted = new Set<string>();
  readonly #supported = new Map<string, { until: number; yes: boolean }>();

  constructor(databases: readonly PassedDatabase[], deps: Deps) {
    this.#databases = new Map(databases.map((database) => [database.name, database]));
    this.#deps = deps;
  }

  /** @param endpoint `supported`, `latest`, `lookup/…` or `tile/…`, as the tree's keys check it */
  async get(name: string, endpoint: string, options: AskOptions): Promise<BytesReply | ContentReply> {
    const database = this.#databases.get(name);
    if (database === undefined) throw unknownDatabase(name);
    if (endpoint === 'supported')
      return {
        kind: 'bytes',
        bytes: Buffer.alloc(0),
        cached: 'hit',
        modified: undefined,
        fresh: 60_000,
        trace: undefined,
      };
    const key = keys.sumdb(name, endpoint);
    if (endpoint === 'latest') return this.#latest(database, key, options);
    const content = await this.#deps.tree.open(key);
    if (content !== undefined) return storedReply(content);
    if (options.cachedOnly) throw notCached(`/sumdb/${name}/${endpoint}`);
    return this.#flights.join(key, options.signal, (signal) => this.#fetch(database, endpoint, key, signal));
  }

  /** What needs nobody to be asked; undefined for all else. */
  async stored(name: string, endpoint: string): Promise<BytesReply | ContentReply | undefined> {
    if (!this.#databases.has(name) || endpoint === 'supported') return undefined;
    const key = keys.sumdb(name, endpoint);
    if (endpoint === 'latest') return this.#deps.answers.fresh(key);
    const content = await this.#deps.tree.open(key);
    return content === undefined ? undefined : storedReply(content);
  }

  #latest(database: PassedDatabase, key: TreeKey, options: AskOptions): Promise<BytesReply> {
    return this.#deps.answers.get(
      {
        key,
        what: `the latest tree head of ${database.name}`,
        ask: (signal) =>
          this.#deps.misses.run('sumdb', this, signal, () => this.#ask(database, 'latest', signal)),
        own: async () => undefined,
      },
      options,
    );
  }

  #fetch(database: PassedDatabase, endpoint: string, key: TreeKey, signal: AbortSignal): Promise<BytesReply> {
    return this.#deps.misses.run('sumdb', this, signal, async () => {
      const { value, trace } = await this.#ask(database, endpoint, signal);
      await this.#deps.tree.put(key, value, { kind: 'keep' });
      await this.#noteSupported(database.name);
      return {
        kind: 'bytes',
        bytes: value,
        cached: 'miss',
        modified: this.#deps.clock.now(),
        fresh: Infinity,
        trace,
      };
    });
  }

  /** The go command looks for this file first where the tree stands in for the gateway. */
  async #noteSupported(name: string): Promise<void> {
    if (this.#noted.has(name)) return;
    await this.#deps.tree.put(keys.sumdb(name, 'supported'), Buffer.alloc(0), { kind: 'keep' });
    this.#noted.add(name);
  }

  /** The first proxy that passes this database on speaks for it alone; where none does, the database itself is asked. */
  async #ask(database: PassedDatabase, endpoint: string, signal: AbortSignal): Promise<Traced<Buffer>> {
    for (const proxy of database.proxies) {
      if (!(await this.#passesOn(proxy, database.name, signal))) continue;
      return checked(proxy, database.name, endpoint, signal);
    }
    return checked(database.origin, database.name, endpoint, signal);
  }

  async #passesOn(source: SumdbSource, name: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#supported.get(`${source.name} ${name}`);
    if (known !== undefined && known.until > this.#deps.clock.monotonic()) return known.yes;
    let yes = true;
    try {
      await checked(source, name, 'supported', signal);
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.code === 'CANCELED') throw error;
      // A proxy that is down passes nothing on now, but may again soon: only its own word is remembered.
      if (!error.absent) return false;
      yes = false;
    }
    this.#supported.set(`${source.name} ${name}`, {
      until: this.#deps.clock.monotonic() + SUPPORT_LIFETIME,
      yes,
    });
    return yes;
  }
}

async function checked(
  source: SumdbSource,
  name: string,
  endpoint: string,
  signal: AbortSignal,
): Promise<Traced<Buffer>> {
  const answer = await source.sumdb(name, endpoint, signal);
  checkSumdbAnswer(endpoint, answer.value, source.name);
  return answer;
}

function unknownDatabase(name: string): ModgateError {
  return new ModgateError(
    'NOT_FOUND',
    `this gateway passes no checksum database ${JSON.stringify(name.slice(0, 80))} on`,
    {
      next: 'add it below "sumdb" in the configuration of the gateway, or check GOSUMDB',
    },
  );
}
