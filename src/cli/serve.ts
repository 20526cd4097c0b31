import { hostname } from 'node:os';
import { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { createLogger } from '../observe/index.ts';
import { startApp } from './app.ts';
import { configFrom, withConfigFlags } from './options.ts';
import { packageVersion } from './version.ts';

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

It stops at SIGINT or SIGTERM and lets running transfers end; a second signal ends it at once.`;

async function serve(command: Command): Promise<void> {
  const { config, warnings } = configFrom(command);
  const logger = createLogger(config.log);
  for (const warning of warnings) logger.warn(warning);
  const version = packageVersion();
  const app = await startApp(config, logger, version);
  process.stdout.write(banner(config, app.url, version));
  const admin = app.adminUrl === undefined ? {} : { admin: app.adminUrl };
  logger.info({ url: app.url, ...admin, data: config.data, version }, 'listening');
  const signal = await nextSignal();
  logger.info({ signal }, 'stopping');
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
  await app.close();
  logger.info('stopped');
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
  return `modgate ${version} serves Go modules at ${url}

  go env -w GOPROXY=${forOthers(url)}

  store      ${config.data}
${routes}  enforced   zip rules before a version is released; a stored version never changes
  checksums  ${databases === '' ? 'no checksum database is passed on' : `${databases} passed on; the go command verifies it`}
${insecure.length === 0 ? '' : `  INSECURE   certificates are NOT verified for: ${insecure.join(', ')}\n`}
`;
}

/** An address that stands for all addresses of the machine is none that a client can use. */
function forOthers(url: string): string {
  return url.replace(/\/\/(?:0\.0\.0\.0|\[::\])/, `//${hostname()}`);
}
