import { ModgateError } from '../../errors/index.ts';
import { type ClientOptions, UpstreamClient } from '../../net/index.ts';
import { type Logger, Metrics } from '../../observe/index.ts';
import { ProxySource } from '../proxy-source.ts';
import type { Source } from '../source.ts';
import { DIRECT } from './direct-source.ts';
import type { RootRules } from './meta-pages.ts';

/** proxies with open connections; whoever owns a host of a module path names them */
const MOST = 32;

interface Proxy {
  readonly client: UpstreamClient;
  readonly source: Source;
}

/** The module proxies that `mod` entries name: hardly any, but anybody may name one. */
export class ModProxies {
  readonly #options: Omit<ClientOptions, 'name' | 'reach' | 'redirects'>;
  /** bytes of a list */
  readonly #metadata: number;
  readonly #logger: Logger;
  /** in the order of their last use */
  readonly #proxies = new Map<string, Proxy>();
  #closed = false;

  constructor(
    options: Omit<ClientOptions, 'name' | 'reach' | 'redirects'>,
    metadata: number,
    logger: Logger,
  ) {
    this.#options = options;
    this.#metadata = metadata;
    this.#logger = logger;
  }

  /** Throws SHUTTING_DOWN once it was closed. */
  get(url: string, rules: RootRules): Source {
    if (this.#closed) throw new ModgateError('SHUTTING_DOWN', 'the gateway is shutting down');
    const key = `${Number(rules.isPrivate)}${Number(rules.near)} ${url}`;
    const proxy = this.#proxies.get(key) ?? this.#make(url, rules);
    this.#proxies.delete(key);
    this.#proxies.set(key, proxy);
    this.#trim();
    return proxy.source;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#proxies.values()].map(({ client }) => client.close()));
  }

  #make(url: string, { isPrivate, near }: RootRules): Proxy {
    const client = new UpstreamClient(
      {
        ...this.#options,
        name: DIRECT,
        reach: near ? 'any' : 'internet',
        redirects: isPrivate ? 'host' : 'any',
      },
      // Its metrics would be a row for each proxy that anybody names.
      { logger: this.#logger, metrics: new Metrics({ process: false }) },
    );
    return { client, source: new ProxySource(DIRECT, new URL(url), client, this.#metadata) };
  }

  #trim(): void {
    const [newest] = [...this.#proxies.keys()].slice(-1);
    for (const [key, { client }] of this.#proxies) {
      if (this.#proxies.size <= MOST) return;
      if (client.inFlight > 0 || key === newest) continue;
      this.#proxies.delete(key);
      void client.close();
    }
  }
}
