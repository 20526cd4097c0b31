import {
  type Config,
  FileRecord,
  FileWatch,
  type Loaded,
  needsRestart,
  type ReadFile,
} from '../config/index.ts';
import { ModgateError, toModgateError } from '../errors/index.ts';
import type { PartState } from '../http/index.ts';
import type { CounterCell, GaugeCell, Logger, Metrics } from '../observe/index.ts';

/** What a configuration asks for, made and not yet in force. */
export interface Prepared {
  /** Cannot fail. */
  commit(): void;
  discard(): Promise<void>;
}

/** A configuration and the files that it was read from. */
export interface Reading {
  readonly loaded: Loaded;
  readonly record: FileRecord;
}

/** Reads the configuration as it stands on the disk now. Throws CONFIG_INVALID. */
export function readConfig(load: (read: ReadFile) => Loaded, record = new FileRecord()): Reading {
  return { loaded: load(record.read), record };
}

export interface ReloaderDeps {
  readonly load: (read: ReadFile) => Loaded;
  /** Throws where it cannot be put into force; nothing has changed then. */
  readonly prepare: (reading: Reading) => Prepared | Promise<Prepared>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** called after each attempt */
  readonly tried?: (state: PartState) => void;
  /** ms between two looks at the files; for tests */
  readonly every?: number;
}

/**
 * Puts a configuration into force while the gateway runs, all or nothing: on SIGHUP, and when a file changes that it
 * was read from. What is refused is told in the log, the metrics and /readyz until another attempt succeeds.
 */
export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #watch: FileWatch;
  readonly #failures: CounterCell;
  readonly #successful: GaugeCell;
  readonly #when: GaugeCell;
  #reading: Reading;
  #fault: ModgateError | undefined;
  #running: Promise<void> = Promise.resolve();
  /** an attempt that has not begun yet, which stands for all who ask meanwhile */
  #next: Promise<void> | undefined;
  #closed = false;
  #busy = false;

  constructor(reading: Reading, deps: ReloaderDeps) {
    this.#deps = deps;
    this.#reading = reading;
    const { metrics } = deps;
    this.#failures = metrics
      .counter(
        'modgate_config_reload_failures_total',
        'Configurations that were refused while the gateway ran.',
      )
      .with();
    this.#successful = metrics
      .gauge('modgate_config_last_reload_successful', 'Whether the newest configuration is in force: 1 or 0.')
      .with();
    this.#when = metrics
      .gauge(
        'modgate_config_last_reload_success_timestamp_seconds',
        'When the configuration in force was read, in seconds since the epoch.',
      )
      .with();
    this.#took();
    this.#watch = new FileWatch(() => void this.reload('a file has changed'), deps.every);
    this.#watch.watch(reading.record.states);
  }

  /** The one in force. */
  get reading(): Reading {
    return this.#reading;
  }

  /** Whether an attempt is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Resolves when no attempt is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** For /readyz: what is in force serves, so a refused configuration degrades the gateway and does not take it out. */
  get state(): PartState {
    const fault = this.#fault;
    if (fault === undefined) return { name: 'configuration', ok: true, detail: 'in force' };
    const [first = ''] = fault.message.split('\n');
    return {
      name: 'configuration',
      ok: false,
      detail: 'an older one is in force; the log says why',
      inside: first,
    };
  }

  /** Never rejects. @param why for the log */
  reload(why: string): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#closed ? Promise.resolve() : this.#try(why);
      return this.#running;
    });
    return this.#next;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#running;
  }

  async #try(why: string): Promise<void> {
    const { load, prepare, logger, tried } = this.#deps;
    const record = new FileRecord();
    this.#busy = true;
    try {
      const reading = readConfig(load, record);
      refuseLost(this.#reading.loaded.file, reading.loaded.file);
      refuseFixed(this.#reading.loaded.config, reading.loaded.config);
      const prepared = await prepare(reading);
      this.#reading = reading;
      prepared.commit();
      this.#fault = undefined;
      this.#took();
      for (const warning of reading.loaded.warnings) logger.warn(warning);
      logger.info({ why, file: reading.loaded.file }, 'the configuration was read again and is in force');
    } catch (thrown) {
      this.#refuse(why, toModgateError(thrown));
    }
    this.#busy = false;
    this.#watch.watch(record.states);
    tried?.(this.state);
  }

  #took(): void {
    this.#successful.set(1);
    this.#when.set(Date.now() / 1000);
  }

  #refuse(why: string, error: ModgateError): void {
    this.#fault = error;
    this.#failures.inc();
    this.#successful.set(0);
    const faults = error.message.split('\n');
    const cause = error.code === 'CONFIG_INVALID' ? undefined : error;
    this.#deps.logger.error(
      { why, faults, next: error.next, ...(cause === undefined ? {} : { err: cause }) },
      'the configuration was refused; the old one stays in force',
    );
  }
}

function refuseFixed(old: Config, next: Config): void {
  const keys = needsRestart(old, next);
  if (keys.length === 0) return;
  throw new ModgateError('CONFIG_INVALID', `a running gateway cannot change ${keys.join(', ')}`, {
    next: 'restart the gateway, or take the change back; nothing else of the file is in force until then',
  });
}

/** A modgate.yaml of the working directory that is gone is a loss and no wish for the defaults, which ask the world. */
function refuseLost(old: string | undefined, next: string | undefined): void {
  if (old === undefined || old === next) return;
  throw new ModgateError('CONFIG_INVALID', `${old}: no such file`, {
    next: 'put the file back; to go without it, restart the gateway',
  });
}
