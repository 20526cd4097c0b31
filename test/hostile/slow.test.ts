import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Pair, pairFor } from '../kit/gateway.ts';
import type { Piece } from '../kit/modgate.ts';
import { bounded, until } from '../kit/wait.ts';
import { openDescriptors, residentBytes } from './process.ts';

const MOD = '/example.com/plain/@v/v1.0.0.mod';
const BIG = '/example.com/big/@v/v1.0.0.zip';
const MIB = 1 << 20;
/** ms that a hit may take beside the attack; generous, for a machine that others use too */
const QUICK = 5000;

async function pairWith(t: TestContext, limits: Record<string, Piece>): Promise<Pair> {
  const pair = await pairFor(t, { config: { limits, log: { level: 'info', access: false } } });
  for (const url of [MOD, BIG]) assert.equal((await pair.modgate.ask(url)).status, 200);
  return pair;
}

/** Clients that are under way until they close or the test ends. */
class Clients {
  readonly sockets: net.Socket[] = [];
  readonly #closed: Promise<string>[] = [];

  constructor(t: TestContext, { modgate }: Pair, count: number, sent: string) {
    const port = Number(new URL(modgate.url).port);
    for (let n = 0; n < count; n++) {
      const socket = net.connect(port, '127.0.0.1');
      // At once, so that no byte of a dribble can come before it.
      socket.write(sent);
      socket.on('error', () => undefined);
      this.sockets.push(socket);
      this.#closed.push(readToClose(socket));
    }
    t.after(() => this.leave());
  }

  /** What each of them was told before the server closed. */
  closed(): Promise<string[]> {
    return bounded(Promise.all(this.#closed), 'the server to close the connections', 30_000);
  }

  /** A byte from each, again and again, until all are closed. */
  dribble(byte: string): void {
    const timer = setInterval(() => {
      for (const socket of this.sockets) if (socket.writable) socket.write(byte);
      if (this.sockets.every((socket) => socket.closed)) clearInterval(timer);
    }, 50);
    timer.unref();
  }

  leave(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function readToClose(socket: net.Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  return new Promise((resolve) => socket.on('close', () => resolve(text)));
}

/** Hits stay quick, each on a connection of its own. */
async function assertQuick({ modgate }: Pair): Promise<void> {
  for (let n = 0; n < 20; n++) {
    const start = performance.now();
    assert.equal((await modgate.ask(MOD)).status, 200);
    assert.ok(performance.now() - start < QUICK, `a hit took ${performance.now() - start} ms`);
  }
}

async function assertFreed({ modgate }: Pair, before: number): Promise<void> {
  await until(
    () => (openDescriptors(modgate.pid) <= before + 5 ? true : undefined),
    `${before} descriptors again`,
  );
}

describe('slow clients', () => {
  test('200 that send their header byte by byte are ended by header_time', async (t) => {
    const pair = await pairWith(t, { header_time: '1s' });
    const before = openDescriptors(pair.modgate.pid);
    const clients = new Clients(t, pair, 200, `GET ${MOD} HTTP/1.1\r\nHost: x\r\nX: `);
    clients.dribble('a');
    await assertQuick(pair);
    for (const text of await clients.closed()) assert.match(text, /^HTTP\/1\.1 408 |^$/);
    await assertFreed(pair, before);
  });

  test('200 that send a body byte by byte get their answer, and are ended with it', async (t) => {
    const pair = await pairWith(t, {});
    const before = openDescriptors(pair.modgate.pid);
    for (const method of ['POST', 'GET']) {
      const lines = 'Host: x\r\nContent-Length: 1000000\r\n\r\n';
      const clients = new Clients(t, pair, 100, `${method} ${MOD} HTTP/1.1\r\n${lines}`);
      clients.dribble('a');
      await assertQuick(pair);
      const status = method === 'POST' ? 405 : 200;
      for (const text of await clients.closed()) assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    }
    await assertFreed(pair, before);
  });

  test('300 that stop reading a zip of 64 MiB hold little memory, and free it when they leave', async (t) => {
    const pair = await pairWith(t, {});
    const [memory, before] = [residentBytes(pair.modgate.pid), openDescriptors(pair.modgate.pid)];
    const clients = new Clients(t, pair, 300, `GET ${BIG} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await Promise.all(clients.sockets.map((socket) => bounded(once(socket, 'data'), 'a first byte', 30_000)));
    for (const socket of clients.sockets) socket.pause();
    await assertQuick(pair);
    // 256 pieces of 256 KiB, the rest of 16 KiB, and what the collector has not taken yet.
    const grown = (residentBytes(pair.modgate.pid) - memory) / MIB;
    assert.ok(grown < 220, `${grown} MiB for 300 readers`);
    clients.leave();
    await assertFreed(pair, before);
    const again = await pair.modgate.ask(BIG);
    assert.equal(again.status, 200);
  });

  test('half-closed connections end', async (t) => {
    const pair = await pairWith(t, {});
    const before = openDescriptors(pair.modgate.pid);
    for (const sent of [
      '',
      'GET ',
      `GET ${MOD} HTTP/1.1\r\nHost: x\r\n`,
      `GET ${MOD} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ]) {
      const clients = new Clients(t, pair, 50, sent);
      for (const socket of clients.sockets) socket.end();
      await clients.closed();
    }
    await assertFreed(pair, before);
  });
});

/** As many as a process may have, some left for itself. */
function possible(wanted: number): number {
  const limits = fs.existsSync('/proc/self/limits') ? fs.readFileSync('/proc/self/limits', 'utf8') : '';
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
  return Math.min(wanted, hard - 500);
}

test('10,000 idle connections: hits are answered, each costs little, all is freed', async (t) => {
  const count = possible(10_000);
  if (count < 10_000) t.diagnostic(`this machine allows ${count} connections only`);
  const pair = await pairWith(t, { idle: '5m' });
  const { modgate } = pair;
  const [memory, before] = [residentBytes(modgate.pid), openDescriptors(modgate.pid)];
  const program = fileURLToPath(new URL('./idlers.js', import.meta.url));
  const args = [program, new URL(modgate.url).port, String(count)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [answered] = await bounded(once(child.stdout, 'data'), 'the idle connections', 60_000);
  assert.equal(Number(String(answered)), count);
  assert.ok(openDescriptors(modgate.pid) >= count);
  await assertQuick(pair);
  const { text } = await modgate.ask('/metrics');
  const shown = Number(/^modgate_http_connections (\d+)$/m.exec(text)?.[1]);
  assert.ok(shown >= count, `${shown} in the metrics`);
  const each = (residentBytes(modgate.pid) - memory) / count / 1024;
  t.diagnostic(`${each.toFixed(1)} KiB for each of ${count} idle connections`);
  assert.ok(each < 32, `${each} KiB for each connection`);
  child.stdin.end();
  await until(
    () => (openDescriptors(modgate.pid) <= before + 5 ? true : undefined),
    'all of it freed',
    60_000,
  );
  await assertQuick(pair);
});
