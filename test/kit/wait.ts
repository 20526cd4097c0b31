/** Waits for events with a bound; nothing here sleeps for a fixed time. */

/** ms; a bound, not a wait: generous, for two noisy cores */
export const PATIENCE = 15_000;

/** The same promise, that fails with what was waited for when the bound is over. */
export async function bounded<T>(promise: Promise<T>, what: string, ms = PATIENCE): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is not undefined; for states that have no event. */
export async function until<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  what: string,
  ms = PATIENCE,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
