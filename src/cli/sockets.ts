import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModgateError } from '../errors/index.ts';

/** bytes; unix(7), sun_path without its final zero */
const MAX_SOCKET_PATH = 107;
/** longer than any name of a folder and a socket that is made here */
const ROOM = '/modgate-XXXXXX/99.sock';

/** A fresh folder that only this user may enter: below the system's temporary folder, else below the data folder. */
export function makeSocketFolder(data: string): string {
  let last: unknown;
  for (const parent of [tmpdir(), data, '/tmp']) {
    if (Buffer.byteLength(parent + ROOM) > MAX_SOCKET_PATH) continue;
    try {
      if (parent === data) mkdirSync(data, { recursive: true, mode: 0o750 });
      // mkdtemp(3) makes it with mode 0700.
      return mkdtempSync(join(parent, 'modgate-'));
    } catch (thrown) {
      last = thrown;
    }
  }
  throw new ModgateError('STORE_FAILED', 'no folder for the sockets of the workers can be made', {
    cause: last,
    next: 'set TMPDIR to a folder with a short path that can be written',
  });
}

export function socketIn(folder: string, worker: number): string {
  return join(folder, `${worker}.sock`);
}

export function removeSocketFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A port that is free now, where all workers are to share one that nobody named. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
