/** Rows of hits under load: requests per second and what each costs. */
import path from 'node:path';
import { read } from '../client.ts';
import type { Contender, Measure, Row } from '../row.ts';
import { type Server, startModgate, startNginx, startProgram } from '../servers.ts';
import { files, moduleTree } from '../tree.ts';
import { load, needsWrk } from '../wrk.ts';

const CONNECTIONS = 32;

const PER_SECOND = { key: 'perSecond', title: 'requests per second', unit: 'req/s' } as const;
const P99 = { key: 'p99', title: '99th percentile', unit: 'ms' } as const;
const CPU = { key: 'cpu', title: 'CPU per request', unit: 'µs' } as const;
const SPEED = { key: 'speed', title: 'MB per second', unit: 'MB/s' } as const;
const CPU_PER_GB = { key: 'cpuPerGB', title: 'CPU per GB', unit: 'ms/GB' } as const;

function atLeast(limit: number): Measure {
  return { ...PER_SECOND, aim: { of: 'ratio', bound: 'at least', limit } };
}

export const loadRows: readonly Row[] = [
  loadRow('info', '`.info` hits', files.info, [atLeast(0.5), P99, CPU]),
  loadRow('mod', '`.mod` hits', files.mod, [atLeast(0.5), P99, CPU]),
  loadRow('list', '`@v/list` hits', files.list, [atLeast(0.5), P99, CPU]),
  loadRow('zip-small', 'zip of 120 kB', files.zip120k, [atLeast(0.75), P99, CPU]),
  loadRow('zip-large', 'zip of 18.6 MB', files.zip18M, [
    SPEED,
    { ...CPU_PER_GB, aim: { of: 'ratio', bound: 'at most', limit: 2.8 } },
  ]),
];

function loadRow(name: string, title: string, file: string, measures: readonly Measure[]): Row {
  return {
    name,
    title,
    rounds: 9,
    measures,
    contenders: async (bench, scope) => {
      needsWrk();
      const folder = path.join(bench.folder, name);
      // The others serve the very files that modgate stores. Its own tree would do for all but lists: those of the
      // tree name what is stored, not what the source named.
      const tree = await moduleTree(bench);
      const upstream = await startProgram(scope, path.join(folder, 'upstream'), 'upstream', [tree]);
      const modgate = await startModgate(scope, path.join(folder, 'modgate'), { upstream: upstream.url });
      await read(modgate.url, file);
      const nginx = await startNginx(scope, path.join(folder, 'nginx'), tree);
      const bare = await startProgram(scope, path.join(folder, 'bare'), 'bare', [tree]);
      const contenders = [
        contender('modgate', modgate, file, bench.seconds),
        contender('nginx', nginx, file, bench.seconds),
        contender('bare Node', bare, file, bench.seconds),
      ];
      // Code that has not been compiled yet is not what a server runs.
      for (const { url } of [modgate, nginx, bare]) await load(url + file, CONNECTIONS, 2);
      return contenders;
    },
  };
}

function contender(name: string, server: Server, file: string, seconds: number): Contender {
  return {
    name,
    round: async () => {
      const before = server.cpu();
      const { requests, perSecond, bytes, p99 } = await load(server.url + file, CONNECTIONS, seconds);
      const cpu = server.cpu() - before;
      return {
        perSecond,
        p99,
        speed: bytes / 1e6 / seconds,
        cpu: (cpu * 1e6) / requests,
        cpuPerGB: (cpu * 1e3) / (bytes / 1e9),
      };
    },
  };
}
