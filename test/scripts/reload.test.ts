import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Pair, SOURCE, startPair } from '../kit/gateway.ts';
import { open, readAll } from '../kit/http.ts';
import type { Modgate, Piece } from '../kit/modgate.ts';
import { fresh, hangUp, page, REFUSED } from '../kit/reload.ts';
import { admin, adminUrl } from '../kit/store.ts';
import { until } from '../kit/wait.ts';

for (const workers of [1, 3]) {
  describe(`SIGHUP, ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair({ config: { workers, admin: { listen: '127.0.0.1:0' } } });
    });
    after(() => pair.close());
    const off = { routes: [{ match: 'example.com/cold/*', chain: 'off' }] };

    /** The statuses of some requests for modules that nobody has asked for yet; the workers share them. */
    async function statuses(): Promise<number[]> {
      const asked = Array.from({ length: 12 }, () =>
        pair.modgate.ask(`/example.com/cold/${fresh()}/@v/v1.0.0.mod`),
      );
      return [...new Set((await Promise.all(asked)).map(({ status }) => status))];
    }

    test('a module that was allowed is refused, and the other way round', async () => {
      const { modgate } = pair;
      assert.deepEqual(await statuses(), [200]);
      modgate.configure(off);
      await hangUp(modgate);
      await until(async () => ((await statuses()).join() === '403' ? true : undefined), '403');
      modgate.configure({});
      await hangUp(modgate);
      await until(async () => ((await statuses()).join() === '200' ? true : undefined), '200');
      assert.equal(await page(modgate, 'modgate_config_reload_failures_total'), 0);
    });

    const faults: [what: string, text: (modgate: Modgate) => string, told: RegExp][] = [
      ['broken YAML', () => 'routes: [ {', /modgate\.yaml:1:/],
      ['an unknown key', (m) => changed(m, { colour: 'red' }), /colour/],
      [
        'a missing secret',
        (m) => changed(m, { admin: { token: { file: 'no-such-file' } } }),
        /no-such-file: no such file/,
      ],
      [
        'what only shows when it is made',
        (m) => changed(m, badCa(m)),
        /source "corp-upstream"|certificate|tls/i,
      ],
      ['another address', (m) => changed(m, { listen: '127.0.0.1:1' }), /cannot change listen/],
      [
        'other folders and workers',
        (m) => changed(m, { data: '/x', workers: 2 }),
        /cannot change data, workers/,
      ],
      ['no file at all', () => '', /no such file/],
    ];
    for (const [what, text, told] of faults) {
      test(`${what}: the old one stays in force, and says so`, async () => {
        const { modgate } = pair;
        const failures = await page(modgate, 'modgate_config_reload_failures_total');
        modgate.configure({});
        const broken = text(modgate);
        if (broken === '') fs.rmSync(modgate.file);
        else fs.writeFileSync(modgate.file, broken);
        const line = await hangUp(modgate, REFUSED);
        assert.equal(line.level, 'error');
        assert.match(JSON.stringify(line.faults), told);
        assert.deepEqual(await statuses(), [200]);
        assert.equal(await page(modgate, 'modgate_config_reload_failures_total'), failures + 1);
        assert.equal(await page(modgate, 'modgate_config_last_reload_successful'), 0);
        await until(async () => {
          const ready = await modgate.ask('/readyz');
          assert.doesNotMatch(ready.text, told, 'only the administrator reads paths');
          return ready.status === 200 && /degraded.*an older one is in force/s.test(ready.text)
            ? true
            : undefined;
        }, '/readyz to say it');
        await until(async () => {
          const { text } = await admin(await adminUrl(pair), 'GET', '/readyz');
          return told.test(text) ? true : undefined;
        }, '/readyz of the administrative listener to say why');
        modgate.configure({});
        await hangUp(modgate);
        assert.equal(await page(modgate, 'modgate_config_last_reload_successful'), 1);
        await until(
          async () => (/"ready"/.test((await modgate.ask('/readyz')).text) ? true : undefined),
          'ready',
        );
      });
    }

    test('a fetch that runs ends with what it began with', async () => {
      const { modgate, upstream } = pair;
      const url = '/example.com/big/@v/v1.0.0.zip';
      upstream.fault(url, { kind: 'hang-body', after: 4 << 20 });
      const running = open(modgate.url, url).then(readAll);
      running.catch(() => undefined);
      await upstream.next(url);
      modgate.configure({ routes: [{ match: 'example.com/*', chain: 'off' }] });
      await hangUp(modgate);
      await until(async () => ((await statuses()).join() === '403' ? true : undefined), '403');
      upstream.heal();
      assert.ok((await running).length > 4 << 20);
      modgate.configure({});
      await hangUp(modgate);
    });
  });
}

/** The configuration as it was started with, and a change. */
function changed(modgate: Modgate, change: Record<string, Piece>): string {
  return JSON.stringify({ ...JSON.parse(fs.readFileSync(modgate.file, 'utf8')), ...change });
}

function badCa(modgate: Modgate): Record<string, Piece> {
  const file = path.join(modgate.folder, 'bad-ca.pem');
  fs.writeFileSync(file, '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n');
  return { sources: { [SOURCE]: { url: 'https://127.0.0.1:1', tls: { ca: file } } } };
}
