import type { OutgoingHttpHeader } from 'node:http';
import type { ModuleVersion } from '../module/index.ts';
import type { HitTally } from './access.ts';
import type { Validators } from './conditional.ts';

/** One body with its headers, ready to be written: [name, value, …]. */
export interface Variant {
  readonly headers: OutgoingHttpHeader[];
  readonly body: Buffer;
  /** status line and headers, and the body as latin1, so that all leave in one write; undefined for a larger body */
  readonly flat: { readonly head: string; readonly text: string } | undefined;
}

/** An answer that is held in memory under the very URL that it was asked by. */
export interface HotEntry {
  readonly validators: Validators;
  readonly plain: Variant;
  /** undefined where compression does not pay */
  readonly gzip: Variant | undefined;
  /** ms, monotonic; Infinity: it never changes */
  readonly until: number;
  readonly about: HotAbout;
  /** counts and records a hit without looking anything up */
  readonly tally: HitTally;
}

export interface HotAbout {
  /** undefined for what is no file of a version */
  readonly m?: ModuleVersion | undefined;
  readonly route: string;
  readonly module: string;
  readonly cache: string;
}

interface Slot {
  readonly entry: HotEntry;
  readonly weight: number;
  /** asked for since the last sweep for room */
  wanted: boolean;
  /** ms, monotonic; when it was last asked for since the last call of takeUsed(), otherwise NEVER */
  used: number;
}

const NEVER = -1;

/** A version that was asked for, and when last: ms, monotonic. */
export interface HotUse {
  readonly m: ModuleVersion;
  readonly at: number;
}

/** versions that left between two calls of takeUsed(); what is beyond counts as not used */
const MAX_LEFT = 20_000;

/** bytes that an entry costs beside its bodies, as measured */
const OVERHEAD = 1500;

/**
 * Answers in memory, by URL, within a bound of bytes. Second chance: whatever was asked for since the last sweep stays,
 * so that a hit writes a flag and a time, and moves nothing.
 */
export class HotCache {
  readonly #slots = new Map<string, Slot>();
  readonly #limit: number;
  /** used, and gone before anybody was told */
  readonly #left: HotUse[] = [];
  #weight = 0;
  #generation = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#weight;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Another one after each clear(): what was read from the store before it may be gone from there. */
  get generation(): number {
    return this.#generation;
  }

  /** @param now ms, monotonic */
  get(url: string, now: number): HotEntry | undefined {
    const slot = this.#slots.get(url);
    if (slot === undefined) return undefined;
    slot.wanted = true;
    slot.used = now;
    return slot.entry;
  }

  /** @param generation as it was before the answer was looked for */
  set(url: string, entry: HotEntry, generation = this.#generation): void {
    if (generation !== this.#generation) return;
    this.delete(url);
    const weight = OVERHEAD + url.length + entry.plain.body.length * 2 + (entry.gzip?.body.length ?? 0) * 2;
    // One file must not push out everything else.
    if (weight > this.#limit / 8) return;
    this.#slots.set(url, { entry, weight, wanted: false, used: NEVER });
    this.#weight += weight;
    this.#shrink();
  }

  clear(): void {
    this.#generation++;
    for (const slot of this.#slots.values()) this.#leave(slot);
    this.#slots.clear();
    this.#weight = 0;
  }

  delete(url: string): void {
    const slot = this.#slots.get(url);
    if (slot === undefined) return;
    this.#slots.delete(url);
    this.#weight -= slot.weight;
    this.#leave(slot);
  }

  /** Versions that were asked for since the last call. */
  takeUsed(): HotUse[] {
    const uses = this.#left.splice(0);
    for (const slot of this.#slots.values()) {
      const use = useOf(slot);
      slot.used = NEVER;
      if (use !== undefined) uses.push(use);
    }
    return uses;
  }

  #leave(slot: Slot): void {
    const use = useOf(slot);
    if (use !== undefined && this.#left.length < MAX_LEFT) this.#left.push(use);
  }

  #shrink(): void {
    if (this.#weight <= this.#limit) return;
    // Each slot is met at most twice: once to take its flag away, once to take it out.
    for (const [url, slot] of this.#slots) {
      this.#slots.delete(url);
      if (slot.wanted) {
        slot.wanted = false;
        this.#slots.set(url, slot);
      } else {
        this.#weight -= slot.weight;
        this.#leave(slot);
      }
      if (this.#weight <= this.#limit) return;
    }
  }
}

function useOf({ entry, used }: Slot): HotUse | undefined {
  const { m } = entry.about;
  return m === undefined || used === NEVER ? undefined : { m, at: used };
}
