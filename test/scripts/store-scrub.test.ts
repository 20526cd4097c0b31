/** In the background every stored file is read again; what rotted while the server was down is found and mended. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pairFor } from '../kit/gateway.ts';
import { flip } from '../kit/store.ts';
import { until } from '../kit/wait.ts';

const ZIP = '/example.com/plain/@v/v1.0.0.zip';
/** ms; the first look comes some seconds after the start */
const LONG = 60_000;

test('the background check finds a flipped byte, counts, and the next request mends it', async (t) => {
  const { modgate } = await pairFor(t, { config: { store: { scrub: '1s' } } });
  for (const url of [ZIP, '/example.com/plain/@v/v1.0.0.mod', '/example.com/mod/@v/v1.0.0.zip'])
    assert.equal((await modgate.ask(url)).status, 200, url);
  const file = path.join(modgate.data, 'tree', ZIP);
  const whole = fs.readFileSync(file);
  await modgate.stop();
  flip(file, 10);
  await modgate.restart();
  await until(
    () => (modgate.logs.some(({ msg }) => msg === 'every stored file was checked') ? true : undefined),
    'a pass',
    LONG,
  );
  const found = modgate.logs.find(({ key }) => key === 'example.com/plain/@v/v1.0.0.zip');
  assert.match(String(found?.msg), /moved away/);
  assert.equal(fs.existsSync(file), false);
  const metrics = (await modgate.ask('/metrics')).text;
  assert.match(metrics, /modgate_scrub_files_total\{outcome="bad"\} 1\n/);
  assert.match(metrics, /modgate_scrub_files_total\{outcome="fits"\} [1-9]/);
  assert.match(metrics, /modgate_scrub_bytes_total [1-9]/);
  assert.match(metrics, /modgate_scrub_last_pass_seconds 1[0-9.e+]+\n/);
  assert.match(metrics, /modgate_quarantined_total 1\n/);
  assert.equal((await modgate.ask(ZIP)).status, 200);
  assert.deepEqual(fs.readFileSync(file), whole);
});
