import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changes } from './changes.ts';
import { tempFolder } from './fixtures.test.kit.ts';

test('a change is told to this process too, at once: its old and its new configuration hold memory each', async (t) => {
  const folder = tempFolder();
  const changes = new Changes(folder.path);
  t.after(() => {
    changes.close();
    folder.remove();
  });
  let [one, other] = [0, 0];
  const ended = changes.watch(() => one++);
  changes.watch(() => other++);
  await changes.tell();
  ended();
  await changes.tell();
  assert.deepEqual([one, other], [1, 2]);
});
