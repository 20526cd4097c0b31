import { ModgateError, toModgateError } from '../errors/index.ts';
import type { Router } from '../gateway/index.ts';
import {
  escapePath,
  escapeVersion,
  type ModulePath,
  type ModuleVersion,
  PathPatterns,
} from '../module/index.ts';
import { each } from './each.ts';
import type { Fetcher } from './fetcher.ts';
import { keyOf } from './graph.ts';
import type { Tally } from './tally.ts';
import { fullTile, type SumRecord, tilesFor } from './tiles.ts';

interface Deps {
  readonly fetcher: Fetcher;
  readonly tally: Tally;
  readonly router: Router;
  /** names of the databases that the gateway passes on */
  readonly databases: readonly string[];
  /** module paths that no database is asked about, in the syntax of GONOSUMDB */
  readonly nosumdb: string;
  readonly signal: AbortSignal;
  readonly places: number;
}

/** A record's number, the lines about the module, and the tree that proves it (x/mod sumdb.Client.Lookup). */
interface Lookup {
  readonly record: SumRecord;
  /** "path version[/go.mod] h1:…" */
  readonly lines: readonly string[];
}

/** records; far more than any tree has, and few enough for exact arithmetic */
const MAX_RECORDS = 2 ** 40;

/** What a go command with GOSUMDB on asks of the checksum databases, fetched in advance. */
export class Checksums {
  readonly #deps: Deps;
  readonly #private: PathPatterns;
  /** name of a database → its records */
  readonly #records = new Map<string, SumRecord[]>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#private = new PathPatterns(deps.nosumdb);
  }

  /** What databases may be asked about; those of private routes are told as left out. */
  allowed(modules: readonly ModuleVersion[]): ModuleVersion[] {
    const { router, databases, tally } = this.#deps;
    if (databases.length === 0) return [];
    return modules.filter((m) => {
      const isPrivate = router.find(m.path).isPrivate;
      if (isPrivate) tally.skip(keyOf(m), 'its route is private, so no checksum database is asked about it');
      return !isPrivate && this.#covers(m.path);
    });
  }

  /** A path on a route of its own never leaves for a database. */
  #covers(path: ModulePath): boolean {
    const { router } = this.#deps;
    return router.find(path) === router.routes.at(-1) && !this.#private.matches(path);
  }

  /** @param modules what databases may be asked about */
  async fill(modules: readonly ModuleVersion[]): Promise<void> {
    const { tally, places, signal } = this.#deps;
    if (modules.length === 0) return;
    tally.phase('checksums', modules.length);
    await each(modules, places, signal, (m) => tally.unit(keyOf(m), () => this.#module(m)));
    const tiles = [...this.#records].flatMap(([name, records]) =>
      tilesFor(records).map((endpoint) => ({ name, endpoint })),
    );
    if (tiles.length === 0) return;
    tally.phase('tiles', tiles.length);
    await each(tiles, places, signal, ({ name, endpoint }) =>
      tally.unit(`${name}/${endpoint}`, () => this.#tile(name, endpoint)),
    );
  }

  /** At least one of the databases must know it. */
  async #module(m: ModuleVersion): Promise<void> {
    let absent: ModgateError | undefined;
    let known = false;
    for (const name of this.#deps.databases) {
      try {
        await this.#lookup(name, m);
        known = true;
      } catch (thrown) {
        const error = toModgateError(thrown);
        if (error.absent) absent = error;
        else this.#deps.tally.fail(keyOf(m), 'lookup', error);
      }
    }
    if (!known && absent !== undefined) this.#deps.tally.fail(keyOf(m), 'lookup', unknown(m, absent));
  }

  async #lookup(name: string, m: ModuleVersion): Promise<void> {
    const { fetcher, tally } = this.#deps;
    const endpoint = `lookup/${escapePath(m.path)}@${escapeVersion(m.version)}`;
    const { bytes, taken } = await fetcher.bytes({ kind: 'sumdb', name, endpoint });
    const { record, lines } = parseLookup(bytes.toString('utf8'), name);
    const records = this.#records.get(name) ?? [];
    records.push(record);
    this.#records.set(name, records);
    await this.#compare(name, m, lines);
    tally.add(keyOf(m), 'lookup', taken.result, taken.size);
  }

  /** What is stored must be what the database says, or every client would refuse it. */
  async #compare(name: string, m: ModuleVersion, lines: readonly string[]): Promise<void> {
    const h1 = await this.#deps.fetcher.h1(m);
    const start = `${m.path} ${m.version} `;
    const told = lines.find((line) => line.startsWith(start))?.slice(start.length);
    if (h1 === undefined || told === undefined || h1 === told) return;
    throw new ModgateError(
      'CHECKSUM_MISMATCH',
      `the stored zip of ${keyOf(m)} has ${h1}, but ${name} says ${told}`,
      { next: 'find out which source served it; clients that check will refuse it' },
    );
  }

  async #tile(name: string, endpoint: string): Promise<void> {
    const { fetcher, tally } = this.#deps;
    const get = async (one: string) => (await fetcher.bytes({ kind: 'sumdb', name, endpoint: one })).taken;
    try {
      // A database may drop a partial tile once the full one is there; clients then take that.
      const taken = await get(endpoint).catch((thrown: unknown) => {
        const full = fullTile(endpoint);
        if (full === undefined || !toModgateError(thrown).absent) throw thrown;
        return get(full);
      });
      tally.add(`${name}/${endpoint}`, 'tile', taken.result, taken.size);
    } catch (thrown) {
      tally.fail(`${name}/${endpoint}`, 'tile', thrown);
    }
  }
}

/** The gateway has held the answer to its shape already. */
function parseLookup(text: string, name: string): Lookup {
  const end = text.indexOf('\n\n');
  const [id = '', ...lines] = text.slice(0, end).split('\n');
  const size = text.slice(end + 2).split('\n', 2)[1] ?? '';
  const record = { id: Number(id), size: Number(size) };
  if (!(record.id < record.size && record.size < MAX_RECORDS))
    throw new ModgateError('UPSTREAM_BAD_ANSWER', `${name}: record ${id} cannot be in a tree of ${size}`, {
      next: 'see what that database answers',
    });
  return { record, lines };
}

function unknown(m: ModuleVersion, { message, cause }: ModgateError): ModgateError {
  return new ModgateError(
    'NOT_FOUND',
    `no checksum database knows ${keyOf(m)}: ${message.split('\n', 1)[0]}`,
    {
      cause,
      next: 'for a private module, add its path to --nosumdb, or a route of its own to the configuration',
    },
  );
}
