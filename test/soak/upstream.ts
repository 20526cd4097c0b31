/**
 * The soak's upstream as a process of its own, so that it can be killed: SEED PORT. It says its port on stdout, takes
 * the share of requests that it breaks (0..1) line by line on stdin, and ends when stdin does.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import readline from 'node:readline';
import { answerWith, type Fault } from '../kit/faults.ts';
import { Random } from '../kit/random.ts';
import { badZip } from '../kit/zip.ts';
import { World } from './world.ts';

/** Each of them can be told from a right answer; one that cannot would be the checksum database's business. */
function faultFor(random: Random, urlPath: string): Fault {
  const after = random.below(3000);
  const faults: [Fault, ...Fault[]] = [
    { kind: 'reset' },
    { kind: 'reset-body', after },
    { kind: 'truncate', after: 1 + random.below(20) },
    { kind: 'wrong-length', delta: 1 + random.below(100) },
    { kind: 'status', status: random.pick([500, 502, 503, 403, 429]) },
    { kind: 'hang' },
    { kind: 'hang-body', after },
    { kind: 'slow', bytesPerSecond: 20_000 + random.below(500_000) },
    { kind: 'garbage' },
    { kind: 'chunked' },
    { kind: 'redirect-loop' },
    { kind: 'body', body: '<!doctype html><title>Sign in</title>', type: 'text/html' },
  ];
  const zip = /^\/(.+)\/@v\/(v[^/]+)\.zip$/.exec(urlPath);
  if (zip !== null) {
    const prefix = `${zip[1] ?? ''}@${zip[2] ?? ''}/`;
    for (const kind of ['bytes flipped', 'wrong prefix', 'cut short', 'wrong checksum'] as const)
      faults.push({ kind: 'body', body: badZip(kind, prefix) });
  }
  return random.pick(faults);
}

function main(seed: number, port: number): void {
  const world = new World(seed);
  const random = new Random(seed ^ process.pid);
  let broken = 0;
  const server = http.createServer((request, response) => {
    const urlPath = request.url ?? '/';
    const fault = random.chance(broken) ? faultFor(random, urlPath) : undefined;
    // A hang ends with the caller's patience, or with this process.
    const released = new Promise<void>((resolve) => response.on('close', resolve));
    answerWith(fault, request, response, world.answer(urlPath), released).catch(() =>
      request.socket.destroy(),
    );
  });
  server.on('connection', (socket) => socket.on('error', () => undefined));
  server.listen(port, '127.0.0.1', () => {
    // A TCP server's address is an object; only a pipe's is a string.
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
  });
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    broken = Number(line);
  });
  lines.on('close', () => process.exit(0));
}

main(Number(process.argv[2]), Number(process.argv[3]));
