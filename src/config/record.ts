import { statSync } from 'node:fs';
import { systemCode } from '../errors/index.ts';
import { type FileText, type ReadFile, readText } from './files.ts';

/** Absolute path → what was read there, faults included. */
export type Recorded = ReadonlyMap<string, FileText>;
/** Absolute path → which file it was, as `fileState` words it. */
export type FileStates = ReadonlyMap<string, string>;

/**
 * Reads each file once and remembers what it said, secrets included: the same configuration can then be loaded again,
 * in another process too, whatever the disk says by then.
 */
export class FileRecord {
  readonly #texts = new Map<string, FileText>();
  readonly #states = new Map<string, string>();

  readonly read: ReadFile = (file) => {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    // Before it is read, so that what changes meanwhile is seen as a change.
    this.#states.set(file, stateOf(file));
    const text = readText(file);
    this.#texts.set(file, text);
    return text;
  };

  get texts(): Recorded {
    return this.#texts;
  }

  get states(): FileStates {
    return this.#states;
  }

  /** Reads from a record alone; what is not in it does not exist. */
  static replay(texts: Recorded): ReadFile {
    return (file) => texts.get(file) ?? { code: 'ENOENT', fault: 'no such file' };
  }
}

interface Facts {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export function fileState({ dev, ino, size, mtimeMs, ctimeMs }: Facts): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

function stateOf(file: string): string {
  try {
    return fileState(statSync(file));
  } catch (error) {
    return systemCode(error);
  }
}
