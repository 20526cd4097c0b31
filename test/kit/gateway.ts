/** A modgate in front of a fresh upstream, with limits short enough for tests. */
import { Modgate, type Piece, type Settings } from './modgate.ts';
import type { Ending } from './scope.ts';
import { Upstream } from './upstream.ts';

/** The source's name: every text about its failures must name it. */
export const SOURCE = 'corp-upstream';

export interface Pair {
  readonly upstream: Upstream;
  readonly modgate: Modgate;
  close(): Promise<void>;
}

export interface PairOptions {
  /** merged over the configuration below, section by section */
  readonly config?: Readonly<Record<string, Piece>>;
  /** merged over the one source's settings */
  readonly source?: Readonly<Record<string, Piece>>;
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly upstream?: Upstream;
}

/** Long enough for a machine under load; a test of a time limit sets HASTY. */
const PATIENT = { connect: '10s', first_byte: '15s', idle: '15s', total: '60s' };
/** For sources that hang on purpose, and for nothing else. */
export const HASTY = { connect: '10s', first_byte: '300ms', idle: '300ms', total: '60s' };

/** What a test's modgate is told about its one source. */
export function sourceSettings(url: string): Record<string, Piece> {
  return {
    url,
    proxy: 'none',
    timeouts: PATIENT,
    retry: { attempts: 2, base: '5ms', cap: '10ms', budget: '50ms' },
    // Faults are many on purpose; the tests of the breaker set their own.
    breaker: { failures: 1000, open: '1s' },
  };
}

export async function startPair(options: PairOptions = {}): Promise<Pair> {
  const upstream = options.upstream ?? (await Upstream.start());
  const settings: Settings = {
    config: {
      chain: SOURCE,
      sources: { [SOURCE]: { ...sourceSettings(upstream.url), ...options.source } },
      sumdb: [{ name: upstream.sumdb.name, url: `${upstream.url}/sumdb/${upstream.sumdb.name}` }],
      shutdown: '10s',
      ...options.config,
    },
    ...(options.data === undefined ? {} : { data: options.data }),
    ...(options.env === undefined ? {} : { env: options.env }),
  };
  try {
    const modgate = await Modgate.start(settings);
    return {
      upstream,
      modgate,
      close: async () => {
        await modgate.remove();
        await upstream.close();
      },
    };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

/** A pair that ends with the test. */
export async function pairFor(t: Ending, options: PairOptions = {}): Promise<Pair> {
  const pair = await startPair(options);
  t.after(() => pair.close());
  return pair;
}
