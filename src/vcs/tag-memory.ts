import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type CounterCell, type Logger, ownerPrefix, self } from '../observe/index.ts';
import type { Copy } from './copy.ts';
import { parseRefs } from './refs.ts';
import type { Refs } from './repository.ts';

const FILE = 'tags';
/** tags of one repository that are remembered */
const MAX_TAGS = 100_000;
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
  /** what was compared last */
  #last: ReadonlyMap<string, string> | undefined;

  constructor(copy: Copy, url: string, logger: Logger, moved: CounterCell) {
    this.#copy = copy;
    this.#url = url;
    this.#logger = logger;
    this.#moved = moved;
  }

  async see({ tags }: Refs): Promise<void> {
    if (tags.size === 0 || (this.#last !== undefined && same(this.#last, tags))) return;
    const before = await this.#read();
    const moved = [...tags].filter(([name, hash]) => (before.get(name) ?? hash) !== hash);
    this.#moved.inc(moved.length);
    for (const [tag, to] of moved.slice(0, MAX_LINES)) {
      const fields = { repository: this.#url, tag, from: before.get(tag), to };
      this.#logger.warn(fields, 'a tag was moved; versions that are stored stay as they are');
    }
    this.#last = tags;
    const all = new Map([...before, ...tags]);
    if (!same(before, all) && all.size <= MAX_TAGS) await this.#write(all);
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    try {
      return parseRefs(await readFile(this.#copy.path(FILE))).tags;
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

function same(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one.size !== other.size) return false;
  for (const [name, hash] of one) if (other.get(name) !== hash) return false;
  return true;
}
