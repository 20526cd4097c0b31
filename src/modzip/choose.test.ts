import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { explain, ModgateError } from '../errors/index.ts';
import { CHOICES, candidates, choose, REFUSED } from './choose.test.kit.ts';
import { chooseFiles } from './index.ts';

for (const { files, chosen } of CHOICES) {
  test(`of ${files.map(({ name }) => name).join(' ')} are in the zip: ${chosen}`, () => {
    const choice = choose(files);
    assert.equal(choice.chosen.map(({ name }) => name).join(' '), chosen);
    assert.equal(choice.chosen.length + choice.omitted.length, files.length);
  });
}

for (const { files, says } of REFUSED) {
  test(`no zip is made of ${files.map(({ name, size }) => `${name} ${size}`).join(', ')}`, () => {
    assert.throws(
      () => choose(files),
      (error) => {
        assert.ok(error instanceof ModgateError);
        assert.equal(error.code, 'BAD_MODULE');
        assert.match(error.message, says);
        assert.match(explain(error), /^next: /m);
        return true;
      },
    );
  });
}

test('a tree that is too large: the text names its largest file', () => {
  const files = [1, 300, 250].map((mib, i) => ({ name: `f${i}`, kind: 'file', size: mib << 20 }) as const);
  assert.throws(() => chooseFiles(files), {
    code: 'BAD_MODULE',
    message: /too large: the limit of a module is 500 MiB\nits largest file is "f1": 300 MiB$/,
  });
});

test('why a file is left out', () => {
  const { omitted } = choose(candidates('vendor/a/b a/go.mod .hg_archival.txt b@ c= d|'));
  assert.deepEqual(omitted, [
    { name: 'vendor/a/b', reason: 'in a vendor folder' },
    { name: 'a/go.mod', reason: 'in another module' },
    { name: '.hg_archival.txt', reason: 'made by hg archive' },
    { name: 'b', reason: 'a symbolic link' },
    { name: 'c', reason: 'a submodule' },
    { name: 'd', reason: 'not a regular file' },
  ]);
});

test('a million names are chosen from, or refused, in seconds', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ name: `d${i % 9}/f${i}`, kind: 'file', size: 1 }) as const);
  assert.throws(() => chooseFiles(many(1_000_000)), { code: 'BAD_MODULE', message: /more than/ });
  assert.throws(() => chooseFiles(many(500_001)), { code: 'BAD_MODULE', message: /more than 500000 files/ });
  const long = Array.from({ length: 20_000 }, (_, i) => `${i}`.padEnd(4000, 'x'));
  assert.throws(() => chooseFiles(long.map((name) => ({ name, kind: 'file', size: 1 }))), {
    code: 'BAD_MODULE',
    message: /file names of more than/,
  });
  // Each deeper than a folder can be made, each below a go.mod of its own.
  const deep = Array.from({ length: 2000 }, (_, i) => `${'a/'.repeat(2000)}${i}`);
  const nested = deep.flatMap((folder) => [`${folder}/go.mod`, `${folder}/x`]);
  const files = nested.map((name) => ({ name, kind: 'file', size: 0 }) as const);
  assert.equal(chooseFiles(files).omitted.length, files.length);
  assert.throws(() => chooseFiles([{ name: 'a/'.repeat(3000), kind: 'file', size: 0 }]), {
    code: 'BAD_MODULE',
  });
});

test('fuzz: any names are chosen, left out or refused', () => {
  const kind = fc.constantFrom('file', 'symlink', 'submodule', 'irregular');
  const file = fc.record({ name: fc.string({ unit: 'binary', maxLength: 30 }), kind, size: fc.nat() });
  const property = fc.property(fc.array(file), fc.string(), (files, goMod) => {
    try {
      const { chosen, omitted } = chooseFiles(files, Buffer.from(goMod));
      assert.equal(chosen.length + omitted.length, files.length);
    } catch (error) {
      assert.ok(error instanceof ModgateError && error.code === 'BAD_MODULE', String(error));
    }
  });
  fc.assert(property, { numRuns: 5000, interruptAfterTimeLimit: 1000 });
});
