import { ModgateError } from '../errors/index.ts';
import type { ConfigDocument, Path, Position } from './document.ts';

interface Fault {
  readonly where: string;
  readonly position: Position | undefined;
  readonly what: string;
}

/** A reader mends a few and runs again. */
const MAX_SHOWN = 50;

export function pathKey(path: Path): string {
  return path.join('/');
}

/** Collects all faults and warnings of one load, each with the place of the value that it is about. */
export class Findings {
  readonly warnings: string[] = [];
  /** path → variable or flag that set it */
  readonly overlays = new Map<string, string>();
  /** the file as the reader of a fault knows it; undefined without a file */
  readonly file: string | undefined;
  readonly #document: ConfigDocument | undefined;
  readonly #faults: Fault[] = [];
  readonly #paths: string[] = [];

  constructor(file: string | undefined, document: ConfigDocument | undefined) {
    this.file = file;
    this.#document = document;
  }

  /** @param what without any secret value */
  fault(path: Path, what: string, at: 'key' | 'value' = 'value'): void {
    const position = this.overlays.has(pathKey(path)) ? undefined : this.#nearest(path, at === 'key');
    this.#faults.push({ where: this.where(path, at), position, what });
    this.#paths.push(pathKey(path));
  }

  /** A fault that no path of the configuration stands for. */
  faultAt(where: string, what: string, position?: Position): void {
    this.#faults.push({ where: position === undefined ? where : label(where, position), position, what });
  }

  warn(path: Path, what: string): void {
    this.warnings.push(`${this.where(path)}: ${what}`);
  }

  /** True where a fault about the value, or about one below it, has been told; then it is not whole. */
  faulted(path: Path): boolean {
    const key = pathKey(path);
    return this.#paths.some((told) => told === key || told.startsWith(`${key}/`));
  }

  /** Where the value came from; undefined for a default. */
  origin(path: Path): string | undefined {
    const overlay = this.overlays.get(pathKey(path));
    if (overlay !== undefined) return overlay;
    const position = this.#document?.place(path, false);
    return position === undefined || this.file === undefined ? undefined : label(this.file, position);
  }

  /** True where the value stands in the file and nothing has taken its place. */
  inFile(path: Path): boolean {
    return !this.overlays.has(pathKey(path)) && this.#document?.place(path, false) !== undefined;
  }

  where(path: Path, at: 'key' | 'value' = 'value'): string {
    const overlay = this.overlays.get(pathKey(path));
    if (overlay !== undefined) return overlay;
    const position = this.#nearest(path, at === 'key');
    return this.file === undefined || position === undefined ? path.join('.') : label(this.file, position);
  }

  throwFaults(): void {
    if (this.#faults.length === 0) return;
    const lines = [...this.#faults].sort(byPlace).map(({ where, what }) => `${where}: ${what}`);
    const told = [...new Set(lines)];
    const shown = told.slice(0, MAX_SHOWN);
    if (told.length > shown.length) shown.push(`and ${told.length - shown.length} more`);
    throw new ModgateError('CONFIG_INVALID', shown.join('\n'), {
      next: 'mend the configuration; modgate.example.yaml explains every key',
    });
  }

  #nearest(path: Path, key: boolean): Position | undefined {
    for (let length = path.length; length >= 0; length -= 1) {
      const position = this.#document?.place(path.slice(0, length), key && length === path.length);
      if (position !== undefined) return position;
    }
    return this.#document === undefined ? undefined : { line: 1, column: 1 };
  }
}

function label(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

/** In the order of the file; then variables and flags, in the order they were found. */
function byPlace(a: Fault, b: Fault): number {
  if (a.position === undefined || b.position === undefined) {
    return Number(a.position === undefined) - Number(b.position === undefined);
  }
  return a.position.line - b.position.line || a.position.column - b.position.column;
}
