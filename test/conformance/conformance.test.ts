import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Upstream } from '../kit/upstream.ts';
import { ROWS, runTable } from './run.ts';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

describe('conformance', () => {
  test('the table has at least 120 rows, each another one', () => {
    assert.ok(ROWS.length >= 120, `${ROWS.length}`);
    const names = ROWS.map((row) => `${row.section}: ${row.name}`);
    assert.deepEqual(
      names.filter((name, at) => names.indexOf(name) !== at),
      [],
    );
  });

  test('modgate passes all of it', { timeout: 120_000 }, () => {
    const run = spawnSync(process.execPath, [MAIN, '--self'], { encoding: 'utf8', timeout: 110_000 });
    const lines = run.stdout.trimEnd().split('\n');
    const failures = lines.filter((line) => !line.startsWith('ok  '));
    assert.equal(failures.join('\n'), `${ROWS.length} passed, 0 failed`, run.stderr);
    assert.equal(run.status, 0);
  });

  test('a server that is no gateway fails it', async (t) => {
    const upstream = await Upstream.start();
    t.after(() => upstream.close());
    const outcomes = await runTable(upstream.url, () => undefined);
    const failed = outcomes.filter((outcome) => outcome.faults.length > 0);
    // The fixture itself answers the endpoints, and knows nothing of ranges, conditions, caches and methods.
    assert.ok(failed.length > 60, `${failed.length}`);
    for (const section of ['ranges', 'conditions', 'caching', 'X-Cache', 'methods', 'compression']) {
      assert.ok(
        failed.some((outcome) => outcome.row.section === section),
        section,
      );
    }
    assert.deepEqual(
      failed.filter((outcome) => outcome.row.section === 'endpoints'),
      [],
    );
  });
});
