/**
 * npm run soak -- --minutes N [--seed N] [--clients N] [--cache SIZE]: the real program over a faulty upstream, both killed again and
 * again, under clients that compare every answer. Memory and descriptors must stay flat. Exit 1 where anything is wrong.
 */
import { parseArgs } from 'node:util';
import { parseSize } from '../../src/config/index.ts';
import { readArguments, wholeNumber } from '../kit/arguments.ts';
import { SOURCE, sourceSettings } from '../kit/gateway.ts';
import { Go } from '../kit/go.ts';
import { Modgate } from '../kit/modgate.ts';
import { Random } from '../kit/random.ts';
import { until } from '../kit/wait.ts';
import { aftermath } from './aftermath.ts';
import { hangUp } from './asking.ts';
import { Gauge } from './gauge.ts';
import { download } from './go-clients.ts';
import { Source } from './source.ts';
import { type Server, Traffic } from './traffic.ts';
import { World } from './world.ts';

/** ms */
const SECOND = 1000;
const REPORT = 10 * SECOND;
/** ms between two requests of one client, at most */
const PAUSE = 40;
/** Shares of the whole time: the server is killed before `steady` and after `last`; in between one process is measured. */
const PHASES = { steady: 0.25, last: 0.92, quiet: 0.97 };

interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly clients: number;
  readonly cache: string;
}

class Soak {
  readonly #minutes: number;
  readonly #clients: number;
  readonly #cache: string;
  readonly #seed: number;
  readonly #random: Random;
  readonly #world: World;
  readonly #source: Source;
  readonly #gauge = new Gauge();
  readonly #go = new Go();
  readonly #traffic: Traffic;
  readonly #start = Date.now();
  #modgate: Modgate | undefined;
  #life = 0;
  #up = true;
  #over = false;
  #kills = { server: 0, upstream: 0 };
  /** of the long life in the middle, whose samples go when it ends */
  #flat: ReturnType<Gauge['flatness']>;

  constructor({ minutes, seed, clients, cache }: SoakOptions) {
    this.#cache = cache;
    this.#minutes = minutes;
    this.#seed = seed;
    this.#clients = clients;
    this.#random = new Random(seed);
    this.#world = new World(seed);
    this.#source = new Source(seed);
    this.#traffic = new Traffic(this.#world, this.#random, () => this.#server());
  }

