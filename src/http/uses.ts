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
  #drops = 0;

  constructor(hot: HotCache, clock: Clock) {
    this.#hot = hot;
    this.#clock = clock;
  }

  /** For an answer that did not come from memory. */
  note(m: ModuleVersion): void {
    this.#note({ m, at: this.#clock.monotonic() });
  }

  /**
   * Hands over what was used since the last sweep. Where that fails, it is told again by the next one, but for what was
   * dropped meanwhile.
   */
  async sweep(keep: (uses: readonly Use[]) => Promise<void>): Promise<void> {
    for (const use of this.#hot.takeUsed()) this.#note(use);
    const taken = [...this.#noted.values()];
    this.#noted.clear();
    const drops = this.#drops;
    try {
      await keep(this.#dated(taken));
    } catch (error) {
      if (drops === this.#drops) for (const use of taken) this.#note(use);
      throw error;
    }
  }

  drop(): void {
    this.#hot.takeUsed();
    this.#noted.clear();
    this.#drops++;
  }

  #dated(uses: readonly HotUse[]): Use[] {
    const start = this.#clock.now() - this.#clock.monotonic();
    return uses.map(({ m: { path, version }, at }) => ({
      path,
      version,
      used: Math.floor((start + at) / 1000),
    }));
  }

  /** The last use counts. */
  #note(use: HotUse): void {
    const name = `${use.m.path}@${use.m.version}`;
    const before = this.#noted.get(name);
    if (before === undefined ? this.#noted.size < MAX_USES : before.at < use.at) this.#noted.set(name, use);
  }
}
