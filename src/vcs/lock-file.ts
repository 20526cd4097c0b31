import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors/index.ts';
import { liveness, type Owner, ownerPrefix, self } from '../observe/index.ts';
import { endOrphans } from './orphans.ts';

/** ms; how often a holder shows that it lives, for those who cannot see its process */
const BEAT = 10_000;
/** ms without a beat after which a holder on another machine or in another container counts as dead */
const SILENT = 120_000;

export interface FileHold {
  readonly nonce: string;
  /** the holder before is dead */
  readonly takenOver: boolean;
  release(): Promise<void>;
}

interface Record {
  readonly owner: Owner;
  readonly nonce: string;
}

/**
 * A lock between processes: a file that appears whole, by link(2), and names its holder:
 *
 *     {"owner":{"place":"5f0c1d2e3a4b","pid":4711,"start":"88123456"},"nonce":"9c2d41aa…"}
 *
 * A dead holder's file is replaced by whoever creates the claim `<file>.claim-<its hash>-<n>` first; only a claim whose
 * maker died as well lets the next number have a try. So of all who find the same dead holder, one goes on.
 */
export class LockFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** undefined: somebody else holds it, and lives. Then nothing is written, so that who waits wakes nobody. */
  async attempt(): Promise<FileHold | undefined> {
    const found = await this.#read();
    if (found !== undefined && !(await this.#isStale(found))) return undefined;
    const nonce = randomBytes(8).toString('hex');
    const mine = JSON.stringify({ owner: self(), nonce } satisfies Record);
    const draft = join(dirname(this.#file), `${ownerPrefix(self())}lock`);
    await writeFile(draft, mine, { mode: 0o640 });
    try {
      if (await this.#create(draft)) return this.#hold(mine, nonce, false);
      const other = await this.#read();
      if (other === undefined || !(await this.#isStale(other))) return undefined;
      return (await this.#replace(other, draft)) ? this.#hold(mine, nonce, true) : undefined;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async #create(draft: string): Promise<boolean> {
    try {
      await link(draft, this.#file);
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  /** True of the text of a lock whose holder is gone. */
  async #isStale(text: string): Promise<boolean> {
    const owner = parse(text)?.owner;
    const state = owner === undefined ? 'unknown' : liveness(owner, self());
    return state === 'dead' || (state === 'unknown' && (await this.#isSilent()));
  }

  async #isSilent(): Promise<boolean> {
    const facts = await stat(this.#file).catch(() => undefined);
    return facts !== undefined && Date.now() - facts.mtimeMs > SILENT;
  }

  async #replace(stale: string, draft: string): Promise<boolean> {
    const claims = await this.#claim(stale);
    if (claims === undefined) return false;
    try {
      // Who claimed before us may be done already; then the lock is another one.
      if ((await this.#read()) !== stale) return false;
      const nonce = parse(stale)?.nonce;
      if (nonce !== undefined) await endOrphans(nonce);
      await rename(draft, this.#file);
      return true;
    } finally {
      for (const claim of claims) await rm(claim, { force: true });
    }
  }

  /** Our claim and the dead ones before it; undefined where somebody else has one, and lives. */
  async #claim(stale: string): Promise<string[] | undefined> {
    const identity = createHash('sha256').update(stale).digest('hex').slice(0, 16);
    const claims: string[] = [];
    for (;;) {
      const claim = `${this.#file}.claim-${identity}-${claims.length}`;
      claims.push(claim);
      try {
        await writeFile(claim, JSON.stringify({ owner: self(), nonce: '' } satisfies Record), { flag: 'wx' });
        return claims;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      const owner = parse(await readFile(claim, 'utf8').catch(() => ''))?.owner;
      if (owner === undefined || liveness(owner, self()) !== 'dead') return undefined;
    }
  }

  #hold(mine: string, nonce: string, takenOver: boolean): FileHold {
    const beat = setInterval(() => {
      const now = new Date();
      utimes(this.#file, now, now).catch(() => undefined);
    }, BEAT);
    beat.unref();
    const release = async () => {
      clearInterval(beat);
      // Another one's where we were taken for dead, stopped for minutes.
      if ((await this.#read()) === mine) await rm(this.#file, { force: true });
    };
    return { nonce, takenOver, release };
  }

  #read(): Promise<string | undefined> {
    return readFile(this.#file, 'utf8').catch(() => undefined);
  }
}

function parse(text: string): Record | undefined {
  const match =
    /^\{"owner":\{"place":"([0-9a-f]{12})","pid":(\d{1,10}),"start":"(\d{1,20})"\},"nonce":"([0-9a-f]*)"\}$/.exec(
      text,
    );
  if (match === null) return undefined;
  const [, place = '', pid = '', start = '', nonce = ''] = match;
  return { owner: { place, pid: Number(pid), start }, nonce };
}
