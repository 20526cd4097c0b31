import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { ModuleVersion } from '../module/index.ts';
import { Progress } from './progress.ts';
import { gitWarnings } from './publish-git.ts';
import { type Destination, destinationOf } from './publish-server.ts';
import { upload } from './publish-upload.ts';
import { type MadeZip, makeZip } from './publish-zip.ts';
import { sizeText } from './store-view.ts';

export interface PublishFlags {
  readonly version?: string;
  readonly module?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** names of files that are told */
const TOLD = 10;

export async function runPublish(command: Command, what: string, flags: PublishFlags): Promise<void> {
  const { version } = flags;
  if (version === undefined)
    throw new ModgateError('USAGE', 'there is no version to publish', {
      next: 'Name it: modgate publish --version v1.2.3.',
    });
  // What is wrong with the way there is told before any work.
  const destination = flags.dryRun === true ? undefined : destinationOf(command, flags);
  const token = destination === undefined ? '' : tokenFor(destination, flags);
  const stop = new AbortController();
  const onSignal = () => stop.abort(new ModgateError('CANCELED', 'stopped: nothing was published'));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  const made = await makeZip(what, { ...flags, version }, stop.signal);
  try {
    const differences = made.folder === undefined ? [] : await gitWarnings(made.folder, made.m);
    const warnings = [...made.warnings, ...differences];
    if (flags.json !== true) describeZip(made, warnings);
    const progress = flags.json === true ? undefined : new Progress('publish', made.size);
    const status =
      destination === undefined
        ? 'checked'
        : await upload(destination, token, made, stop.signal, (bytes) => progress?.show(made.files, bytes));
    progress?.clear();
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(report(made, warnings, status, destination))}\n`
        : summary(made, status, destination),
    );
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
    await made.remove();
  }
}

function tokenFor({ token }: Destination, { tokenFile }: PublishFlags): string {
  const own = tokenFile === undefined ? process.env.MODGATE_PUBLISH_TOKEN : readToken(tokenFile);
  const found = own || token?.reveal();
  if (found !== undefined) return found;
  throw new ModgateError('USAGE', 'there is no token to publish with', {
    next: 'Set MODGATE_PUBLISH_TOKEN, or name a file with --token-file.',
  });
}

/** One that is empty must not lead to another token: whoever names a file means that one. */
function readToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token !== '') return token;
  } catch (cause) {
    throw new ModgateError('USAGE', `${file}: ${systemCode(cause)}`, {
      cause,
      next: 'Name a file that can be read.',
    });
  }
  throw new ModgateError('USAGE', `${file} is empty`, { next: 'Name the file that holds the token.' });
}

function describeZip({ m, files, uncompressed, size, omitted }: MadeZip, warnings: readonly string[]): void {
  const lines = [
    `${name(m)}: ${files} files, ${sizeText(uncompressed)}; zip ${sizeText(size)}`,
    ...omitted.slice(0, TOLD).map((one) => `left out: ${one.name} (${one.reason})`),
    ...(omitted.length > TOLD ? [`left out: ${omitted.length - TOLD} more; --json names all`] : []),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

function summary({ m, h1, goModH1 }: MadeZip, status: string, destination: Destination | undefined): string {
  const where = destination === undefined ? '' : ` at ${destination.shown}`;
  const what = {
    checked: `${name(m)} can be published; nothing was sent`,
    published: `${name(m)} is published${where}`,
    unchanged: `${name(m)} was published before${where}, with the same content`,
  }[status];
  return `${what ?? status}\ngo.sum:\n${m.path} ${m.version} ${h1}\n${m.path} ${m.version}/go.mod ${goModH1}\n`;
}

function report(
  { m, h1, goModH1, files, uncompressed, size, omitted }: MadeZip,
  warnings: readonly string[],
  status: string,
  destination: Destination | undefined,
): unknown {
  return {
    module: m.path,
    version: m.version,
    status,
    server: destination?.shown ?? null,
    h1,
    go_mod_h1: goModH1,
    files,
    bytes: uncompressed,
    zip_bytes: size,
    omitted,
    warnings,
  };
}

function name({ path, version }: ModuleVersion): string {
  return `${path}@${version}`;
}
