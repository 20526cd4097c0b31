import type { LogDestination } from './logger.ts';

const RESET = '\u001b[0m';
const DIM = '\u001b[2m';
const BOLD = '\u001b[1m';
const LEVEL_COLORS: Readonly<Record<string, string>> = {
  trace: '\u001b[90m',
  debug: '\u001b[36m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[35m',
};

interface Flushable {
  flush(done?: (error?: Error | null) => void): void;
  flushSync(): void;
}

/**
 * Turns the logger's JSON lines into lines for people: `12:00:00.000 INFO  message  key=value`. Values come
 * from callers, so nothing in them reaches the terminal as a control sequence.
 */
export class PrettyWriter {
  readonly #out: LogDestination & Partial<Flushable>;
  readonly #color: boolean;

  constructor(out: LogDestination & Partial<Flushable>, color: boolean) {
    this.#out = out;
    this.#color = color;
  }

  /** @param lines one or more, each ended */
  write(lines: string): void {
    for (const line of lines.split('\n')) if (line !== '') this.#out.write(`${this.#format(line)}\n`);
  }

  /** pino flushes its destination at `fatal` and through `logger.flush`. */
  flush(done: (error?: Error | null) => void = () => {}): void {
    if (this.#out.flush === undefined) done();
    else this.#out.flush(done);
  }

  flushSync(): void {
    this.#out.flushSync?.();
  }

  #format(line: string): string {
    const fields = parseLine(line);
    if (fields === undefined) return printable(line.trimEnd());
    const { level, time, msg, ...rest } = fields;
    const name = asText(level);
    const parts = [
      this.#paint(DIM, asText(time).slice(11, 23)),
      this.#paint(LEVEL_COLORS[name] ?? '', name.toUpperCase().padEnd(5)),
      this.#paint(BOLD, printable(asText(msg))),
    ];
    for (const [key, value] of Object.entries(rest)) {
      parts.push(`${this.#paint(DIM, `${printable(key)}=`)}${printable(formatValue(value))}`);
    }
    return parts.join(' ');
  }

  #paint(color: string, text: string): string {
    return this.#color && color !== '' ? `${color}${text}${RESET}` : text;
  }
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The logger's own three fields are texts. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? '';
}

/** Control, format (bidirectional overrides) and unassigned characters as \u{…}. */
function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
