/** The nouns of the benchmark: a row has measures; its contenders are measured side by side, round by round. */

export type Unit = 'req/s' | 's' | 'ms' | 'µs' | 'ms/GB' | 'MB' | 'MB/s' | 'requests';

/** What is aimed at: a bound on modgate's own value, or on its ratio to the contender beside it. */
export interface Aim {
  readonly of: 'value' | 'ratio';
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
}

export interface Measure {
  /** its name in a Sample */
  readonly key: string;
  readonly title: string;
  readonly unit: Unit;
  readonly aim?: Aim;
}

/** One contender's values of one round, by the measure's key. A measure that it does not have is left out. */
export type Sample = Readonly<Record<string, number>>;

export interface Contender {
  readonly name: string;
  round(): Promise<Sample>;
}

export interface Row {
  /** for --only */
  readonly name: string;
  readonly title: string;
  /** unless --rounds says otherwise */
  readonly rounds: number;
  readonly measures: readonly Measure[];
  /**
   * Starts what the row needs; the scope ends it.
   * @returns modgate first, then what it is compared with, then any others, for orientation
   * @throws LeftOut where this machine cannot measure the row
   */
  contenders(bench: Bench, scope: Scope): Promise<readonly Contender[]>;
}

/** Why a row is not measured on this machine; not a failure. */
export class LeftOut extends Error {}

/** Ends what was started, in reverse order. */
export class Scope {
  readonly #endings: (() => Promise<void> | void)[] = [];

  defer(end: () => Promise<void> | void): void {
    this.#endings.push(end);
  }

  async close(): Promise<void> {
    for (let end = this.#endings.pop(); end !== undefined; end = this.#endings.pop()) await end();
  }
}

/** What all rows of a run share. */
export class Bench {
  /** removed at the end of the run */
  readonly folder: string;
  /** short loads, for a look rather than for figures */
  readonly quick: boolean;
  readonly scope = new Scope();
  readonly #shared = new Map<string, Promise<unknown>>();

  constructor(folder: string, quick: boolean) {
    this.folder = folder;
    this.quick = quick;
  }

  /** Seconds of load of one contender in one round. */
  get seconds(): number {
    return this.quick ? 1 : 2;
  }

  /** Made by the first row that needs it, and then the same for all. */
  shared<T>(name: string, make: () => Promise<T>): Promise<T> {
    const made = this.#shared.get(name) ?? make();
    this.#shared.set(name, made);
    // Under one name there is one kind of thing: each name is used by one function only.
    return made as Promise<T>;
  }
}
