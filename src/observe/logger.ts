import { isatty } from 'node:tty';
import { destination, type Logger, pino, stdTimeFunctions, symbols } from 'pino';
import { ModgateError } from '../errors/index.ts';
import { cleanFields, fieldSerializers } from './fields.ts';
import { PrettyWriter } from './pretty.ts';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;

/** Where finished lines go: a Node stream, or anything that takes whole lines. */
export interface LogDestination {
  write(line: string): unknown;
  readonly isTTY?: boolean | undefined;
}

export interface LoggerOptions {
  /** one of LOG_LEVELS */
  readonly level: string;
  /** `auto`: pretty where the destination is a terminal, else json */
  readonly format: (typeof LOG_FORMATS)[number];
  /** default: the process's stderr, so that stdout stays for what a command prints */
  readonly destination?: LogDestination | undefined;
  /** true: other processes write to the same stderr, so no write may be larger than a pipe takes in one piece */
  readonly shared?: boolean | undefined;
  /** read for NO_COLOR (no-color.org); default: the process's own */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

const STDERR = 2;
/** bytes of lines that wait for a stderr that does not take them; more are dropped, so that a stuck pipe costs no memory */
const MAX_WAITING = 16 << 20;
/** bytes; pipe(7), PIPE_BUF: no other process's bytes come in between */
const ONE_PIECE = 4096;

/**
 * A logger of JSON lines `{"level":"info","time":"2026-01-31T12:00:00.000Z",…fields,"msg":"…"}`. Lines to
 * stderr are written in the background and flushed when the process exits and at every `fatal`. Values under
 * keys that hold credentials are replaced, see `cleanFields`. Throws CONFIG_INVALID for an unknown level.
 */
export function createLogger(options: LoggerOptions): Logger {
  if (!LOG_LEVELS.some((level) => level === options.level)) {
    throw new ModgateError('CONFIG_INVALID', `unknown log level ${JSON.stringify(options.level)}`, {
      next: `use one of ${LOG_LEVELS.join(', ')}`,
    });
  }
  const tty = options.destination === undefined ? isatty(STDERR) : options.destination.isTTY === true;
  const pieces = options.shared === true ? { maxWrite: ONE_PIECE } : {};
  const out =
    options.destination ?? destination({ dest: STDERR, sync: false, maxLength: MAX_WAITING, ...pieces });
  const pretty = options.format === 'pretty' || (options.format === 'auto' && tty);
  const color = tty && !(options.env ?? process.env).NO_COLOR;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: cleanFields },
      serializers: fieldSerializers,
    },
    pretty ? new PrettyWriter(out, color) : out,
  );
}

/**
 * Writes finished JSON lines to where a logger writes, for records so frequent that building them field by field
 * costs too much. The caller escapes, ends the line, and gives "level" and "time" as the logger does.
 * @returns undefined where the logger's level leaves `info` out
 */
export function lineWriter(logger: Logger): ((line: string) => void) | undefined {
  if (!logger.isLevelEnabled('info')) return undefined;
  // pino types its own symbols as unknown properties; the stream is what createLogger gave it.
  const { [symbols.streamSym]: stream } = logger as unknown as Record<symbol, LogDestination>;
  if (stream === undefined) throw new ModgateError('INTERNAL', 'the logger has no stream');
  return (line) => stream.write(line);
}
