/** wrk, the load generator: one thread, connections that are kept alive. */
import { spawn } from 'node:child_process';
import { version } from './machine.ts';
import { LeftOut } from './row.ts';

export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  /** all that were read, those of answers that the end of the time cut off among them */
  readonly bytes: number;
  /** ms */
  readonly p99: number;
}

export function needsWrk(): void {
  if (version('wrk', ['-v']) === undefined) throw new LeftOut('there is no wrk (Debian: apt install wrk)');
}

/** @throws for any answer but 200, and for broken connections: such a figure would mean nothing */
export async function load(url: string, connections: number, seconds: number): Promise<Load> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '--latency', url];
  const text = await output('wrk', args);
  const fault = /^\s*(Non-2xx.*|Socket errors.*)$/m.exec(text)?.[1];
  if (fault !== undefined) throw new Error(`${url}: ${fault}`);
  const read = /requests in [^,]+, ([\d.]+)([KMGT]?)B read/.exec(text);
  const latency = /^\s*99%\s+([\d.]+)(us|ms|s|m)$/m.exec(text);
  return {
    requests: numberOf(/(\d+) requests in/, text),
    perSecond: numberOf(/Requests\/sec:\s+([\d.]+)/, text),
    bytes: Number(read?.[1]) * (BYTES[read?.[2] ?? ''] ?? Number.NaN),
    p99: Number(latency?.[1]) * (MILLISECONDS[latency?.[2] ?? ''] ?? Number.NaN),
  };
}

const BYTES: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function numberOf(pattern: RegExp, text: string): number {
  const found = pattern.exec(text);
  if (found === null) throw new Error(`wrk printed no ${pattern}:\n${text}`);
  return Number(found[1]);
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const take = (piece: Buffer) => {
      text += piece.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${program} ended with ${code}:\n${text}`)),
    );
  });
}
