/**
 * npm test: every dist/src/**\/*.test.js and dist/test/**\/*.test.js, two files at a time, then those about
 * the real upstream. Arguments are pieces of file names. The last line is `N passed, N failed, N skipped`.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { reachUpstream } from './kit/reach.ts';
import { Report } from './kit/report.ts';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.dirname(here);
/** ms for one file; a leaked handle must not hang the run */
const FILE_LIMIT = 240_000;

function testFiles(filters: readonly string[]): string[] {
  return ['src', 'test']
    .flatMap((folder) => walk(path.join(dist, folder)))
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
    .sort();
}

function walk(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? walk(file) : [file];
  });
}

async function runFiles(files: string[], report: Report, guarded: boolean): Promise<void> {
  if (files.length === 0) return;
  const options = process.env.NODE_OPTIONS;
  if (guarded) {
    // By the environment, so that every Node process that a test starts inherits the guard.
    const guard = new URL('./kit/hermetic.js', import.meta.url).href;
    process.env.NODE_OPTIONS = `${options ?? ''} --import=${guard}`.trim();
  }
  try {
    for await (const event of run({ files, concurrency: 2, timeout: FILE_LIMIT })) report.take(event);
  } finally {
    if (options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = options;
  }
}

async function main(): Promise<void> {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-test-'));
  const dials = path.join(scratch, 'dials.txt');
  process.env.TESTS_OF_MODGATE_SCRATCH = scratch;
  process.env.TESTS_OF_MODGATE_DIALS = dials;
  const strict = process.env.MODGATE_TEST_NOTHING_LEFT_OUT === '1';
  let isTold = false;
  // A failure that Node cannot hand over from a test's process ends this one without a word.
  process.on('uncaughtExceptionMonitor', (error) =>
    process.stderr.write(`FAILED the run itself: ${inspect(error)}\n`),
  );
  process.on('exit', () => {
    if (!isTold)
      process.stderr.write(
        'FAILED: the run ended early; run the file after the last one above by node alone\n',
      );
  });
  const report = new Report(dist, process.stdout);
  try {
    const files = testFiles(process.argv.slice(2));
    const upstream = path.join(here, 'upstream') + path.sep;
    await runFiles(
      files.filter((file) => !file.startsWith(upstream)),
      report,
      true,
    );
    if (fs.existsSync(dials)) report.fail('a dial outside loopback', fs.readFileSync(dials, 'utf8'));
    const real = files.filter((file) => file.startsWith(upstream));
    const reach = real.length === 0 ? undefined : await reachUpstream();
    // Without a go command nobody knows whether the network is there: no excuse.
    const unreachable = reach === undefined || reach.url === '' ? undefined : reach.fault;
    await runFiles(real, report, false);
    process.exitCode = report.finish({ strict, unreachable });
    isTold = true;
  } finally {
    // The go command's caches are read-only in parts, unless it was told otherwise; force suffices for files.
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

await main();
