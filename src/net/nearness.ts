/**
 * How near an address is to this machine. What is nearer is trusted more by its neighbours, and is reached by fewer:
 * a cloud's metadata service answers on a link-local address with credentials, to whoever asks from the machine.
 */
import { BlockList, isIP } from 'node:net';

/** 0: anywhere in the Internet; 1: private networks; 2: this machine; 3: link-local, and what is no host's address */
export type Nearness = 0 | 1 | 2 | 3;

/** By the special-purpose address registries of IANA (RFC 6890) as of 2025. */
const NETWORKS: readonly (readonly [Nearness, readonly string[]])[] = [
  [1, ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10']],
  [2, ['127.0.0.0/8', '::1/128']],
  [
    3,
    [
      // Linux takes 0.0.0.0 and :: for this machine.
      '0.0.0.0/8',
      '169.254.0.0/16',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '224.0.0.0/3',
      '::/128',
      '100::/64',
      '2001::/23',
      '2001:db8::/32',
      'fe80::/10',
      'ff00::/8',
    ],
  ],
];

/** These hold an IPv4 address, which is where a packet goes in the end: the first of its bytes in the IPv6 address. */
const EMBEDDED: readonly (readonly [network: string, at: number])[] = [
  ['::ffff:0:0/96', 12],
  ['::ffff:0:0:0/96', 12],
  ['::/96', 12],
  ['64:ff9b::/96', 12],
  ['2002::/16', 2],
];

/** Names that no public DNS has (RFC 6761, 6762, 8375, and .internal, which ICANN has set aside). */
const PRIVATE_NAME = /^[^.]+$|\.(?:internal|local|lan|home\.arpa|intranet|private|corp|home)$/;
const LOCAL_NAME = /^(?:.+\.)?localhost$|^ip6-localhost$/;

const lists = NETWORKS.map(([nearness, networks]) => [nearness, listOf(networks)] as const);
const embedding = EMBEDDED.map(([network, at]) => [listOf([network]), at] as const);

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** @param address an IP address, also with a zone; what is none is as near as can be */
export function nearnessOf(address: string): Nearness {
  const bare = address.replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return 3;
  // BlockList takes a mapped IPv4 address for the IPv4 one, so only an IPv4 may be held against those.
  if (version === 4) return lists.find(([, list]) => list.check(bare, 'ipv4'))?.[0] ?? 0;
  const bytes = bytesOf(bare);
  const own = lists.find(([, list]) => list.check(bare, 'ipv6'))?.[0];
  if (own !== undefined) return own;
  const at = embedding.find(([list]) => list.check(bare, 'ipv6'))?.[1];
  if (at !== undefined) return nearnessOf(bytes.subarray(at, at + 4).join('.'));
  // 2000::/3 is all that is given out for the Internet.
  return ((bytes[0] ?? 0) & 0xe0) === 0x20 ? 0 : 3;
}

/** The sixteen bytes of an IPv6 address, which isIP has checked. */
function bytesOf(address: string): Uint8Array {
  // The URL parser writes an IPv4 tail as two groups.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 255]));
}

/**
 * What the host of a URL says without being looked up; a name that could be anywhere counts as public. The URL parser
 * has made the decimal, octal and hexadecimal spellings of an IPv4 address into the usual one.
 */
export function nearnessOfHost(hostname: string): Nearness {
  const host = hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (isIP(host) !== 0) return nearnessOf(host);
  if (LOCAL_NAME.test(host)) return 2;
  return PRIVATE_NAME.test(host) ? 1 : 0;
}
