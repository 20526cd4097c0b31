import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';
import { Exchange } from './exchange.ts';
import { Listener } from './listener.ts';
import { Uploads } from './upload.ts';

const TOKEN = 'a-token-of-the-tests-0123456789';
const path = parseModulePath('corp.test/lib');
const M: ModuleVersion = { path, version: parseVersion(path, 'v1.0.0') };

interface Ending {
  after(fn: () => Promise<void>): void;
}

/** A listener that takes every request for an upload, and what became of each. */
async function listening(
  t: Ending,
  idle: number,
  seen: (size: number) => Promise<void> = async () => undefined,
): Promise<{ url: URL; outcomes: string[]; first: Promise<string> }> {
  const outcomes: string[] = [];
  let told: (outcome: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    told = resolve;
  });
  const tell = (outcome: string) => {
    outcomes.push(outcome);
    told(outcome);
  };
  const uploads = new Uploads({
    publisher: {
      check: () => undefined,
      publish: async (m, pieces) => {
        let size = 0;
        try {
          for await (const piece of pieces) {
            size += piece.length;
            await seen(size);
          }
        } catch (error) {
          tell(`cut after ${size}`);
          throw error;
        }
        tell(`all of ${size}`);
        return { ...m, h1: 'h1:x', status: 'published' };
      },
    },
    token: TOKEN,
    idle,
  });
  const listener = new Listener({
    handle: (req, res) => {
      const exchange = new Exchange(req, res, '', () => 'id', 0);
      uploads.take(exchange, M).catch((error) => exchange.fail(error));
    },
    refuse: () => undefined,
  });
  const url = new URL(await listener.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }));
  t.after(() => listener.close(0));
  return { url, outcomes, first };
}

const HEAD = `PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 10\r\n\r\n`;

/** All that comes back for these bytes. */
function answerTo(url: URL, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname, () => socket.write(text));
    let answer = '';
    socket.setEncoding('latin1').on('data', (piece: string) => {
      answer += piece;
    });
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}

test('an upload that stalls is told so, and given up', async (t) => {
  const { url, outcomes } = await listening(t, 50);
  const answer = await answerTo(url, `${HEAD}12345`);
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /the upload stalled for 0\.05 s.*code: REQUEST_TIMEOUT/s);
  assert.deepEqual(outcomes, ['cut after 5']);
});

test('an upload whose caller leaves is cut off', async (t) => {
  const { url, first } = await listening(t, 60_000);
  const socket = connect(Number(url.port), url.hostname, () => socket.write(`${HEAD}12345`));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.end();
  await new Promise((resolve) => socket.once('close', resolve));
  assert.match(await first, /^cut after [05]$/);
});

test('an upload that comes whole is taken', async (t) => {
  const { url, outcomes } = await listening(t, 60_000);
  assert.match(await answerTo(url, `${HEAD}1234567890`), /^HTTP\/1\.1 201 /);
  assert.deepEqual(outcomes, ['all of 10']);
});

test('the time that an upload waits for the disk is not the sender’s', async (t) => {
  const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 150));
  const { url, outcomes } = await listening(t, 50, slow);
  assert.match(await answerTo(url, `${HEAD}1234567890`), /^HTTP\/1\.1 201 /);
  assert.deepEqual(outcomes, ['all of 10']);
});

test('a large upload passes through without being held in memory', { timeout: 60_000 }, async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const [size, piece] = [96 << 20, Buffer.alloc(1 << 20)];
  let most = 0;
  let next = 0;
  const { url, outcomes } = await listening(t, 60_000, async (seen) => {
    if (seen < next) return;
    next += 16 << 20;
    collect();
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  });
  const before = process.memoryUsage().arrayBuffers;
  const socket = connect(Number(url.port), url.hostname);
  const answer = once(socket, 'data');
  socket.write(HEAD.replace('Length: 10', `Length: ${size}`));
  for (let sent = 0; sent < size; sent += piece.length) if (!socket.write(piece)) await once(socket, 'drain');
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 201 /);
  socket.destroy();
  assert.deepEqual(outcomes, [`all of ${size}`]);
  assert.ok(most - before < size / 3, `${(most - before) >> 20} MiB are held`);
});
