import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { errorOf, ModgateError } from '../errors/index.ts';
import { removeStale } from '../http/index.ts';
import { type Counter, type FamilySnapshot, type Logger, Metrics, type Snapshot } from '../observe/index.ts';
import { leftBehind, mergeSnapshots, type Part } from './merged-metrics.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { type Prepared, type Reading, Reloader } from './reloader.ts';
import type { Server, Serving } from './serving.ts';
import { freePort, makeSocketFolder, removeSocketFolder } from './sockets.ts';

/** ms; a worker that lived longer is replaced at once */
const STEADY = 60_000;
/** ms before a worker is replaced that did not live long, doubled each time */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 30_000;
/** ms that a worker may take to make what a configuration asks for */
const PREPARE_PATIENCE = 30_000;
/** ms that a worker may take for its metrics; beyond it its last ones stand in */
const SNAPSHOT_PATIENCE = 1000;
/** ms beyond the time for running answers, after which a worker that stops is killed */
const STOP_GRACE = 10_000;

/** The place of one worker, which one process after the other may have. */
interface Slot {
  readonly index: number;
  worker: ClusterWorker | undefined;
  /** it has its configuration, and hears of the next one */
  begun: boolean;
  serving: boolean;
  /** ms since the epoch */
  since: number;
  /** deaths in a row without a long life in between */
  deaths: number;
  restart: NodeJS.Timeout | undefined;
  snapshot: Snapshot | undefined;
  readonly snapshotWaiters: Set<() => void>;
  /** gives what a worker answers to `prepare`; undefined: it is gone */
  prepared: ((message: Extract<FromWorker, { kind: 'prepared' }> | undefined) => void) | undefined;
}

type Started = Extract<FromWorker, { kind: 'serving' }>;

/**
 * The first of several processes: starts the workers, replaces those that die, gives them their configuration, and
 * makes one page of all their metrics. It serves nothing itself.
 */
export class Supervisor implements Server {
  url = '';
  adminUrl: string | undefined;
  readonly reloader: Reloader;
  readonly #logger: Logger;
  readonly #metrics = new Metrics();
  readonly #folder: string;
  readonly #port: number;
  readonly #slots: Slot[];
  /** of workers that have ended */
  #left: FamilySnapshot[] = [];
  readonly #restarts: Counter;
  #stopping = false;

  static async start(this: void, reading: Reading, serving: Serving): Promise<Supervisor> {
    const { listen, data } = reading.loaded.config;
    const port = listen.kind === 'tcp' && listen.port === 0 ? await freePort(listen.host) : 0;
    // Once, before the workers share the new one: to each of them it would look like another program's.
    if (listen.kind === 'unix') await removeStale(listen.path);
    const supervisor = new Supervisor(reading, serving, makeSocketFolder(data), port);
    try {
      const [first] = await supervisor.#startAll();
      supervisor.url = first?.url ?? '';
      supervisor.adminUrl = first?.adminUrl;
    } catch (thrown) {
      supervisor.kill();
      throw thrown;
    }
    return supervisor;
  }

