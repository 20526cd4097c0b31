/** What the figures were measured on. */
import { spawnSync } from 'node:child_process';
import os from 'node:os';

export type Machine = Readonly<Record<string, string>>;

export function machine(): Machine {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus.length} × ${cpus[0]?.model ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}`,
    'load at the start': os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(' '),
    node: process.version,
    go: version('go', ['version']) ?? 'none',
    nginx: version('nginx', ['-v']) ?? 'none',
    wrk: version('wrk', ['-v']) ?? 'none',
  };
}

/** The first line that a program prints; undefined where there is no such program. */
export function version(program: string, args: readonly string[]): string | undefined {
  const { error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  const line = `${stdout}${stderr}`.split('\n')[0] ?? '';
  return line.replace(/^(?:go version|nginx version:|wrk)\s+/, '').replace(/ Copyright.*/, '');
}
