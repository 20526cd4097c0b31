/** The processes of `modgate serve --workers N`, and connections to one of them that the test can tell. */
import fs from 'node:fs';
import http from 'node:http';
import { ownerIndex } from '../../src/http/relay.ts';
import { open, type Reply } from './http.ts';
import type { Modgate } from './modgate.ts';
import { until } from './wait.ts';

/** of the tests of several workers */
export const WORKERS = 3;
export const crowd = { config: { workers: WORKERS }, source: { concurrency: 30 } };

/** A connection to a worker that asks no source for modules of this path. */
export function strangerTo(modgate: Modgate, subject: string): Promise<Line> {
  const owner = ownerOf(subject);
  return lineTo(modgate, (worker) => worker !== owner);
}

/** The sum of a family's samples. */
export function metric(page: string, name: string): number {
  const found = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Which of WORKERS asks the sources for this module, or `sumdb/<name>/<endpoint>`. */
export function ownerOf(subject: string): number {
  return ownerIndex(subject, WORKERS);
}

/** Index of a worker → its process; the newest one where it was replaced. */
export function pidsOf(modgate: Modgate): Map<number, number> {
  const lines = modgate.logs.filter((line) => line.msg === 'a worker serves');
  return new Map(lines.map((line) => [Number(line.worker), Number(line.pid)]));
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; who reaps it is not the test's business.
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export function gone(pids: readonly number[]): Promise<true> {
  return until(() => (pids.some(isAlive) ? undefined : true), `the end of ${pids.join(', ')}`);
}

let connections = 0;

/** A kept connection, and the worker that has accepted it. */
export interface Line {
  readonly worker: number;
  ask(path: string, options?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Reply>;
  open(path: string, signal?: AbortSignal): Promise<http.IncomingMessage>;
  close(): void;
}

/** A connection to a worker that is wanted; the system gives connections to any. */
export async function lineTo(modgate: Modgate, wanted: (worker: number) => boolean): Promise<Line> {
  return until(async () => {
    const line = await newLine(modgate);
    if (wanted(line.worker)) return line;
    line.close();
    return undefined;
  }, 'a connection to a certain worker');
}

async function newLine(modgate: Modgate): Promise<Line> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  connections++;
  const id = `line-${process.pid}-${connections}`;
  const line: Omit<Line, 'worker'> = {
    ask: async (path, options = {}) => {
      const response = await open(modgate.url, path, { ...options, agent });
      return readReply(response);
    },
    open: (path, signal) => open(modgate.url, path, { agent, ...(signal === undefined ? {} : { signal }) }),
    close: () => agent.destroy(),
  };
  await line.ask('/healthz', { headers: { 'x-request-id': id } });
  const record = await modgate.log((one) => one.request === id, 'the record of a connection');
  return { ...line, worker: Number(record.worker) };
}

async function readReply(response: http.IncomingMessage): Promise<Reply> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  const body = Buffer.concat(pieces);
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    body,
    text: body.toString('utf8'),
  };
}
