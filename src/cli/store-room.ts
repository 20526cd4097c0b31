import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Loaded } from '../config/index.ts';
import { ModgateError, systemCode, toModgateError } from '../errors/index.ts';
import { Upkeep } from '../gateway/index.ts';
import { ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom } from '../store/index.ts';
import { configFrom } from './options.ts';
import { VersionControl } from './version-control.ts';
import { makeRouter, makeSources } from './wiring.ts';

export interface StoreSession {
  readonly upkeep: Upkeep;
  /** aborted by SIGINT and SIGTERM */
  readonly signal: AbortSignal;
}

/** Opens the data folder of the configuration, lets the work be done, and closes everything, however it ends. */
export async function withStore(
  command: Command,
  work: (session: StoreSession) => Promise<void>,
): Promise<void> {
  const loaded = configFrom(command);
  const { config } = loaded;
  if (!existsSync(join(config.data, 'tree')))
    throw new ModgateError('USAGE', `there is no store in ${config.data}`, {
      next: 'Name its folder with --data, or the configuration with --config.',
    });
  const logger = createLogger({ ...config.log, level: levelOf(loaded) });
  const metrics = new Metrics({ process: false });
  const tree = await FileTree.open(config.data, { logger });
  const sources = makeSources(config, tree, logger, metrics);
  const versionControl = new VersionControl(config, { tree, logger, metrics });
  const router = makeRouter(config, sources, (route) => versionControl.source(route));
  const checker = new ZipChecker();
  const room = new Storeroom(tree, config.data);
  const deps = { room, router, checker, clock: systemClock, logger, metrics, forget: () => undefined };
  const upkeep = new Upkeep(deps, { ...config.store, visiting: true });
  const stop = new AbortController();
  process.stdout.on('error', readEnough);
  const onSignal = () => stop.abort(new ModgateError('CANCELED', 'stopped before the end'));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  try {
    if (!(await isComplete(room)))
      process.stderr.write('reading the whole store once, for its catalogue …\n');
    await upkeep.complete();
    await work({ upkeep, signal: stop.signal });
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    await Promise.all([...sources.values(), versionControl].map((one) => one.close()));
    await upkeep.close();
    room.close();
    await checker.close();
    await tree.close();
  }
}

/** A broken catalogue is made again first. */
async function isComplete(room: Storeroom): Promise<boolean> {
  try {
    return room.complete;
  } catch (thrown) {
    if (toModgateError(thrown).code !== 'OVERLOADED') throw thrown;
    await room.healed();
    process.stderr.write(
      'the catalogue was broken: it lies beside the new one as catalog.db.broken-…; when versions came and were used is lost\n',
    );
    return room.complete;
  }
}

/** Whoever reads a pipe may close it after the first lines. */
function readEnough(error: Error): void {
  if (systemCode(error) === 'EPIPE') process.exit(0);
  throw error;
}

/** What a command does it prints; its log is for who asks for it by a flag. */
function levelOf({ config, origins }: Loaded): string {
  return origins.get('log/level')?.startsWith('--') === true ? config.log.level : 'silent';
}
