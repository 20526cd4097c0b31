/**
 * A module proxy's files, at a limited rate for each answer, counted: GET /-/count tells how many requests for zips
 * there were, and starts again at 0. Usage: upstream.js ROOT [BYTES_PER_SECOND]
 */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = process.argv[2] ?? '.';
const rate = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
/** bytes of one write */
const PIECE = rate === Number.POSITIVE_INFINITY ? 256 << 10 : 64 << 10;
let zips = 0;

async function send(file: string, response: http.ServerResponse): Promise<void> {
  const handle = await fs.promises.open(file);
  try {
    const { size } = await handle.stat();
    response.writeHead(200, ['Content-Length', String(size)]);
    const start = performance.now();
    let sent = 0;
    while (sent < size && !response.destroyed) {
      const early = (sent / rate) * 1000 - (performance.now() - start);
      if (early > 1) await pause(early);
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, sent);
      sent += bytesRead;
      await new Promise<void>((resolve) => {
        response.once('close', resolve);
        response.write(buffer.subarray(0, bytesRead), () => {
          response.off('close', resolve);
          resolve();
        });
      });
    }
    response.end();
  } finally {
    await handle.close();
  }
}

function absent(response: http.ServerResponse): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(404, ['Content-Length', '0']).end();
}

const server = http.createServer((request, response) => {
  const url = request.url ?? '/';
  if (url === '/-/count') {
    response.end(String(zips));
    zips = 0;
    return;
  }
  if (url.endsWith('.zip')) zips += 1;
  send(path.join(root, decodeURIComponent(url)), response).catch(() => absent(response));
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') console.log(`http://127.0.0.1:${address.port}`);
});
