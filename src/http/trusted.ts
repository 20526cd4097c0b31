import { BlockList, isIP } from 'node:net';
import { forwardedElements } from './forwarded.ts';
import type { Incoming } from './message.ts';

type Family = 'ipv4' | 'ipv6';

/** What a request says of where it came from, once the proxies that may say so are believed. */
export interface Origin {
  /** address of the client; "" where it cannot be told */
  readonly client: string;
  readonly proto: 'http' | 'https';
  /** as clients write it, e.g. "modgate.example:8443"; undefined where the request names none */
  readonly host: string | undefined;
}

/** So much of the end of a list is looked at, in characters; proxies in a row are few, and the nearest stand last. */
const MAX_CHAIN = 2048;
/** RFC 3986: a host, perhaps with a port; nothing that could break a line of text. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * The reverse proxies whose X-Forwarded-* and Forwarded (RFC 7239) headers count. From anybody else those headers are
 * hostile text and play no part.
 */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #unix: boolean;
  readonly #none: boolean;

  /**
   * @param networks addresses, networks in CIDR notation, and `unix`
   * @param onSocket true where the listener is a unix socket, whose peers have no address
   */
  constructor(networks: readonly string[], onSocket = false) {
    this.#none = networks.length === 0;
    this.#unix = onSocket && networks.includes('unix');
    for (const network of networks) {
      if (network === 'unix') continue;
      const [address = '', bits] = network.split('/');
      if (bits === undefined) this.#list.addAddress(address, familyOf(address));
      else this.#list.addSubnet(address, Number(bits), familyOf(address));
    }
  }

  /** @param address of a socket's other side; undefined: a unix socket, or one that is gone */
  trusts(address: string | undefined): boolean {
    if (this.#none) return false;
    if (address === undefined || address === '') return this.#unix;
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
    return isIP(plain) !== 0 && this.#list.check(plain, familyOf(plain));
  }

  /** Whether a trusted proxy passes the request on from somebody else, and says so. */
  passedOn({ socket: { remoteAddress }, headers }: Pick<Incoming, 'socket' | 'headers'>): boolean {
    const says = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
    return says && this.trusts(remoteAddress);
  }

  /** The client's address: behind trusted proxies what they say, otherwise the socket's. */
  clientOf({ socket: { remoteAddress }, headers }: Pick<Incoming, 'socket' | 'headers'>): string {
    if (!this.trusts(remoteAddress)) return remoteAddress ?? '';
    const told = this.#walk(addressesOf(text(headers['x-forwarded-for'])));
    const standard = this.#walk(forwarded(text(headers.forwarded), 'for').map(bareAddress));
    // A proxy sets one of both and passes the other on as its client sent it: where they differ, neither is believed.
    if (told !== undefined && standard !== undefined && told !== standard) return remoteAddress ?? '';
    return told ?? standard ?? remoteAddress ?? '';
  }

  /** @param secure whether the connection itself is TLS */
  originOf(req: Pick<Incoming, 'socket' | 'headers'>, secure: boolean): Origin {
    const client = this.clientOf(req);
    const { headers } = req;
    const authority = text(headers[':authority']) || text(headers.host);
    const own = { client, proto: secure ? 'https' : 'http', host: plainHost(authority) } as const;
    if (!this.trusts(req.socket.remoteAddress)) return own;
    const proto =
      last(text(headers['x-forwarded-proto'])) || forwarded(text(headers.forwarded), 'proto').at(-1);
    const host = last(text(headers['x-forwarded-host'])) || forwarded(text(headers.forwarded), 'host').at(-1);
    return {
      client,
      proto: proto === 'https' || proto === 'http' ? proto : own.proto,
      host: plainHost(host ?? '') ?? own.host,
    };
  }

  /** From the nearest on, the first that is no proxy of ours; the farthest where all are. */
  #walk(addresses: readonly string[]): string | undefined {
    let farthest: string | undefined;
    for (const address of [...addresses].reverse()) {
      if (isIP(address) === 0) return farthest;
      farthest = address;
      if (!this.trusts(address)) return address;
    }
    return farthest;
  }
}

function familyOf(address: string): Family {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** Repeated headers come as one text with commas, or as a list. */
function text(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(',') : (header ?? '');
}

/** Without the entry that the cut went through: whatever is left of it is none. */
function nearest(list: string): string {
  if (list.length <= MAX_CHAIN) return list;
  const tail = list.slice(-MAX_CHAIN);
  const comma = tail.indexOf(',');
  return comma < 0 ? '' : tail.slice(comma + 1);
}

function addressesOf(list: string): string[] {
  const chain = nearest(list);
  return chain === '' ? [] : chain.split(',').map((part) => bareAddress(part.trim()));
}

/** The address without port and brackets: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function bareAddress(node: string): string {
  return /^\[([^\]]*)\]/.exec(node)?.[1] ?? (/^[\d.]+:\d+$/.test(node) ? node.replace(/:\d+$/, '') : node);
}

function last(list: string): string {
  return nearest(list).split(',').at(-1)?.trim() ?? '';
}

/** The values of one parameter of a Forwarded header, the nearest proxy's last. */
function forwarded(header: string, name: string): string[] {
  return forwardedElements(header).flatMap((element) => element.get(name) ?? []);
}

function plainHost(host: string): string | undefined {
  return HOST.test(host) ? host : undefined;
}
