/** Time as the rooms read it, so that a test can put another clock in its place. */
export interface Clock {
  /** ms since the epoch; may jump when the machine's clock is set */
  now(): number;
  /** ms since some moment of the process; never goes back, so durations are measured with it */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
