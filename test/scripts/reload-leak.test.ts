import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { pairFor, SOURCE, sourceSettings } from '../kit/gateway.ts';
import { hangUp, page } from '../kit/reload.ts';
import { until } from '../kit/wait.ts';
import { metric } from '../kit/workers.ts';

test('200 reloads leave nothing behind', async (t) => {
  const { modgate, upstream } = await pairFor(t);
  const descriptors = () => fs.readdirSync(`/proc/${modgate.pid}/fd`).length;
  const reload = async (n: number) => {
    // A source that was asked has connections that must go with it.
    await modgate.ask(`/example.com/cold/leak${n}/@v/v1.0.0.mod`);
    modgate.configure({ sources: { [SOURCE]: { ...sourceSettings(upstream.url), concurrency: 10 + n } } });
    await hangUp(modgate);
  };
  for (let n = 0; n < 40; n++) await reload(n);
  const first = { descriptors: descriptors(), handles: await page(modgate, 'nodejs_active_handles') };
  for (let n = 40; n < 240; n++) await reload(n);
  await until(
    () => (descriptors() <= first.descriptors + 4 ? true : undefined),
    'as few descriptors as before',
  );
  const text = (await modgate.ask('/metrics')).text;
  assert.ok(metric(text, 'nodejs_active_handles') <= first.handles + 4);
  assert.ok(metric(text, 'process_resident_memory_bytes') < 250e6);
  assert.equal(
    text.split('\n').filter((line) => line.startsWith('modgate_upstream_breaker_state{')).length,
    2,
  );
});
