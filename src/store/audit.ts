import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { storeFault } from './fault.ts';

const NAME = 'audit.jsonl';
const MODE = 0o640;
const NEWLINE = 0x0a;

/** What was done to a version, by whom, and why. */
export interface AuditEntry {
  /** withdraw: the publication before it was not carried out, since another content came in first */
  readonly action: 'publish' | 'delete' | 'restore' | 'withdraw';
  readonly module: string;
  readonly version: string;
  /** null: none is known */
  readonly h1: string | null;
  /** null: none was asked for */
  readonly reason: string | null;
  /** name of the token, or of the command */
  readonly who: string;
  /** address of the caller; null: no request came from elsewhere */
  readonly remote: string | null;
  /** request id; null: there was no request */
  readonly request: string | null;
}

/**
 * `<data>/audit.jsonl`: one JSON object a line, appended and never changed. A line is on the disk before the change is
 * visible; a change that then failed leaves its line, and the next try adds another one.
 */
export class Audit {
  readonly #file: string;

  constructor(data: string) {
    this.#file = join(data, NAME);
  }

  /** Durable when it resolves. Throws DISK_FULL or STORE_FAILED. @param now ms since the epoch */
  async append(entry: AuditEntry, now: number): Promise<void> {
    const line = `${JSON.stringify({ time: new Date(now).toISOString(), ...entry })}\n`;
    try {
      const file = await open(this.#file, 'a+', MODE);
      try {
        // One write for a whole line: those of other processes never come in between.
        await file.appendFile((await endsTorn(file)) ? `\n${line}` : line);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncFolder(join(this.#file, '..'));
    } catch (error) {
      throw storeFault(error, `writing ${NAME}`);
    }
  }
}

/** A crash of the machine can cut the last line: what follows must not be appended to its piece. */
async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== NEWLINE;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
