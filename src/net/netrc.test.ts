import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { defaultNetrcFile, findEntry, NetrcFile, parseNetrc } from './netrc.ts';

const CASES: readonly [name: string, text: string, host: string, expected: string | undefined][] = [
  ['one line', 'machine corp.example login ann password s3', 'corp.example', 'ann:s3'],
  ['lines of their own', 'machine\n corp.example\nlogin ann\n\tpassword\ns3\n', 'corp.example', 'ann:s3'],
  ['another machine', 'machine corp.example login ann password s3', 'other.example', undefined],
  ['a subdomain is another machine', 'machine corp.example login a password b', 'x.corp.example', undefined],
  ['first of two', 'machine c login a password 1\nmachine c login b password 2', 'c', 'a:1'],
  ['upper case machine', 'machine CORP.example login a password 1', 'corp.example', 'a:1'],
  [
    'port wanted, host alone given',
    'machine corp.example login a password 1',
    'corp.example:8443',
    undefined,
  ],
  ['port wanted and given', 'machine corp.example:8443 login a password 1', 'corp.example:8443', 'a:1'],
  ['port given, none wanted', 'machine corp.example:8443 login a password 1', 'corp.example', undefined],
  ['default', 'machine x login a password 1\ndefault login d password 9', 'corp.example', 'd:9'],
  [
    'a machine beats an earlier default',
    'default login d password 9\nmachine x login a password 1',
    'x',
    'a:1',
  ],
  ['no password', 'machine x login a\nmachine y login b password 2', 'x', undefined],
  ['fields do not leak into the next machine', 'machine x login a\nmachine y password 2', 'y', undefined],
  ['password before login', 'machine x password 1 login a', 'x', 'a:1'],
  ['account is passed over', 'machine x login a account password password 1', 'x', 'a:1'],
  [
    'macro',
    'machine x login a password 1\nmacdef m\nmachine y login b password 2\n\nmachine z login c password 3',
    'y',
    undefined,
  ],
  ['after a macro', 'macdef m\nmachine y login b password 2\n\nmachine z login c password 3', 'z', 'c:3'],
  ['comment line', '# machine x login no password no\nmachine x login a password 1', 'x', 'a:1'],
  ['hash in a password', 'machine x login a password 1#2', 'x', 'a:1#2'],
  ['carriage returns', 'machine x\r\nlogin a\r\npassword 1\r\n', 'x', 'a:1'],
  ['cut off', 'machine x login a password', 'x', undefined],
  ['machine named default', 'machine default login a password 1', 'default', 'a:1'],
  ['login outside a machine', 'login a password 1', 'x', undefined],
  ['empty', '', 'x', undefined],
];

test('parseNetrc finds the entry of a host', async (t) => {
  for (const [name, text, host, expected] of CASES) {
    await t.test(name, () => {
      const entry = findEntry(parseNetrc(text), host);
      assert.equal(entry && `${entry.login}:${entry.password}`, expected);
    });
  }
});

test('the default file', () => {
  assert.equal(defaultNetrcFile({ NETRC: '/x/y', HOME: '/home/a' }), '/x/y');
  assert.equal(defaultNetrcFile({ NETRC: '', HOME: '/home/a' }), '/home/a/.netrc');
});

test('a file is read again when it changes, and may be absent', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'modgate-netrc-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'netrc');
  const netrc = new NetrcFile(file);
  assert.equal(await netrc.find('x'), undefined);
  await writeFile(file, 'machine x login a password 1');
  assert.equal((await netrc.find('x'))?.password, '1');
  await writeFile(file, 'machine x login a password 2');
  await utimes(file, 1, 1);
  assert.equal((await netrc.find('x'))?.password, '2');
  await rm(file);
  assert.equal(await netrc.find('x'), undefined);
});

test('a file that cannot be read is told', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'modgate-netrc-'));
  t.after(() => rm(folder, { recursive: true }));
  await assert.rejects(new NetrcFile(folder).find('x'), { code: 'EISDIR' });
  const big = join(folder, 'big');
  await writeFile(big, Buffer.alloc((1 << 20) + 1, '#'));
  await assert.rejects(new NetrcFile(big).find('x'), /more than 1048576 bytes/);
});