  private constructor(reading: Reading, { load, logger }: Serving, folder: string, port: number) {
    this.#logger = logger;
    this.#folder = folder;
    this.#port = port;
    this.#slots = Array.from({ length: reading.loaded.config.workers }, (_, index) => emptySlot(index));
    this.#metrics.gauge('modgate_workers', 'Processes that serve.', [], (gauge) =>
      gauge.with().set(this.#slots.filter(({ serving }) => serving).length),
    );
    this.#restarts = this.#metrics.counter(
      'modgate_worker_restarts_total',
      'Workers that ended by themselves or were killed, and were replaced.',
    );
    // The workers accept by themselves: no connection goes through this process, or is lost with a worker that dies.
    // It counts only before setupPrimary, which takes it over for good.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    // The program by its own URL: what the process was started with may be another build's by now.
    const exec = fileURLToPath(new URL('./main.js', import.meta.url));
    cluster.setupPrimary({ exec, serialization: 'advanced' });
    this.reloader = new Reloader(reading, {
      load,
      logger,
      metrics: this.#metrics,
      prepare: (next) => this.#prepare(next),
      tried: (state) => this.#sendAll({ kind: 'state', state }),
    });
    process.on('exit', () => removeSocketFolder(folder));
  }

  /** Lets running answers end within the time that the configuration gives. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.reloader.close();
    const { shutdown } = this.reloader.reading.loaded.config;
    const late = setTimeout(() => this.kill(), shutdown + STOP_GRACE).unref();
    await Promise.all(
      this.#slots.map(async ({ worker, restart }) => {
        clearTimeout(restart);
        if (worker !== undefined) await this.#end(worker);
      }),
    );
    clearTimeout(late);
  }

  /** At once. */
  kill(): void {
    this.#stopping = true;
    for (const { worker, restart } of this.#slots) {
      clearTimeout(restart);
      worker?.process.kill('SIGKILL');
    }
  }

  #end(worker: ClusterWorker): Promise<void> {
    return new Promise((resolve) => {
      worker.once('exit', () => resolve());
      send(worker, { kind: 'stop' });
    });
  }

  /** The first start: whatever keeps a worker from serving keeps the gateway from it. */
  async #startAll(): Promise<Started[]> {
    return await Promise.all(
      this.#slots.map(
        (slot) =>
          new Promise<Started>((resolve, reject) => {
            const worker = this.#spawn(slot);
            worker.on('message', (message: FromWorker) => {
              if (message.kind === 'serving') resolve(message);
              if (message.kind === 'failed') reject(errorOf(message.error));
            });
            worker.once('exit', (code: number | null, signal: string | null) =>
              reject(endedEarly(code, signal)),
            );
          }),
      ),
    );
  }

  #spawn(slot: Slot): ClusterWorker {
    const worker = cluster.fork();
    Object.assign(slot, { worker, begun: false, serving: false, since: Date.now(), snapshot: undefined });
    worker.on('message', (message: FromWorker) => this.#take(slot, worker, message));
    worker.once('exit', (code: number | null, signal: string | null) => this.#ended(slot, code, signal));
    // A worker that dies while it is told something; its exit says the rest.
    worker.on('error', (err) => this.#logger.debug({ worker: slot.index, err }, 'cannot tell a worker'));
    return worker;
  }

  #take(slot: Slot, worker: ClusterWorker, message: FromWorker): void {
    switch (message.kind) {
      case 'hello':
        void this.#begin(slot, worker);
        break;
      case 'serving':
        slot.serving = true;
        this.#logger.info({ worker: slot.index, pid: worker.process.pid }, 'a worker serves');
        break;
      case 'failed':
        // At the first start the command itself ends with it.
        if (this.url !== '')
          this.#logger.error({ worker: slot.index, err: errorOf(message.error) }, 'a worker cannot serve');
        break;
      case 'prepared':
        slot.prepared?.(message);
        break;
      case 'snapshot':
        slot.snapshot = message.snapshot;
        for (const told of slot.snapshotWaiters) told();
        break;
      case 'merged':
        void this.#merged().then((all) => send(worker, { kind: 'merged', id: message.id, snapshot: all }));
    }
  }

  /** Not in the middle of a reload: what it is given then would be neither the old nor the new for certain. */
  async #begin(slot: Slot, worker: ClusterWorker): Promise<void> {
    while (this.reloader.busy) await this.reloader.settled();
    // One that has been told so before it said hello has not heard it.
    if (this.#stopping) return send(worker, { kind: 'stop' });
    slot.begun = true;
    send(worker, {
      kind: 'begin',
      index: slot.index,
      workers: this.#slots.length,
      folder: this.#folder,
      port: this.#port,
      texts: this.reloader.reading.record.texts,
      state: this.reloader.state,
    });
  }

  #ended(slot: Slot, code: number | null, signal: string | null): void {
    if (slot.snapshot !== undefined) this.#left = leftBehind(this.#left, slot.snapshot);
    const wasServing = slot.serving;
    Object.assign(slot, { worker: undefined, begun: false, serving: false, snapshot: undefined });
    for (const told of slot.snapshotWaiters) told();
    slot.prepared?.(undefined);
    if (this.#stopping || (this.url === '' && !wasServing)) return;
    slot.deaths = Date.now() - slot.since > STEADY ? 0 : slot.deaths + 1;
    const pause = slot.deaths === 0 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (slot.deaths - 1));
    this.#logger.warn(
      { worker: slot.index, code, signal, ms: pause },
      'a worker ended; another takes its place',
    );
    this.#restarts.with().inc();
    slot.restart = setTimeout(() => {
      if (!this.#stopping) this.#spawn(slot);
    }, pause);
  }

  /** All workers, or none: each makes it and says so before any puts it into force. */
  async #prepare({ record }: Reading): Promise<Prepared> {
    const asked = this.#slots.flatMap((slot) =>
      slot.worker !== undefined && slot.begun ? [{ slot, worker: slot.worker }] : [],
    );
    const tellAll = (message: ToWorker) => {
      for (const { worker } of asked) send(worker, message);
    };
    // All are waited for: a late answer must not be taken for one to the next attempt.
    const answers = await Promise.allSettled(
      asked.map(({ slot, worker }) => prepareOn(slot, worker, record.texts)),
    );
    const refused = answers.find((answer) => answer.status === 'rejected');
    if (refused !== undefined) {
      tellAll({ kind: 'discard' });
      throw refused.reason;
    }
    return {
      commit: () => {
        this.#logger.level = this.reloader.reading.loaded.config.log.level;
        tellAll({ kind: 'commit' });
      },
      discard: async () => tellAll({ kind: 'discard' }),
    };
  }

  #sendAll(message: ToWorker): void {
    for (const { worker } of this.#slots) if (worker !== undefined) send(worker, message);
  }

  async #merged(): Promise<Snapshot> {
    const parts = await Promise.all(this.#slots.map((slot) => freshSnapshot(slot)));
    const own: Part = { worker: 'supervisor', snapshot: await this.#metrics.snapshot() };
    const left: Part = { worker: '', snapshot: { families: this.#left, process: [] } };
    return mergeSnapshots([own, ...parts.flatMap((part) => part ?? []), left]);
  }
}

function emptySlot(index: number): Slot {
  return {
    index,
    worker: undefined,
    begun: false,
    serving: false,
    since: 0,
    deaths: 0,
    restart: undefined,
    snapshot: undefined,
    snapshotWaiters: new Set(),
    prepared: undefined,
  };
}

/** A worker that has ended cannot be told anything, and need not be. */
function send(worker: ClusterWorker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

/** Undefined where the slot is empty, or its worker has never told anything. */
async function freshSnapshot(slot: Slot): Promise<Part | undefined> {
  const { worker } = slot;
  if (worker !== undefined && slot.serving) {
    await new Promise<void>((resolve) => {
      const told = () => {
        clearTimeout(late);
        slot.snapshotWaiters.delete(told);
        resolve();
      };
      const late = setTimeout(told, SNAPSHOT_PATIENCE);
      slot.snapshotWaiters.add(told);
      send(worker, { kind: 'snapshot' });
    });
  }
  return slot.snapshot === undefined ? undefined : { worker: String(slot.index), snapshot: slot.snapshot };
}

/** Throws what the worker says. One that ends meanwhile is no obstacle: its successor begins with what is in force. */
async function prepareOn(
  slot: Slot,
  worker: ClusterWorker,
  texts: Reading['record']['texts'],
): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  const answer = await new Promise<Extract<FromWorker, { kind: 'prepared' }> | undefined>(
    (resolve, reject) => {
      late = setTimeout(() => reject(tooSlow(slot.index)), PREPARE_PATIENCE);
      slot.prepared = resolve;
      send(worker, { kind: 'prepare', texts });
    },
  ).finally(() => {
    clearTimeout(late);
    slot.prepared = undefined;
  });
  if (answer?.error !== undefined) throw errorOf(answer.error);
}

function tooSlow(index: number): ModgateError {
  return new ModgateError('OVERLOADED', `worker ${index} did not take the configuration in time`, {
    next: 'send SIGHUP to try again',
  });
}

function endedEarly(code: number | null, signal: string | null): ModgateError {
  return new ModgateError('INTERNAL', `a worker ended with ${signal ?? code} before it served`);
}
