import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isUsed, Uses, usedAt } from './uses.ts';

function copyOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-uses-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'copy');
}

describe('uses of a copy', () => {
  it('last until the last one ends, however often that is told', async (t) => {
    const copy = copyOf(t);
    mkdirSync(copy);
    const uses = new Uses(copy);
    const [one, other] = [uses.begin(), uses.begin()];
    one();
    one();
    assert.equal(await isUsed(copy), true);
    other();
    assert.equal(await isUsed(copy), false);
    const again = uses.begin();
    assert.equal(await isUsed(copy), true);
    again();
  });

  it('make no copy, and keep one that is made while they last', async (t) => {
    const copy = copyOf(t);
    const uses = new Uses(copy);
    const [first, second] = [uses.begin(), uses.begin()];
    assert.equal(existsSync(copy), false);
    mkdirSync(copy);
    uses.renew();
    assert.equal(await isUsed(copy), true);
    first();
    assert.equal(await isUsed(copy), true);
    second();
    assert.deepEqual(readdirSync(join(copy, 'in-use')), []);
    uses.renew();
    assert.equal(await isUsed(copy), false);
  });

  it('one that could not be noted down does not count', async (t) => {
    const copy = copyOf(t);
    mkdirSync(copy);
    const uses = new Uses(copy);
    // Stands for a full or broken disk.
    writeFileSync(join(copy, 'in-use'), '');
    assert.throws(() => uses.begin());
    rmSync(join(copy, 'in-use'));
    const end = uses.begin();
    assert.equal(await isUsed(copy), true);
    end();
    assert.equal(await isUsed(copy), false);
  });

  it('date the copy; one that was never read has the time when it was made', (t) => {
    const copy = copyOf(t);
    assert.equal(usedAt(copy), 0);
    mkdirSync(copy);
    utimesSync(copy, 1000, 1000);
    assert.equal(usedAt(copy), 1_000_000);
    const before = Math.floor(Date.now() / 1000) * 1000;
    new Uses(copy).begin()();
    assert.ok(usedAt(copy) >= before);
  });
});
