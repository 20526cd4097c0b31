/** Callers that read an answer to its end and throw it away, with the times of its links. */
import http from 'node:http';
import { open } from '../test/kit/http.ts';

export interface Reading {
  /** seconds to the body's first byte, and to its last */
  readonly firstByte: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** ms */
const LIMIT = 120_000;

/** One request on a connection of its own. @throws for anything but a whole answer with status 200 */
export async function read(base: string, path: string): Promise<Reading> {
  const start = performance.now();
  const response = await open(base, path, { limit: LIMIT });
  return drain(response, path, start);
}

/** So many callers at the same moment; the time is that of the last one. */
export async function crowd(base: string, path: string, callers: number): Promise<Reading> {
  const readings = await Promise.all(Array.from({ length: callers }, () => read(base, path)));
  return {
    firstByte: Math.max(...readings.map(({ firstByte }) => firstByte)),
    seconds: Math.max(...readings.map(({ seconds }) => seconds)),
    bytes: readings.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** All paths in their order over a few connections that are kept. @returns seconds */
export async function replay(base: string, paths: readonly string[], connections: number): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const left = paths.values();
  const start = performance.now();
  const work = async () => {
    for (const path of left) await drain(await get(agent, base + path), path, start);
  };
  try {
    await Promise.all(Array.from({ length: connections }, work));
    return (performance.now() - start) / 1000;
  } finally {
    agent.destroy();
  }
}

function get(agent: http.Agent, url: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, resolve).once('error', reject);
  });
}

function drain(response: http.IncomingMessage, path: string, start: number): Promise<Reading> {
  const since = () => (performance.now() - start) / 1000;
  return new Promise((resolve, reject) => {
    let firstByte = 0;
    let bytes = 0;
    response.on('data', (piece: Buffer) => {
      if (bytes === 0) firstByte = since();
      bytes += piece.length;
    });
    response.once('error', reject);
    response.once('end', () => {
      if (response.statusCode === 200 && response.complete) resolve({ firstByte, seconds: since(), bytes });
      else reject(new Error(`${path}: ${response.statusCode}, ${bytes} bytes`));
    });
  });
}
