import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, CounterCell, Logger, Metrics } from '../observe/index.ts';
import type { AccessBook } from './access.ts';
import { parseAddress } from './address.ts';
import { Copy } from './copy.ts';
import { Evictor } from './evictor.ts';
import { Git, type GitTimeouts } from './git.ts';
import { GitRepository } from './git-repository.ts';
import { NoGit } from './git-version.ts';
import { Locks } from './locks.ts';
import { endOrphansOfTheDead } from './orphans.ts';
import { packIfMany } from './packing.ts';
import { Places } from './places.ts';
import { RefsMemory } from './refs-memory.ts';
import { Remote, type RemoteParts } from './remote.ts';
import type { Remotes, Repository, Terms } from './repository.ts';
import { TagMemory } from './tag-memory.ts';
import { Workshop } from './workshop.ts';

export interface RemotesOptions {
  /** the program */
  readonly git: string;
  readonly access: AccessBook;
  /** of one command that talks to a remote */
  readonly timeouts: GitTimeouts;
  /** ms that one answer of a remote about its refs is shared */
  readonly refs: number;
  /** bytes of all copies; the least recently used go; 0: no bound */
  readonly cap: number;
  /** bytes of one copy while it is fetched; 0: no bound */
  readonly largest: number;
  /** what git may take over of it: PATH, proxies, certificates; default: the process's own */
  readonly env?: NodeJS.ProcessEnv;
}

export interface RemotesParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** bytes of all lists of refs that are shared at one time */
const LISTS = 32 << 20;
/** repositories that are remembered */
const MAX_OPEN = 2000;
/** seconds */
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/**
 * All copies, in one folder:
 *
 *     <32 hex digits>/     one remote; the file `remote` in it names its URL
 *     locks/               who fills which copy now
 *     home/                empty; git's HOME
 *     trash/               what is being removed
 */
export class GitRemotes implements Remotes {
  readonly #folder: string;
  readonly #options: RemotesOptions;
  readonly #git: Git;
  readonly #parts: RemoteParts;
  readonly #locks: Locks;
  readonly #evictor: Evictor;
  readonly #logger: Logger;
  readonly #moved: CounterCell;
  readonly #listed: RefsMemory;
  readonly #open = new Map<string, GitRepository>();
  readonly #background = new Set<Promise<void>>();

  constructor(folder: string, options: RemotesOptions, parts: RemotesParts) {
    const home = join(folder, 'home');
    for (const name of [home, join(folder, 'trash')]) mkdirSync(name, { recursive: true, mode: 0o750 });
    this.#folder = folder;
    this.#options = options;
    this.#git = new Git(options.git, { home, env: options.env ?? process.env });
    this.#logger = parts.logger;
    this.#locks = new Locks(join(folder, 'locks'), (id) => this.#copy(id, '').sweep());
    this.#evictor = new Evictor(folder, options.cap, this.#locks, parts.logger);
    this.#listed = new RefsMemory(options.refs, LISTS, parts.clock);
    this.#moved = parts.metrics
      .counter(
        'modgate_tags_moved_total',
        'Tags that name another commit than they did when they were seen before.',
      )
      .with();
    parts.metrics.gauge(
      'modgate_git_bytes',
      'Disk space of the copies of repositories.',
      [],
      (gauge) => gauge.with().set(this.#evictor.total),
      'max',
    );
    this.#parts = {
      git: this.#git,
      book: options.access,
      timeouts: options.timeouts,
      places: new Places(),
      clock: parts.clock,
      commands: parts.metrics.counter(
        'modgate_git_commands_total',
        'git commands that talked to a remote, by outcome.',
        ['command', 'outcome'],
      ),
      seconds: parts.metrics.histogram(
        'modgate_git_command_seconds',
        'Time of a git command that talked to a remote.',
        ['command'],
        BUCKETS,
      ),
    };
    this.#later(() => this.#evictor.start());
    this.#later(() => this.#tellNoGit());
    this.#later(() => endOrphansOfTheDead(home));
  }

  open(url: string, terms: Terms): Repository {
    parseAddress(url);
    const id = idOf(url, terms);
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const repository = this.#make(id, url, terms);
    if (this.#open.size >= MAX_OPEN) this.#open.clear();
    this.#open.set(id, repository);
    return repository;
  }

  async close(): Promise<void> {
    this.#locks.close();
    await this.#git.close();
    await this.settled();
  }

  /** When nothing is left to do in the background: measuring, evicting, packing, remembering tags. */
  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Before anybody asks: whoever runs modgate is to know it from the start. */
  async #tellNoGit(): Promise<void> {
    const error = await this.noGit();
    if (error !== undefined) this.#logger.warn({ code: error.code, next: error.next }, error.message);
  }

  /** Why no repository can be asked here; undefined where there is a git that can be used. */
  async noGit(): Promise<NoGit | undefined> {
    try {
      await this.#git.usable();
    } catch (error) {
      if (!(error instanceof NoGit)) throw error;
      return error;
    }
    return undefined;
  }

  /** Nobody waits for it, and nobody needs it to succeed. */
  #later(job: () => Promise<unknown>): void {
    const done = job().then(
      () => undefined,
      (error: unknown) => this.#logger.debug({ err: error }, 'upkeep of copies of repositories failed'),
    );
    this.#background.add(done);
    done.finally(() => this.#background.delete(done)).catch(() => undefined);
  }

  #make(id: string, url: string, terms: Terms): GitRepository {
    const remote = new Remote(url, terms, this.#parts);
    const copy = this.#copy(id, remote.url);
    const shop = new Workshop({
      git: this.#git,
      remote,
      copy,
      locks: this.#locks,
      id,
      largest: this.#options.largest,
      fetched: () => this.#later(() => this.#upkeep(copy, id)),
    });
    const memory = new TagMemory(copy, remote.url, this.#logger, this.#moved);
    return new GitRepository({
      remote,
      shop,
      listed: this.#listed,
      seen: (refs) => this.#later(() => memory.see(refs).then(() => this.#evictor.touched(id))),
      use: () => copy.uses.begin(),
    });
  }

  #copy(id: string, url: string): Copy {
    return new Copy(join(this.#folder, id), join(this.#folder, 'trash'), url);
  }

  async #upkeep(copy: Copy, id: string): Promise<void> {
    await this.#evictor.grown(id);
    if ((await packIfMany(copy, id, this.#git, this.#locks)) > 0) await this.#evictor.grown(id);
  }
}

/** Two routes that rewrite differently reach different remotes by one URL, and strangers see less of it. */
function idOf(url: string, { rewrites, anonymous }: Terms): string {
  const rules = [...rewrites].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(anonymous ? [url, rules, 'anonymous'] : [url, rules]))
    .digest('hex')
    .slice(0, 32);
}
