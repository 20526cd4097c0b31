/** Rows of the real project: by the go command, cold and warm, and its requests replayed without it. */
import path from 'node:path';
import { replay } from '../client.ts';
import { freshModgate } from '../fresh.ts';
import { capturedProject, download, realUpstream } from '../project.ts';
import type { Aim, Bench, Contender, Measure, Row, Sample } from '../row.ts';
import { type Server, startModgate, startNginx } from '../servers.ts';

const CONNECTIONS = 32;

function measures(aim: Aim): readonly Measure[] {
  return [
    { key: 'seconds', title: 'wall time', unit: 's', aim },
    { key: 'user', title: 'user CPU of the go command', unit: 's' },
    { key: 'server', title: 'CPU of the server', unit: 's' },
  ];
}

export const projectRows: readonly Row[] = [
  {
    name: 'cold-project',
    title: 'real project, empty caches, against straight to the real upstream',
    rounds: 5,
    measures: measures({ of: 'ratio', bound: 'at most', limit: 1.3 }),
    contenders: async (bench) => {
      const upstream = await realUpstream(bench);
      return [coldModgate(bench, upstream), goThrough('straight', upstream, undefined)];
    },
  },
  {
    name: 'cold-project-hermetic',
    title: 'the same, the upstream an nginx on this machine',
    rounds: 5,
    measures: measures({ of: 'ratio', bound: 'at most', limit: 1.3 }),
    contenders: async (bench, scope) => {
      const { root } = await capturedProject(bench);
      const nginx = await startNginx(scope, path.join(bench.folder, 'cold-nginx'), root);
      return [coldModgate(bench, nginx.url), goThrough('straight', nginx.url, nginx)];
    },
  },
  {
    name: 'warm-project',
    title: 'real project, warm, against nginx serving the files',
    rounds: 5,
    measures: measures({ of: 'ratio', bound: 'at most', limit: 1.03 }),
    contenders: async (bench, scope) => {
      const { root, urls } = await capturedProject(bench);
      const nginx = await startNginx(scope, path.join(bench.folder, 'warm-nginx'), root);
      const modgate = await startModgate(scope, path.join(bench.folder, 'warm-modgate'), {
        upstream: nginx.url,
      });
      await replay(modgate.url, urls, CONNECTIONS);
      return [goThrough('modgate', modgate.url, modgate), goThrough('nginx', nginx.url, nginx)];
    },
  },
  {
    name: 'replay',
    title: "the project's requests replayed cold, without the go command",
    rounds: 5,
    measures: [
      { key: 'seconds', title: 'cold', unit: 's', aim: { of: 'value', bound: 'at most', limit: 1.6 } },
      { key: 'cpu', title: 'CPU of the server, cold', unit: 's' },
      { key: 'warm', title: 'the same again, warm', unit: 's' },
    ],
    contenders: async (bench, scope) => {
      const { root, urls } = await capturedProject(bench);
      const nginx = await startNginx(scope, path.join(bench.folder, 'replay-nginx'), root);
      return [
        freshModgate(bench, { upstream: nginx.url }, (modgate) => replayTwice(modgate, urls)),
        { name: 'straight', round: () => replayTwice(nginx, urls) },
      ];
    },
  },
];

async function replayTwice(server: Server, urls: readonly string[]): Promise<Sample> {
  const before = server.cpu();
  const seconds = await replay(server.url, urls, CONNECTIONS);
  const cpu = server.cpu() - before;
  return { seconds, cpu, warm: await replay(server.url, urls, CONNECTIONS) };
}

function goThrough(name: string, proxy: string, server: Server | undefined): Contender {
  return { name, round: () => goSample(proxy, server) };
}

async function goSample(proxy: string, server: Server | undefined): Promise<Sample> {
  const before = server?.cpu() ?? Number.NaN;
  const { seconds, userSeconds } = await download(proxy);
  return { seconds, user: userSeconds, server: (server?.cpu() ?? Number.NaN) - before };
}

function coldModgate(bench: Bench, upstream: string): Contender {
  return freshModgate(bench, { upstream }, (modgate) => goSample(modgate.url, modgate));
}
