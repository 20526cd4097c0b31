/** Memory and descriptors of a process over its life, and whether they stay flat. */
import fs from 'node:fs';

interface Sample {
  /** bytes */
  readonly rss: number;
  readonly descriptors: number;
}

export interface Flatness {
  readonly what: string;
  readonly early: number;
  readonly late: number;
  /** that `late` may have at most */
  readonly bound: number;
}

/** Growth that is no leak: the collector's timing and the allocator's. Beside it, a share of what was there. */
const ROOM = { rss: 24 << 20, descriptors: 40 };
const SHARE = 1.15;
/** samples, below which a life says nothing */
const FEWEST = 16;

export class Gauge {
  #samples: Sample[] = [];

  get last(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /** Another process from now on. */
  restart(): void {
    this.#samples = [];
  }

  /** Linux only; elsewhere there is nothing to read. */
  sample(pid: number): void {
    try {
      const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
      const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      this.#samples.push({ rss: kib * 1024, descriptors: fs.readdirSync(`/proc/${pid}/fd`).length });
    } catch {
      // It has just been killed, or this system has no /proc.
    }
  }

  /** The medians of the second and the last quarter; undefined where the life was too short. */
  flatness(): Flatness[] | undefined {
    const quarter = Math.floor(this.#samples.length / 4);
    if (this.#samples.length < FEWEST) return undefined;
    const early = this.#samples.slice(quarter, 2 * quarter);
    const late = this.#samples.slice(-quarter);
    return (['rss', 'descriptors'] as const).map((what) => {
      const before = median(early.map((sample) => sample[what]));
      const after = median(late.map((sample) => sample[what]));
      return { what, early: before, late: after, bound: Math.ceil(before * SHARE + ROOM[what]) };
    });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
