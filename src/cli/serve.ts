import cluster from 'node:cluster';
import { hostname } from 'node:os';
import { Command } from 'commander';
import { type Config, FileRecord, type ReadFile } from '../config/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { App } from './app.ts';
import { configFrom, withConfigFlags } from './options.ts';
import { type Reading, Reloader, readConfig } from './reloader.ts';
import { type Serving, Supervisor } from './supervisor.ts';
import { packageVersion } from './version.ts';
import { runWorker } from './worker.ts';

export function serveCommand(): Command {
  return withConfigFlags(new Command('serve'))
    .description('run the gateway')
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => serve(command));
}

const EXAMPLES = `
Examples:
  modgate serve
  modgate serve --listen 0.0.0.0:8080 --data /var/lib/modgate
  modgate serve --chain 'https://proxy.corp.example|https://mirror.example,off'
  modgate serve --workers 4

Signals:
  SIGINT, SIGTERM  stop, and let running transfers end; a second one ends it at once
  SIGHUP           read the configuration again, with its secrets and certificates; also done when one of
                   these files changes. A configuration with a fault is refused, and the old one stays in force.`;

interface Server {
  /** where it listens */
  readonly url: string;
  readonly reloader: Reloader;
  close(): Promise<void>;
  /** Ends what would outlive this process. */
  kill(): void;
}

async function serve(command: Command): Promise<void> {
  const load = (read: ReadFile) => configFrom(command, read);
  if (cluster.isWorker) return runWorker(load);
  const reading = readConfig(load, new FileRecord());
  const { config, warnings } = reading.loaded;
  const logger = createLogger(config.log);
  for (const warning of warnings) logger.warn(warning);
  const version = packageVersion();
  let server: Server | undefined;
  // Before anything takes time: by default the signal would end the process.
  process.on('SIGHUP', () => void server?.reloader.reload('SIGHUP'));
  const start = config.workers > 1 ? Supervisor.start : serveAlone;
  server = await start(reading, { load, logger, version });
  process.stdout.write(banner(config, server.url, version));
  logger.info({ url: server.url, data: config.data, version, workers: config.workers }, 'listening');
  const signal = await nextSignal();
  logger.info({ signal }, 'stopping');
  const atOnce = (code: number) => {
    server.kill();
    process.exit(code);
  };
  process.once('SIGINT', () => atOnce(130));
  process.once('SIGTERM', () => atOnce(143));
  await server.close();
  logger.info('stopped');
}

/** This process does everything. */
async function serveAlone(reading: Reading, { load, logger, version }: Serving): Promise<Server> {
  const metrics = new Metrics();
  metrics.gauge('modgate_workers', 'Processes that serve.').with().set(1);
  let reloader: Reloader | undefined;
  const app = await App.start(reading.loaded.config, {
    logger,
    metrics,
    version,
    parts: () => (reloader === undefined ? [] : [reloader.state]),
  });
  const running = new Reloader(reading, {
    load,
    logger,
    metrics,
    prepare: ({ loaded }) => app.prepare(loaded.config),
  });
  reloader = running;
  return {
    url: app.url,
    reloader: running,
    close: async () => {
      await running.close();
      await app.close();
    },
    kill: () => undefined,
  };
}

function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}

/** The one line to paste, and what holds for every module that comes through here. */
function banner(config: Config, url: string, version: string): string {
  const routes = config.routes.map(({ match, chain }) => `  sources    ${match} → ${chain}\n`).join('');
  const databases = config.sumdb.map(({ name }) => name).join(', ');
  const insecure = [...config.sources.values()]
    .filter(({ client }) => client.tls.insecure)
    .map(({ name }) => name);
  return `modgate ${version} serves Go modules at ${url}${config.prefix}

  ${config.listen.kind === 'unix' ? 'a reverse proxy reaches it by that socket' : `go env -w GOPROXY=${forOthers(url)}${config.prefix}`}

  store      ${config.data}
${routes}  enforced   zip rules before a version is released; a stored version never changes
  checksums  ${databases === '' ? 'no checksum database is passed on' : `${databases} passed on; the go command verifies it`}
${clientCerts(config)}${insecure.length === 0 ? '' : `  INSECURE   certificates are NOT verified for: ${insecure.join(', ')}\n`}
`;
}

function clientCerts({ tls }: Config): string {
  if (tls === undefined || tls.clientCerts === 'off') return '';
  return `  clients    a certificate is ${tls.clientCerts}\n`;
}

/** An address that stands for all addresses of the machine is none that a client can use. */
function forOthers(url: string): string {
  return url.replace(/\/\/(?:0\.0\.0\.0|\[::\])/, `//${hostname()}`);
}
