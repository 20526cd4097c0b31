import { rmdirSync, rmSync } from 'node:fs';
import { FileRecord, type Loaded, type ReadFile } from '../config/index.ts';
import { errorData, ModgateError } from '../errors/index.ts';
import { type PartState, Relay } from '../http/index.ts';
import { createLogger, exposition, Metrics, type Snapshot } from '../observe/index.ts';
import { App } from './app.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import type { Prepared } from './reloader.ts';
import { socketIn } from './sockets.ts';
import { readBuild } from './version.ts';

/** ms between two snapshots of the metrics, without being asked: what a kill -9 may take with it */
const SNAPSHOT_EVERY = 2000;
/** ms that the supervisor may take for the metrics of all */
const ALL_PATIENCE = 5000;

type Begin = Extract<ToWorker, { kind: 'begin' }>;

/** One of several processes that serve. Ends when the supervisor says so, or is gone. */
export async function runWorker(load: (read: ReadFile) => Loaded): Promise<void> {
  // A signal from a terminal or a service manager reaches every process; what follows from it is the supervisor's.
  process.on('SIGHUP', () => undefined);
  const inbox = new Inbox();
  tell({ kind: 'hello' });
  try {
    const worker = await Worker.start(await inbox.begin, inbox, load);
    tell({ kind: 'serving', url: worker.url, adminUrl: worker.adminUrl });
  } catch (thrown) {
    await new Promise<void>((resolve) => tell({ kind: 'failed', error: errorData(thrown) }, resolve));
    process.exit(1);
  }
}

/** What the supervisor says. But for `begin` it waits until the worker is made; no message may get lost in between. */
class Inbox {
  readonly begin: Promise<Begin>;
  #begun = false;
  #early: ToWorker[] = [];
  #take: (message: ToWorker) => void = (message) => void this.#early.push(message);

  constructor() {
    this.begin = new Promise((resolve) => {
      process.on('message', (message: ToWorker) => {
        if (message.kind === 'begin') {
          this.#begun = true;
          resolve(message);
          // Before that there is nothing that could end in order.
        } else if (message.kind === 'stop' && !this.#begun) process.exit(0);
        else this.#take(message);
      });
    });
  }

  open(take: (message: ToWorker) => void): void {
    this.#take = take;
    for (const message of this.#early.splice(0)) take(message);
  }
}

class Worker {
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly #app: App;
  readonly #metrics: Metrics;
  readonly #load: (read: ReadFile) => Loaded;
  readonly #all: AllMetrics;
  #state: PartState;
  #prepared: Prepared | undefined;
  #stopping = false;

  static async start(begin: Begin, inbox: Inbox, load: (read: ReadFile) => Loaded): Promise<Worker> {
    const { index, workers, folder, texts } = begin;
    const { config } = load(FileRecord.replay(texts));
    const metrics = new Metrics();
    const relay = new Relay({ index, workers, metrics, socketOf: (other) => socketIn(folder, other) });
    const all = new AllMetrics();
    const socket = socketIn(folder, index);
    removeAtExit(folder, socket);
    let worker: Worker | undefined;
    const { listen } = config;
    const port =
      listen.kind === 'tcp' && listen.port === 0 ? { listen: { ...listen, port: begin.port } } : {};
    const app = await App.start(
      { ...config, ...port },
      {
        logger: createLogger({ ...config.log, shared: true }).child({ worker: index }),
        metrics,
        build: readBuild(),
        parts: () => [worker?.state ?? begin.state],
        expose: async () => exposition(await all.ask()),
        breakers: async () => breakersIn(await all.ask().catch(() => undefined)),
        relayed: { relay, socket },
        // One process is enough for it, and one address.
        admin: index === 0,
      },
    );
    const made = new Worker(begin, app, metrics, all, load);
    worker = made;
    inbox.open((message) => made.#take(message));
    return made;
  }

  private constructor(
    { state }: Begin,
    app: App,
    metrics: Metrics,
    all: AllMetrics,
    load: (read: ReadFile) => Loaded,
  ) {
    this.url = app.url;
    this.adminUrl = app.adminUrl;
    this.#app = app;
    this.#metrics = metrics;
    this.#all = all;
    this.#load = load;
    this.#state = state;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void this.#stop());
    setInterval(() => void this.#sendSnapshot(), SNAPSHOT_EVERY).unref();
  }

  get state(): PartState {
    return this.#state;
  }

  #take(message: ToWorker): void {
    switch (message.kind) {
      case 'begin':
        break;
      case 'prepare':
        this.#prepare(message.texts);
        break;
      case 'commit':
        this.#prepared?.commit();
        this.#prepared = undefined;
        break;
      case 'discard':
        void this.#prepared?.discard();
        this.#prepared = undefined;
        break;
      case 'state':
        this.#state = message.state;
        break;
      case 'snapshot':
        void this.#sendSnapshot();
        break;
      case 'merged':
        this.#all.answer(message.id, message.snapshot);
        break;
      case 'stop':
        void this.#stop();
    }
  }

  #prepare(texts: Extract<ToWorker, { kind: 'prepare' }>['texts']): void {
    try {
      this.#prepared = this.#app.prepare(this.#load(FileRecord.replay(texts)).config);
      tell({ kind: 'prepared', error: undefined });
    } catch (thrown) {
      tell({ kind: 'prepared', error: errorData(thrown) });
    }
  }

  async #sendSnapshot(): Promise<void> {
    const snapshot = await this.#metrics.snapshot();
    tell({ kind: 'snapshot', snapshot });
  }

  async #stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#app.close();
    const snapshot = await this.#metrics.snapshot();
    tell({ kind: 'snapshot', snapshot }, () => process.exit(0));
  }
}

/** Asks the supervisor for the metrics of all processes. */
class AllMetrics {
  readonly #waiting = new Map<number, (snapshot: Snapshot) => void>();
  #count = 0;

  ask(): Promise<Snapshot> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new ModgateError('OVERLOADED', 'the supervising process does not answer'));
      }, ALL_PATIENCE);
      this.#waiting.set(id, (snapshot) => {
        clearTimeout(late);
        resolve(snapshot);
      });
      tell({ kind: 'merged', id });
    });
  }

  answer(id: number, snapshot: Snapshot): void {
    this.#waiting.get(id)?.(snapshot);
    this.#waiting.delete(id);
  }
}

/** A source is as well as the worker thinks that has fared worst with it. */
function breakersIn(all: Snapshot | undefined): Map<string, number> {
  const samples = all?.families.find(({ name }) => name === 'modgate_upstream_breaker_state')?.samples ?? [];
  return new Map(samples.map(({ values, numbers }) => [values[0] ?? '', numbers[0] ?? 0]));
}

/** Without a supervisor there is nobody to tell, and this process is about to end. */
function tell(message: FromWorker, done: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, undefined, done);
  else done();
}

/** Also where the supervisor was killed; the folder goes with the last socket in it. */
function removeAtExit(folder: string, socket: string): void {
  process.on('exit', () => {
    rmSync(socket, { force: true });
    try {
      rmdirSync(folder);
    } catch {
      // Another worker's socket is in it.
    }
  });
}
