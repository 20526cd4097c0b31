/**
 * npm run conformance -- URL | --self | --upstream PORT, and --json. Holds a GOPROXY to the table; its upstream
 * must be the fixture.
 */
import { parseArgs } from 'node:util';
import { readArguments } from '../kit/arguments.ts';
import { startPair } from '../kit/gateway.ts';
import { Upstream } from '../kit/upstream.ts';
import type { Outcome } from './row.ts';
import { ROWS, runTable } from './run.ts';

const USAGE = `npm run conformance -- URL              holds the GOPROXY at URL to a table of ${ROWS.length} rows
npm run conformance -- --self           starts a modgate of this build over the fixture, and holds it to the table
npm run conformance -- --upstream PORT  serves the fixture alone
                          --json        one JSON object a row

Before another server is tested: serve the fixture with --upstream PORT, and let the server have
http://127.0.0.1:PORT as its only upstream (GOPROXY), without direct, with an empty cache, and the checksum
database sum.modgate.test, reached by that upstream below /sumdb/sum.modgate.test.
`;

function print(outcome: Outcome, json: boolean): void {
  const { row, faults } = outcome;
  const asked = `${row.method ?? 'GET'} ${row.path.length > 100 ? `${row.path.slice(0, 97)}…` : row.path}`;
  if (json) {
    const { section, name } = row;
    process.stdout.write(
      `${JSON.stringify({ section, name, request: asked, headers: row.headers, passed: faults.length === 0, faults })}\n`,
    );
    return;
  }
  const mark = faults.length === 0 ? 'ok  ' : 'FAIL';
  process.stdout.write(`${mark} ${row.section}: ${row.name} · ${asked}\n`);
  for (const fault of faults) process.stdout.write(`       ${fault}\n`);
}

/** The table is about the fixture's modules: without them nearly every row would fail, and say nothing. */
async function fixtureIsBehind(url: string): Promise<boolean> {
  const response = await fetch(`${url}/example.com/plain/@v/v1.0.0.mod`).catch(() => undefined);
  return response?.status === 200;
}

async function hold(url: string, json: boolean): Promise<void> {
  const outcomes = await runTable(url.replace(/\/$/, ''), (outcome) => print(outcome, json));
  const failed = outcomes.filter((outcome) => outcome.faults.length > 0).length;
  const passed = outcomes.length - failed;
  process.stdout.write(
    json ? `${JSON.stringify({ passed, failed })}\n` : `${passed} passed, ${failed} failed\n`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

interface Arguments {
  readonly url: string | undefined;
  /** of a fixture that is served alone */
  readonly port: number | undefined;
  readonly self: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

function read(): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      self: { type: 'boolean' },
      json: { type: 'boolean' },
      upstream: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  const [url] = positionals;
  if (url !== undefined && !/^https?:\/\//.test(url)) throw new Error(`${url}: a URL is needed`);
  const { upstream, self = false, json = false, help = false } = values;
  const port = upstream === undefined ? undefined : Number(upstream);
  if (upstream !== undefined && !(/^\d{1,5}$/.test(upstream) && Number(upstream) <= 65_535))
    throw new Error(`--upstream ${upstream}: a port is needed`);
  return { url, port, self, json, help };
}

async function main(): Promise<void> {
  const { url, port, self, json, help } = readArguments(USAGE, read);
  if (port !== undefined) {
    const upstream = await Upstream.start(undefined, port);
    process.stdout.write(`the fixture is served at ${upstream.url} until this is stopped\n`);
    return;
  }
  if (self) {
    const pair = await startPair();
    try {
      await hold(pair.modgate.url, json);
    } finally {
      await pair.close();
    }
    return;
  }
  if (url === undefined || help) {
    process.stderr.write(USAGE);
    process.exitCode = help ? 0 : 2;
    return;
  }
  if (!(await fixtureIsBehind(url.replace(/\/$/, '')))) {
    process.stderr.write(`${url} does not serve the fixture's module example.com/plain\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  await hold(url, json);
}

await main();
