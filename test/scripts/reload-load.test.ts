import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { pairFor } from '../kit/gateway.ts';
import { Go, withoutGo } from '../kit/go.ts';
import { APP_OUTPUT } from '../kit/modules.ts';
import { hangUp } from '../kit/reload.ts';
import { bounded } from '../kit/wait.ts';

const WRK = 'wrk';
const withoutWrk: string | false = spawnSync(WRK, ['-v']).error === undefined ? false : 'no wrk';

for (const workers of [1, 2]) {
  test(`50 reloads under load: no request fails (${workers})`, { skip: withoutWrk }, async (t) => {
    const { modgate } = await pairFor(t, { config: { workers } });
    const url = '/example.com/plain/@v/v1.0.0.info';
    assert.equal((await modgate.ask(url)).status, 200);
    let reloads = 0;
    let over = false;
    const load = wrk(`${modgate.url}${url}`, 3).finally(() => {
      over = true;
    });
    while (reloads < 50 || !over) {
      await hangUp(modgate);
      reloads++;
    }
    const text = await load;
    assert.doesNotMatch(text, /Non-2xx|Socket errors/, text);
    assert.match(text, /Requests\/sec/);
  });
}

function wrk(url: string, seconds: number): Promise<string> {
  const child = spawn(WRK, ['-t1', '-c20', `-d${seconds}s`, '--timeout', '20s', url]);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => (text += piece.toString()));
  const over = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(text));
  });
  return bounded(over, 'the end of wrk', 120_000);
}

test('the real go command builds during 50 reloads', { skip: withoutGo }, async (t) => {
  const { modgate, upstream } = await pairFor(t, { config: { workers: 2 } });
  const options = { proxy: modgate.url, sumdb: upstream.sumdb.verifier };
  let building = true;
  const builds = (async () => {
    for (let n = 0; building || n < 2; n++) {
      const go = new Go();
      const cwd = go.project(['example.com/app v1.0.0']);
      const run = await go.run(['run', '-mod=mod', 'example.com/app'], { ...options, cwd });
      go.remove();
      assert.equal(run.stdout, APP_OUTPUT, run.stderr);
    }
  })();
  builds.catch(() => undefined);
  for (let n = 0; n < 50; n++) {
    modgate.configure({ cache: { fresh: `${1 + (n % 5)}s` } });
    await hangUp(modgate);
  }
  building = false;
  await builds;
});
