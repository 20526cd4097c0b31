import type { Clock } from '../observe/index.ts';
import type { BreakerOptions } from './options.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** failure: the source is ill; success: it answered; neutral: the request says nothing about its health */
export type Verdict = 'success' | 'failure' | 'neutral';

/** The right to ask once; give it back with settle(). */
export interface Pass {
  /** counts the changes of state, so that a late result of an earlier state is told from a new one */
  readonly era: number;
}

/**
 * A circuit breaker as a pure state machine over a clock:
 *
 *     closed ── `failures` consecutive failures ──> open ── `open` ms ──> half-open, one probe at a time
 *       ^                                             ^                     │
 *       └───────── the probe succeeded ───────────────┴── it failed ────────┘
 *
 * The instance owns its state; a source has one.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #changed: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #era = 0;
  /** of failures that say something about the source as a whole */
  #failures = 0;
  /** what else failed since the last success: one sick subject does not make a sick source */
  readonly #sick = new Set<string>();
  /** monotonic ms */
  #openUntil = 0;
  #probe: Pass | undefined;
  #reason = '';

  /** @param changed called after each change of state */
  constructor(
    options: BreakerOptions,
    clock: Pick<Clock, 'monotonic'>,
    changed: (state: BreakerState) => void = () => {},
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#changed = changed;
  }

  get state(): BreakerState {
    this.#elapse();
    return this.#state;
  }

  /** Why it opened last; "" before that. */
  get reason(): string {
    return this.#reason;
  }

  /** Whole seconds until a probe may be sent, at least 1. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil((this.#openUntil - this.#clock.monotonic()) / 1000));
  }

  /** The right to ask once, undefined while the source is suspended. */
  enter(): Pass | undefined {
    this.#elapse();
    if (this.#state === 'open' || this.#probe !== undefined) return undefined;
    const pass: Pass = { era: this.#era };
    if (this.#state === 'half-open') this.#probe = pass;
    return pass;
  }

  /**
   * Gives a pass back. A result from before the last change of state changes nothing.
   * @param subject what the failure is about, where it may be about that alone: counted once until the next success
   */
  settle(pass: Pass, verdict: Verdict, reason = '', subject?: string): void {
    if (pass.era !== this.#era) return;
    if (this.#state === 'half-open') this.#settleProbe(pass, verdict, reason);
    else if (verdict === 'success') this.#forget();
    else if (verdict === 'failure') this.#fail(reason, subject);
  }

  #settleProbe(pass: Pass, verdict: Verdict, reason: string): void {
    if (this.#probe !== pass) return;
    this.#probe = undefined;
    if (verdict === 'success') this.#become('closed');
    else if (verdict === 'failure') this.#open(reason);
  }

  #fail(reason: string, subject: string | undefined): void {
    if (subject === undefined) this.#failures += 1;
    else this.#sick.add(subject);
    if (this.#failures + this.#sick.size >= this.#options.failures) this.#open(reason);
  }

  #forget(): void {
    this.#failures = 0;
    this.#sick.clear();
  }

  #open(reason: string): void {
    this.#reason = reason;
    this.#openUntil = this.#clock.monotonic() + this.#options.open;
    this.#become('open');
  }

  #elapse(): void {
    if (this.#state === 'open' && this.#clock.monotonic() >= this.#openUntil) this.#become('half-open');
  }

  #become(state: BreakerState): void {
    this.#state = state;
    this.#era += 1;
    this.#forget();
    this.#probe = undefined;
    this.#changed(state);
  }
}
