import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, type ReadFile } from '../config/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { Reloader, readConfig } from './reloader.ts';

test('a modgate.yaml of the working directory that is gone leaves what it said in force', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'modgate-reloader-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const file = join(cwd, 'modgate.yaml');
  writeFileSync(file, 'chain: off\n');
  const load = (read: ReadFile) => loadConfig({ env: {}, flags: {}, cwd, read });
  const chains: (string | undefined)[] = [];
  const reloader = new Reloader(readConfig(load), {
    load,
    logger: createLogger({ level: 'silent', format: 'json' }),
    metrics: new Metrics({ process: false }),
    prepare: ({ loaded }) => ({
      commit: () => chains.push(loaded.config.routes.at(-1)?.chain),
      discard: async () => undefined,
    }),
  });
  t.after(() => reloader.close());
  rmSync(file);
  await reloader.reload('SIGHUP');
  assert.deepEqual(chains, []);
  assert.equal(reloader.state.ok, false);
  writeFileSync(file, 'chain: off\n');
  await reloader.reload('SIGHUP');
  assert.deepEqual(chains, ['off']);
  assert.equal(reloader.state.ok, true);
});
