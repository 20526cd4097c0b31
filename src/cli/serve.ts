import cluster from 'node:cluster';
import { hostname } from 'node:os';
import { Command } from 'commander';
import { type Config, FileRecord, type ReadFile } from '../config/index.ts';
import { splitPatterns } from '../module/index.ts';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, configFrom, withConfigFlags } from './options.ts';
import { type Reading, readConfig } from './reloader.ts';
import type { Server, Serving } from './serving.ts';
import { commitOf, readBuild } from './version.ts';

export function serveCommand(): Command {
  const command = withConfigFlags(new Command('serve'))
    .description('run the gateway')
    .action(async (_options: unknown, command: Command) => serve(command));
  return describe(command, {
    details:
      'It stops at SIGINT or SIGTERM and lets running transfers end within the time of --shutdown; a second signal ends it at once. At SIGHUP, and when one of its files changes, it reads the configuration again with its secrets and certificates; one with a fault is refused, and the old one stays in force. Requests are logged to stderr.',
    examples: [
      ['modgate serve', 'listen on 127.0.0.1:3000, store below ./modgate-data'],
      ['modgate serve --listen 0.0.0.0:8080 --data /var/lib/modgate', 'serve others'],
      ['modgate serve --workers 4', 'serve from four processes'],
      ["modgate serve --chain 'https://proxy.corp.example|https://mirror.example,off'", 'ask two sources'],
    ],
    exitCodes: {
      0: 'it was stopped, and every running transfer had ended or its time was over',
      130: 'a second SIGINT ended it',
      143: 'a second SIGTERM ended it',
    },
    environment: [
      ...CONFIG_VARIABLES,
      ['HTTP_PROXY, HTTPS_PROXY, NO_PROXY', 'proxies on the way to the sources, by the go command’s rules'],
      ['NODE_EXTRA_CA_CERTS', 'PEM file of further authorities to trust'],
    ],
    files: [...CONFIG_FILES, ['modgate-data/', 'the store, where --data names no other folder']],
    seeAlso: ['modgate config check', 'modgate health', 'modgate.example.yaml'],
  });
}

async function serve(command: Command): Promise<void> {
  const load = (read: ReadFile) => configFrom(command, read);
  if (cluster.isWorker) {
    const { runWorker } = await import('./worker.ts');
    return runWorker(load);
  }
  const reading = readConfig(load, new FileRecord());
  const { config, warnings } = reading.loaded;
  const { createLogger } = await import('../observe/index.ts');
  const logger = createLogger(config.log);
  for (const warning of warnings) logger.warn(warning);
  const build = readBuild();
  const { version } = build;
  let server: Server | undefined;
  // Before anything takes time: by default the signal would end the process.
  process.on('SIGHUP', () => void server?.reloader.reload('SIGHUP'));
  const start = await starter(config.workers);
  server = await start(reading, { load, logger, build });
  process.stdout.write(banner(config, server.url, version));
  const admin = server.adminUrl === undefined ? {} : { admin: server.adminUrl };
  logger.info(
    {
      url: server.url,
      ...admin,
      data: config.data,
      version,
      commit: commitOf(build),
      workers: config.workers,
    },
    'listening',
  );
  const running = server;
  const signal = await stopSignal((code) => {
    running.kill();
    process.exit(code);
  });
  logger.info({ signal }, 'stopping');
  await running.close();
  logger.info('stopped');
}

/** Each loads no more than it needs: a supervisor serves nothing itself. */
async function starter(workers: number): Promise<(reading: Reading, serving: Serving) => Promise<Server>> {
  if (workers > 1) return (await import('./supervisor.ts')).Supervisor.start;
  return (await import('./alone.ts')).serveAlone;
}

/** The first signal to stop. @param atOnce is called by every further one, with the code to exit with */
function stopSignal(atOnce: (code: number) => void): Promise<string> {
  let told = false;
  return new Promise((resolve) => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.on(signal, () => {
        if (told) atOnce(code);
        told = true;
        resolve(signal);
      });
    }
  });
}

/** The lines to paste, and what holds for every module that comes through here. */
function banner(config: Config, url: string, version: string): string {
  const routes = config.routes
    .map(
      ({ match, chain, isPrivate }) => `  sources    ${match} → ${chain}${isPrivate ? ' (private)' : ''}\n`,
    )
    .join('');
  const databases = config.sumdb.map(({ name }) => name).join(', ');
  const insecure = [...config.sources.values()]
    .filter(({ client }) => client.tls.insecure)
    .map(({ name }) => name);
  return `modgate ${version} serves Go modules at ${url}${config.prefix}

  ${config.listen.kind === 'unix' ? 'a reverse proxy reaches it by that socket' : `go env -w GOPROXY=${forOthers(url)}${config.prefix}`}
${withoutSumdb(config)}
  store      ${config.data}
${routes}  enforced   zip rules before a version is released; a stored version never changes
  checksums  ${databases === '' ? 'no checksum database is passed on' : `${databases} passed on; the go command verifies it`}
${clientCerts(config)}${insecure.length === 0 ? '' : `  INSECURE   certificates are NOT verified for: ${insecure.join(', ')}\n`}
`;
}

/** A value that is set takes the place of the one before, so all private patterns stand in one. */
function withoutSumdb({ routes }: Config): string {
  const patterns = routes.filter(({ isPrivate }) => isPrivate).flatMap(({ match }) => splitPatterns(match));
  const list = [...new Set(patterns)].join(',');
  if (list === '') return '';
  return `  go env -w GONOSUMDB=${/^[\w./,-]+$/.test(list) ? list : `'${list.replaceAll("'", `'\\''`)}'`}\n`;
}

function clientCerts({ tls }: Config): string {
  if (tls === undefined || tls.clientCerts === 'off') return '';
  return `  clients    a certificate is ${tls.clientCerts}\n`;
}

/** An address that stands for all addresses of the machine is none that a client can use. */
function forOthers(url: string): string {
  return url.replace(/\/\/(?:0\.0\.0\.0|\[::\])/, `//${hostname()}`);
}
