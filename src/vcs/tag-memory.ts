import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { type CounterCell, type Logger, ownerPrefix, self } from '../observe/index.ts';
import type { Copy } from './copy.ts';
import { digestsOf, parseRefs } from './refs.ts';
import type { Refs } from './repository.ts';

const FILE = 'tags';
/** tags of one repository that are remembered */
const MAX_TAGS = 100_000;
/** tags that are compared before others get their turn */
const SLICE = 10_000;
/** log lines of one look; the counter counts all */
const MAX_LINES = 20;

/**
 * The tags that a remote was seen with, those that are gone included, in the file `tags` beside the copy, in the form of
 * `git ls-remote`. A tag that names another commit than before is told: what is stored of it stays as it was.
 */
export class TagMemory {
  readonly #copy: Copy;
  readonly #url: string;
  readonly #logger: Logger;
  readonly #moved: CounterCell;
  /** digest of what was compared last */
  #last: string | undefined;

  constructor(copy: Copy, url: string, logger: Logger, moved: CounterCell) {
    this.#copy = copy;
    this.#url = url;
    this.#logger = logger;
    this.#moved = moved;
  }

  /** @param refs of parseRefs */
  async see(refs: Refs): Promise<void> {
    const { tags } = refs;
    const digest = digestsOf(refs).tags;
    if (tags.size === 0 || digest === this.#last) return;
    this.#last = digest;
    const before = await this.#read();
    const all = new Map(before);
    const moved: string[] = [];
    let count = 0;
    for (const [name, hash] of tags) {
      if ((all.get(name) ?? hash) !== hash) moved.push(name);
      all.set(name, hash);
      count += 1;
      if (count % SLICE === 0) await setImmediate();
    }
    this.#tell(moved, before, tags);
    const news = moved.length > 0 || all.size > before.size;
    if (news && all.size <= MAX_TAGS) await this.#write(all);
  }

  #tell(
    moved: readonly string[],
    before: ReadonlyMap<string, string>,
    now: ReadonlyMap<string, string>,
  ): void {
    this.#moved.inc(moved.length);
    for (const tag of moved.slice(0, MAX_LINES)) {
      const fields = { repository: this.#url, tag, from: before.get(tag), to: now.get(tag) };
      this.#logger.warn(fields, 'a tag was moved; versions that are stored stay as they are');
    }
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    try {
      return (await parseRefs(await readFile(this.#copy.path(FILE)))).tags;
    } catch {
      // Not there yet, or spoiled: then nothing is known.
      return new Map();
    }
  }

  async #write(all: ReadonlyMap<string, string>): Promise<void> {
    await this.#copy.make();
    const draft = this.#copy.path(`${ownerPrefix(self())}tags`);
    const lines = [...all].map(([name, hash]) => `${hash}\trefs/tags/${name}\n`);
    try {
      await writeFile(draft, lines.join(''));
      await rename(draft, this.#copy.path(FILE));
    } finally {
      await rm(draft, { force: true });
    }
  }
}
