import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold } from './collisions.ts';
import { createZip, hashFiles, hashGoMod, type ZipSource } from './index.ts';
import { M } from './rawzip.test.kit.ts';

const data = Buffer.from('x');

test('zips are the same bytes every time', () => {
  const files: ZipSource[] = [
    { name: 'go.mod', data: Buffer.from('module corp.example/m\n') },
    { name: 'a', data: Buffer.alloc(1000), method: 'deflate' },
    { name: 'b', data: Buffer.alloc(1000), method: 'store' },
  ];
  assert.ok(createZip(M, files).equals(createZip(M, files)));
  assert.ok(createZip(M, files).length < 2000);
});

test('what would be refused is not made', () => {
  const bad: readonly (readonly string[])[] = [
    ['../a'],
    ['/a'],
    ['a/'],
    [''],
    ['a:b'],
    ['a', 'a'],
    ['a', 'A'],
    ['a', 'a/b'],
    ['x/go.mod'],
    ['GO.MOD'],
  ];
  for (const names of bad) {
    const files = names.map((name) => ({ name, data }));
    assert.throws(() => createZip(M, files), { code: 'BAD_ZIP' }, names.join());
  }
  const big = Buffer.alloc((16 << 20) + 1);
  for (const name of ['go.mod', 'LICENSE'])
    assert.throws(() => createZip(M, [{ name, data: big }]), { code: 'BAD_ZIP' });
});

test('h1 sorts by bytes', () => {
  const sha256 = Buffer.alloc(32, 7);
  const names = ['z', 'é', '\uffee', '\u{10400}'];
  const expected = hashFiles(names.map((name) => ({ name, sha256 })));
  assert.equal(hashFiles(names.toReversed().map((name) => ({ name, sha256 }))), expected);
  assert.equal(expected, 'h1:/2ZFBQYJ/f7p4skCjBpvrlCKEx++yeoKaDczQzkAX/E=');
  assert.throws(() => hashFiles([{ name: 'a\nb', sha256 }]), { code: 'BAD_ZIP' });
  assert.equal(hashGoMod(Buffer.from('')), 'h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=');
});

test('fuzz: folding does not depend on the case', () => {
  const property = fc.property(
    fc.string({ unit: fc.constantFrom(...Array.from('aKkſßẞıiIİéÉΣσς/\u212a')), maxLength: 12 }),
    (name) => {
      assert.equal(fold(fold(name)), fold(name));
      assert.equal(fold(name).split('/').length, name.split('/').length);
      const ascii = name.replace(/[a-z]/g, (letter) => letter.toUpperCase());
      assert.equal(fold(ascii), fold(name));
    },
  );
  fc.assert(property, { numRuns: 5000, interruptAfterTimeLimit: 1000 });
});
