import { setMaxListeners } from 'node:events';
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { ModgateError, toModgateError } from '../errors/index.ts';
import {
  failureText,
  formatBytes,
  JsonLines,
  type Monitor,
  Monitors,
  Progress,
  Tally,
} from '../fill/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import type { FillFlags } from './fill-flags.ts';
import { type OpenGateway, openGateway } from './gateway.ts';
import { configFrom } from './options.ts';

const STDERR = 2;
interface Run {
  readonly opened: OpenGateway;
  readonly config: Config;
  readonly tally: Tally;
  /** aborted by Ctrl-C */
  readonly signal: AbortSignal;
}

/**
 * Opens the store, lets the work run, and tells what came of it. Exit code 1 where something failed, 130 after Ctrl-C;
 * what is complete stays stored either way.
 */
export async function runFill(
  command: Command,
  flags: FillFlags,
  checkers: number | undefined,
  work: (run: Run) => Promise<void>,
): Promise<void> {
  const { config, origins, warnings } = configFrom(command);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  // Each failure is told as such: the gateway's own log is for who asks for it.
  const level = origins.has('log/level') ? config.log.level : 'silent';
  const logger = createLogger({ ...config.log, level });
  const begun = performance.now();
  const progress = flags.quiet ? undefined : new Progress(process.stderr, isatty(STDERR));
  const shown: Monitor[] = [
    ...(progress ? [progress] : []),
    ...(flags.json ? [new JsonLines(process.stdout)] : []),
  ];
  const tally = new Tally(new Monitors(shown));
  const stop = stopAtSignal();
  let canceled = false;
  try {
    const opened = await openGateway(config, logger, new Metrics(), checkers);
    try {
      await work({ opened, config, tally, signal: stop.signal });
    } finally {
      await opened.close();
    }
  } catch (thrown) {
    const error = toModgateError(thrown);
    canceled = error.code === 'CANCELED';
    if (!canceled) throw error;
  } finally {
    stop.release();
    progress?.close();
    for (const failure of tally.failures) if (!flags.json) process.stderr.write(failureText(failure));
  }
  process.exitCode = canceled ? stop.exit : tally.counts.failed > 0 ? 1 : 0;
  tell(tally, Math.round(performance.now() - begun) / 1000, flags, canceled);
}

/** @param seconds that it took, to the ms */
function tell(
  { counts, bytes, codes }: Tally,
  seconds: number,
  { json, dryRun }: FillFlags,
  canceled: boolean,
): void {
  const { exitCode: exit } = process;
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ event: 'end', ...counts, codes: Object.fromEntries(codes), bytes, seconds, canceled, exit })}\n`,
    );
    return;
  }
  const parts = [
    dryRun ? planned(counts.planned) : `${counts.added} files added (${formatBytes(bytes)})`,
    `${counts.stored} stored before`,
    ...(counts.skipped > 0 ? [`${counts.skipped} left out`] : []),
    `${counts.failed} failed${codes.size === 0 ? '' : ` (${[...codes].map(([code, n]) => `${n} ${code}`).join(', ')})`}`,
  ];
  process.stdout.write(`${canceled ? 'stopped: ' : ''}${parts.join(', ')}, in ${seconds.toFixed(1)} s\n`);
}

/** What a dry run only counts may be refused by a real one. */
function planned(files: number): string {
  return `${files} files would be added${files === 0 ? '' : ' if they pass their checks'}`;
}

interface Stop {
  readonly signal: AbortSignal;
  /** exit code of the signal that came, as a shell has it */
  readonly exit: number;
  release(): void;
}

/** The first signal lets what is complete be stored; the second ends the process at once. */
function stopAtSignal(): Stop {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const codes = { SIGINT: 130, SIGTERM: 143 } as const;
  let exit = 130;
  const onSignal = (name: NodeJS.Signals) => {
    exit = name === 'SIGTERM' ? codes.SIGTERM : codes.SIGINT;
    if (controller.signal.aborted) process.exit(exit);
    controller.abort(new ModgateError('CANCELED', 'stopped by a signal'));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  return {
    signal: controller.signal,
    get exit() {
      return exit;
    },
    release: () => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    },
  };
}
