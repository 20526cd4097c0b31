/** Row of a process that starts over a store that is there already. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { read } from '../client.ts';
import { memory } from '../proc.ts';
import { type Bench, type Contender, type Row, Scope } from '../row.ts';
import { type Server, startModgate, startProgram } from '../servers.ts';
import { files, moduleTree } from '../tree.ts';

/** ms without a request, after which the process counts as idle */
const IDLE = 1500;

export const startRows: readonly Row[] = [
  {
    name: 'start',
    title: 'start over a filled store',
    rounds: 7,
    measures: [
      { key: 'first', title: 'first answer', unit: 'ms', aim: { of: 'value', bound: 'at most', limit: 200 } },
      { key: 'idle', title: 'idle memory', unit: 'MB', aim: { of: 'value', bound: 'at most', limit: 90 } },
    ],
    contenders: async (bench, scope) => {
      const tree = await moduleTree(bench);
      const folder = path.join(bench.folder, 'start');
      const data = path.join(folder, 'data');
      // Nobody listens there: the answer comes from the store.
      const upstream = 'http://127.0.0.1:9';
      fs.mkdirSync(data, { recursive: true });
      const filler = await startProgram(scope, path.join(folder, 'upstream'), 'upstream', [tree]);
      const first = await startModgate(scope, folder, { upstream: filler.url, data });
      await read(first.url, files.info);
      await first.stop();
      return [
        starting(bench, 'modgate', (inner) => startModgate(inner, folder, { upstream, data })),
        starting(bench, 'bare Node', (inner) => startProgram(inner, folder, 'bare', [tree])),
      ];
    },
  },
];

function starting(bench: Bench, name: string, start: (scope: Scope) => Promise<Server>): Contender {
  return {
    name,
    round: async () => {
      const scope = new Scope();
      try {
        const began = performance.now();
        const server = await start(scope);
        await read(server.url, files.info);
        const first = performance.now() - began;
        await pause(bench.quick ? 200 : IDLE);
        return { first, idle: memory(server.pid, 'VmRSS') };
      } finally {
        await scope.close();
      }
    },
  };
}
