/**
 * What bare Node can do: node:http, files up to 1 MiB from memory, others by stream; no log, no metrics, no checks.
 * Usage: bare.js ROOT
 */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const root = process.argv[2] ?? '.';
const files = new Map<string, Buffer>();
const LARGE = 1 << 20;

const server = http.createServer((request, response) => {
  const url = request.url ?? '/';
  const known = files.get(url);
  if (known !== undefined) {
    response.writeHead(200, ['Content-Length', String(known.length)]);
    response.end(known);
    return;
  }
  const file = path.join(root, decodeURIComponent(url));
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined || url === '/') {
    response.writeHead(404, ['Content-Length', '0']);
    response.end();
    return;
  }
  if (size <= LARGE) files.set(url, fs.readFileSync(file));
  response.writeHead(200, ['Content-Length', String(size)]);
  fs.createReadStream(file, { highWaterMark: 256 << 10 }).pipe(response);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') console.log(`http://127.0.0.1:${address.port}`);
});
