import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { isLoopback } from './hermetic.ts';

test('what is loopback', () => {
  const table: [string, boolean][] = [
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['localhost', true],
    ['[::1]', true],
    ['::ffff:127.0.0.1', true],
    ['192.0.2.1', false],
    ['proxy.example', false],
    ['127.0.0.1.example', false],
    ['2001:db8::1', false],
  ];
  for (const [host, expected] of table) assert.equal(isLoopback(host), expected, host);
});

const DIALS: Record<string, string> = {
  'net, an address': `(await import('node:net')).connect(80, '192.0.2.1').on('error', fail)`,
  'net, a name': `(await import('node:net')).connect({ host: 'proxy.example', port: 80 }).on('error', fail)`,
  'tls, a name': `(await import('node:tls')).connect({ host: 'proxy.example', port: 443 }).on('error', fail)`,
  'a look-up': `(await import('node:dns')).lookup('proxy.example', fail)`,
  'a promised look-up': `(await import('node:dns/promises')).lookup('proxy.example').catch(fail)`,
  'a record': `(await import('node:dns')).resolve4('proxy.example', fail)`,
  'a custom look-up that answers a foreign address': `(await import('node:net'))
    .connect({ host: 'a.example', port: 80, lookup: (n, o, cb) => cb(null, [{ address: '192.0.2.1', family: 4 }]) }).on('error', fail)`,
  'global fetch': `fetch('http://192.0.2.1/').catch((e) => fail(e.cause))`,
  'a datagram': `try { (await import('node:dgram')).createSocket('udp4').send('x', 53, '192.0.2.1') } catch (e) { fail(e) }`,
};

for (const [name, code] of Object.entries(DIALS)) {
  test(`refused: ${name}`, () => {
    const guard = new URL('./hermetic.js', import.meta.url).href;
    const script = `const fail = (e) => { process.stdout.write(e.message); process.exit(0); };\n${code};`;
    const child = spawnSync(process.execPath, ['--import', guard, '--input-type=module', '-e', script], {
      encoding: 'utf8',
      // Not this run's own list of dials: these are wanted.
      env: { PATH: process.env.PATH },
      timeout: 20_000,
    });
    assert.match(child.stdout, /^hermetic guard: .* is outside loopback/, child.stderr);
  });
}

test('this very process is guarded', {
  skip: process.env.TESTS_OF_MODGATE_DIALS === undefined ? 'not started by npm test' : false,
}, () => {
  assert.match(process.env.NODE_OPTIONS ?? '', /hermetic\.js/);
});

test('a name below .invalid is unknown, without asking', async () => {
  await assert.rejects(dns.lookup('nobody.invalid'), { code: 'ENOTFOUND' });
});

test('loopback works by address, by name and by a custom look-up', async (t) => {
  const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { port } = address;
  const read = (socket: net.Socket) =>
    new Promise((resolve, reject) =>
      socket.on('data', (bytes) => resolve(String(bytes))).on('error', reject),
    );
  assert.equal(await read(net.connect(port, '127.0.0.1')), 'hello');
  assert.equal(await read(net.connect({ host: 'localhost', port, family: 4 })), 'hello');
  const lookup: net.LookupFunction = (_name, _options, callback) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  assert.equal(await read(net.connect({ host: 'proxy.example', port, lookup })), 'hello');
});

test('the guard is not what breaks a TLS dial to loopback', async () => {
  const refused = new Promise<Error>((resolve) =>
    tls.connect({ host: '127.0.0.1', port: 1 }).on('error', resolve),
  );
  assert.match(String(await refused), /ECONNREFUSED/);
});

test('a datagram to loopback is sent', async () => {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve, reject) =>
    socket.send('x', 9, '127.0.0.1', (e) => (e === null ? resolve() : reject(e))),
  );
  socket.close();
});
