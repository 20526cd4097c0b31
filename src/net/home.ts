import { isIP, type LookupFunction } from 'node:net';
import { type Nearness, nearnessOf, nearnessOfHost } from './nearness.ts';

/** A place that is nearer to this machine than the source itself, or than may be asked at all. */
export class TooNear extends Error {
  readonly host: string;
  readonly address: string;
  readonly nearness: Nearness;
  /** of the source; undefined where it makes no difference, since only the Internet may be asked */
  readonly home: Nearness | undefined;

  constructor(host: string, address: string, nearness: Nearness, home: Nearness | undefined) {
    super('a place that is too near');
    this.host = host;
    this.address = address;
    this.nearness = nearness;
    this.home = home;
  }
}

/**
 * Where a source is at home, and so where its redirects may lead: to what is as far as itself or farther. A source in
 * the Internet must not make this machine ask what only this machine or its network can reach. The farthest place that
 * the source was ever met at counts, so that its name cannot come nearer by changing what it resolves to.
 */
export class Home {
  #nearness: Nearness | undefined;
  /** nothing but the Internet is asked, the source's own origin included */
  readonly internetOnly: boolean;

  constructor(reach: 'any' | 'internet' = 'any') {
    this.internetOnly = reach === 'internet';
  }

  /** @param address that a connection to the source's own origin has */
  metAt(address: string | undefined): void {
    if (address !== undefined) this.#met(nearnessOf(address));
  }

  /** @param hostname of the source's own origin, where a proxy makes the connection */
  named(hostname: string): void {
    this.#met(nearnessOfHost(hostname));
  }

  /** Why a redirect must not lead to a host, as far as its spelling tells; undefined where it may. */
  objection(hostname: string): TooNear | undefined {
    const nearness = nearnessOfHost(hostname);
    return nearness > this.#own ? new TooNear(hostname, '', nearness, this.#told) : undefined;
  }

  /** The look-up of a dial that may not go everywhere: only addresses that it may lead to are answered. */
  guard(lookup: LookupFunction): LookupFunction {
    return (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, found) => {
        const all = typeof found === 'string' ? [{ address: found, family: isIP(found) }] : (found ?? []);
        const allowed = all.filter(({ address }) => nearnessOf(address) <= this.#own);
        const [first] = allowed;
        if (error !== null) callback(error, '');
        else if (first === undefined) callback(this.#refuse(hostname, all[0]?.address ?? ''), '');
        else if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      });
    };
  }

  /** One that was never met counts as being in the Internet. */
  get #own(): Nearness {
    return this.internetOnly ? 0 : (this.#nearness ?? 0);
  }

  get #told(): Nearness | undefined {
    return this.internetOnly ? undefined : this.#own;
  }

  #met(nearness: Nearness): void {
    if (nearness < (this.#nearness ?? 4)) this.#nearness = nearness;
  }

  #refuse(hostname: string, address: string): TooNear {
    return new TooNear(hostname, address, nearnessOf(address), this.#told);
  }
}
