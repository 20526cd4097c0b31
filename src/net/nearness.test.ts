import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Nearness, nearnessOf, nearnessOfHost } from './nearness.ts';

const ADDRESSES: Record<Nearness, readonly string[]> = {
  0: ['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '192.169.0.1', '100.63.0.1', '100.128.0.1'].concat([
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2002:808:808::1',
  ]),
  1: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fd00::1', 'fc00::1'].concat([
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::a00:1',
    '2002:c0a8:101::1',
    'fec0::1',
  ]),
  2: ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::ffff:0:7f00:1', '::127.0.0.1'].concat([
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '0:0:0:0:0:0:0:1',
  ]),
  3: ['169.254.169.254', '0.0.0.0', '0.1.2.3', '224.0.0.1', '255.255.255.255', '240.0.0.1', '::'].concat([
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '4000::1',
    '198.18.0.1',
    'no address',
    '',
  ]),
};

test('how near an address is', () => {
  for (const [nearness, addresses] of Object.entries(ADDRESSES))
    for (const address of addresses) assert.equal(nearnessOf(address), Number(nearness), address);
});

test('how near the host of a URL is, by its spelling alone', () => {
  const rows: readonly [string, Nearness][] = [
    ['modules.example', 0],
    ['notlocalhost', 1],
    ['localhost', 2],
    ['LOCALHOST.', 2],
    ['x.localhost', 2],
    ['metadata.google.internal', 1],
    ['printer.local', 1],
    ['2130706433', 2],
    ['0x7f.1', 2],
    ['0177.0.0.1', 2],
    ['127.1', 2],
    ['127.0.0.1.', 2],
    ['0', 3],
    ['2852039166', 3],
    ['0xa9fea9fe', 3],
    ['169.254.169.254', 3],
    ['①②⑦.⓪.⓪.①', 2],
    ['[::1]', 2],
    ['[::ffff:127.0.0.1]', 2],
    ['[::ffff:a9fe:a9fe]', 3],
    ['[fd00::1]', 1],
    ['[2606:4700::1111]', 0],
  ];
  for (const [host, nearness] of rows)
    assert.equal(nearnessOfHost(new URL(`http://${host}/`).hostname), nearness, host);
});
