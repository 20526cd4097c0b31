import type { ModuleVersion } from '../module/index.ts';
import type { HotCache } from './hot.ts';

/** versions between two sweeps; what is beyond counts as not used */
const MAX_USES = 100_000;

/** A version, and when it was used: s since the epoch. */
export interface Use extends ModuleVersion {
  readonly used: number;
}

/** Which versions were asked for since the last sweep. A hit from memory leaves a mark there and does nothing more. */
export class Uses {
  readonly #hot: HotCache;
  readonly #noted = new Map<string, ModuleVersion>();

  constructor(hot: HotCache) {
    this.#hot = hot;
  }

  /** For an answer that did not come from memory. */
  note(m: ModuleVersion): void {
    if (this.#noted.size < MAX_USES) this.#noted.set(`${m.path}@${m.version}`, m);
  }

  take(): Use[] {
    for (const m of this.#hot.takeUsed()) this.note(m);
    const used = Math.floor(Date.now() / 1000);
    const uses = [...this.#noted.values()].map(({ path, version }) => ({ path, version, used }));
    this.#noted.clear();
    return uses;
  }
}