  /** True where nothing was wrong. */
  async run(): Promise<boolean> {
    print(`soak: ${this.#minutes} min, ${this.#clients} clients, --seed ${this.#seed}`);
    await this.#source.start();
    const modgate = await Modgate.start({ config: configOf(this.#source.url, this.#cache) });
    this.#modgate = modgate;
    try {
      const reports = setInterval(() => this.#report(), REPORT);
      const samples = setInterval(() => this.#gauge.sample(modgate.pid), SECOND);
      await Promise.all([
        this.#break(modgate),
        this.#download(),
        ...Array.from({ length: this.#clients }, () => this.#client()),
      ]);
      clearInterval(reports);
      clearInterval(samples);
      await this.#end(modgate);
      return this.#sum();
    } finally {
      hangUp();
      this.#go.remove();
      await this.#source.kill9();
      await modgate.remove();
    }
  }

  #server(): Server {
    return { url: this.#modgate?.url ?? '', life: this.#life, up: this.#up };
  }

  /** 0..1 of the whole time */
  #done(): number {
    return (Date.now() - this.#start) / (this.#minutes * 60 * SECOND);
  }

  async #client(): Promise<void> {
    while (!this.#over && this.#traffic.faults.length === 0) {
      if (this.#up) await this.#traffic.one();
      await pause(this.#random.below(PAUSE));
    }
  }

  async #download(): Promise<void> {
    while (!this.#over && this.#traffic.faults.length === 0) {
      await download(this.#go, this.#traffic, this.#world, () => this.#server());
      await pause(5 * SECOND);
    }
  }

  /** Breaks and mends both sides until the time is over or a fault was found. */
  async #break(modgate: Modgate): Promise<void> {
    let tick = 0;
    for (; this.#done() < PHASES.quiet && this.#traffic.faults.length === 0; tick++) {
      this.#source.breaks(this.#random.pick([0, 0.02, 0.1, 0.3]));
      const done = this.#done();
      if (done < PHASES.steady || done > PHASES.last) await this.#killServer(modgate, tick % 4 === 3);
      await pause(this.#random.below(5 * SECOND));
      if (tick % 2 === 0) await this.#killSource();
    }
    this.#source.breaks(0);
    while (this.#done() < 1 && this.#traffic.faults.length === 0) await pause(SECOND);
    this.#over = true;
  }

  async #killServer(modgate: Modgate, gently: boolean): Promise<void> {
    this.#life++;
    this.#up = false;
    if (gently) await modgate.stop();
    else await modgate.kill9();
    this.#keepFlatness();
    await modgate.restart();
    this.#gauge.restart();
    this.#up = true;
    this.#kills.server++;
  }

  async #killSource(): Promise<void> {
    await this.#source.kill9();
    await pause(this.#random.below(SECOND));
    await this.#source.start();
    this.#kills.upstream++;
  }

  #keepFlatness(): void {
    this.#flat ??= this.#done() > PHASES.last ? this.#gauge.flatness() : undefined;
  }

  #report(): void {
    const { rss = 0, descriptors = 0 } = this.#gauge.last ?? {};
    const { server, upstream } = this.#kills;
    const t = this.#traffic;
    print(
      `${seconds(Date.now() - this.#start)}  hits ${t.sum('hit ok')}  misses ${t.sum('miss ok')}  all ${t.sum('')}  ` +
        `versions ${t.versions}  kills ${server}+${upstream}  rss ${mib(rss)}  fds ${descriptors}  wrong ${t.faults.length}`,
    );
  }

  async #end(modgate: Modgate): Promise<void> {
    this.#keepFlatness();
    if (this.#traffic.faults.length > 0) return;
    await until(() => (modgate.files('tmp').length === 0 ? true : undefined), 'tmp to be empty');
    const code = await modgate.stop();
    if (code !== 0) this.#traffic.fault(`modgate ended with ${code} at SIGTERM`);
    const { files, faults } = aftermath(modgate, this.#world);
    print(`stored: ${files} files, ${faults.length} wrong`);
    for (const fault of faults.slice(0, 20)) this.#traffic.fault(`store: ${fault}`);
    this.#enough();
  }

  /** A soak in which nothing happened shows nothing. */
  #enough(): void {
    for (const what of ['hit ok', 'miss ok', 'list ok', 'range ok', 'leave left'])
      if (this.#traffic.sum(what) < 20) this.#traffic.fault(`too few of "${what}": the soak shows nothing`);
    for (const { what, early, late, bound } of this.#flat ?? []) {
      const shown = what === 'rss' ? mib : String;
      print(
        `${what}: ${shown(early)} in the second quarter, ${shown(late)} in the last, may be ${shown(bound)}`,
      );
      if (late > bound) this.#traffic.fault(`${what} grows: from ${shown(early)} to ${shown(late)}`);
    }
    if (this.#flat === undefined)
      print('memory and descriptors: not judged, the time was too short or there is no /proc');
  }

  #sum(): boolean {
    const { faults, counts } = this.#traffic;
    const lines = [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, n]) => `  ${key.padEnd(24)}${n}`);
    print(`${lines.join('\n')}\nkilled: server ${this.#kills.server}, upstream ${this.#kills.upstream}`);
    for (const fault of faults) print(`WRONG ${fault}`);
    print(faults.length === 0 ? 'soak passed' : `soak FAILED, --seed ${this.#seed}`);
    return faults.length === 0;
  }
}

/** Short times, so that much happens. @param memory of cache.memory */
function configOf(url: string, memory: string) {
  return {
    chain: SOURCE,
    sources: {
      [SOURCE]: {
        ...sourceSettings(url),
        timeouts: { connect: '2s', first_byte: '1s', idle: '1s', total: '10s' },
        breaker: { failures: 5, open: '500ms' },
      },
    },
    sumdb: [],
    cache: { fresh: '2s', negative: '1s', memory },
    limits: { patience: '20s' },
    log: { level: 'info', access: false },
    shutdown: '10s',
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / SECOND)} s`.padStart(6);
}

const USAGE = `npm run soak -- [--minutes N] [--seed N] [--clients N] [--cache SIZE]
`;

function readOptions(): SoakOptions {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '2' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      clients: { type: 'string', default: '16' },
      // Small, so that it is full before memory is measured.
      cache: { type: 'string', default: '8MiB' },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes < Infinity))
    throw new Error(`--minutes ${values.minutes}: a number above 0 is needed`);
  if (parseSize(values.cache) === undefined)
    throw new Error(`--cache ${values.cache}: a size as 8MiB is needed`);
  return {
    minutes,
    seed: wholeNumber('--seed', values.seed, 0),
    clients: wholeNumber('--clients', values.clients, 1),
    cache: values.cache,
  };
}

const soak = new Soak(readArguments(USAGE, readOptions));
process.exitCode = (await soak.run()) ? 0 : 1;
