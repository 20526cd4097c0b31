import type { ModuleVersion } from '../module/index.ts';
import type { Clock } from '../observe/index.ts';
import type { HotCache, HotUse } from './hot.ts';

/** versions between two sweeps; what is beyond counts as not used */
const MAX_USES = 100_000;

/** A version, and when it was used: s since the epoch. */
export interface Use extends ModuleVersion {
  readonly used: number;
}

/** Which versions were asked for since the last sweep. A hit from memory leaves a mark there and does nothing more. */
export class Uses {
  readonly #hot: HotCache;
  readonly #clock: Clock;
  readonly #noted = new Map<string, HotUse>();

  constructor(hot: HotCache, clock: Clock) {
    this.#hot = hot;
    this.#clock = clock;
  }

  /** For an answer that did not come from memory. */
  note(m: ModuleVersion): void {
    this.#note({ m, at: this.#clock.monotonic() });
  }

  take(): Use[] {
    for (const use of this.#hot.takeUsed()) this.#note(use);
    const start = this.#clock.now() - this.#clock.monotonic();
    const uses = [...this.#noted.values()].map(({ m: { path, version }, at }) => ({
      path,
      version,
      used: Math.floor((start + at) / 1000),
    }));
    this.#noted.clear();
    return uses;
  }

  /** The last use counts. */
  #note(use: HotUse): void {
    const name = `${use.m.path}@${use.m.version}`;
    const before = this.#noted.get(name);
    if (before === undefined ? this.#noted.size < MAX_USES : before.at < use.at) this.#noted.set(name, use);
  }
}
