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
  /** UNSWEPT | UNTOLD: asked for since the last sweep for room, since the last one for uses */
  marks: number;
}

const UNSWEPT = 1;
const UNTOLD = 2;

/** versions that left between two calls of takeUsed(); what is beyond counts as not used */
const MAX_LEFT = 20_000;

/** bytes that an entry costs beside its bodies, as measured */
const OVERHEAD = 1500;

/**
 * Answers in memory, by URL, within a bound of bytes. Second chance: whatever was asked for since the last sweep stays,
 * so that a hit writes one flag and moves nothing.
 */
export class HotCache {
  readonly #slots = new Map<string, Slot>();
  readonly #limit: number;
  /** used, and gone before anybody was told */
  readonly #left: ModuleVersion[] = [];
  #weight = 0;

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

  get(url: string): HotEntry | undefined {
    const slot = this.#slots.get(url);
    if (slot === undefined) return undefined;
    slot.marks = UNSWEPT | UNTOLD;
    return slot.entry;
  }

  set(url: string, entry: HotEntry): void {
    this.delete(url);
    const weight = OVERHEAD + url.length + entry.plain.body.length * 2 + (entry.gzip?.body.length ?? 0) * 2;
    // One file must not push out everything else.
    if (weight > this.#limit / 8) return;
    this.#slots.set(url, { entry, weight, marks: 0 });
    this.#weight += weight;
    this.#shrink();
  }

  clear(): void {
    this.#slots.clear();
    this.#weight = 0;
  }

  delete(url: string): void {
    const slot = this.#slots.get(url);
    if (slot === undefined) return;
    this.#slots.delete(url);
    this.#weight -= slot.weight;
  }

  /** Versions that were asked for since the last call. */
  takeUsed(): ModuleVersion[] {
    const used = this.#left.splice(0);
    for (const slot of this.#slots.values()) {
      const { m } = slot.entry.about;
      if ((slot.marks & UNTOLD) === 0 || m === undefined) continue;
      slot.marks &= ~UNTOLD;
      used.push(m);
    }
    return used;
  }

  #leave({ marks, entry }: Slot): void {
    const { m } = entry.about;
    if ((marks & UNTOLD) !== 0 && m !== undefined && this.#left.length < MAX_LEFT) this.#left.push(m);
  }

  #shrink(): void {
    if (this.#weight <= this.#limit) return;
    // Each slot is met at most twice: once to take its flag away, once to take it out.
    for (const [url, slot] of this.#slots) {
      this.#slots.delete(url);
      if ((slot.marks & UNSWEPT) !== 0) {
        slot.marks &= ~UNSWEPT;
        this.#slots.set(url, slot);
      } else {
        this.#weight -= slot.weight;
        this.#leave(slot);
      }
      if (this.#weight <= this.#limit) return;
    }
  }
}
