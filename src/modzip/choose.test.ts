import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { explain, ModgateError } from '../errors/index.ts';
import { type Candidate, chooseFiles } from './index.ts';
import { withoutXMod, XMod, type XModQuestion } from './xmod.test.kit.ts';

const MIB = 1 << 20;
type File = Candidate & { readonly data?: string };

/** "name", "name@" for a symbolic link, "name|" for a pipe, "name=" for a submodule, "name:7" for a size in MiB */
function candidates(text: string): File[] {
  return text.split(/ +/).map((word) => {
    const [, name = '', mark, size] = /^(.*?)(?:([@|=])|:(\d+))?$/.exec(word) ?? [];
    const kind = mark === '@' ? 'symlink' : mark === '|' ? 'irregular' : mark === '=' ? 'submodule' : 'file';
    return { name, kind, size: Number(size ?? 0) * MIB };
  });
}

function withGo(version: string, text: string): File[] {
  return [
    { name: 'go.mod', kind: 'file', size: 9, data: `module corp.example/m\n\ngo ${version}\n` },
    ...candidates(text),
  ];
}

function choose(files: readonly File[]) {
  const goMod = files.find(({ name }) => name === 'go.mod')?.data;
  return chooseFiles(files, goMod === undefined ? undefined : Buffer.from(goMod));
}

const CHOICES: readonly { files: File[]; chosen: string }[] = [
  { files: candidates('go.mod a.go sub/b.go LICENSE'), chosen: 'go.mod a.go sub/b.go LICENSE' },
  { files: candidates('b a'), chosen: 'b a' },
  // vendored packages
  { files: candidates('vendor/a.go vendor/x/a.go a/vendor/b a/vendor/x/b'), chosen: 'vendor/a.go' },
  {
    files: candidates('vendor/modules.txt xvendor/a/b vendorx/a/b'),
    chosen: 'vendor/modules.txt xvendor/a/b vendorx/a/b',
  },
  { files: withGo('1.23', 'vendor/modules.txt a/vendor/b'), chosen: 'go.mod vendor/modules.txt' },
  { files: withGo('1.24', 'vendor/modules.txt a/vendor/b a/vendor/x/b'), chosen: 'go.mod a/vendor/b' },
  { files: withGo('1.24rc1', 'vendor/modules.txt'), chosen: 'go.mod' },
  { files: withGo('1.24.3', 'vendor/modules.txt'), chosen: 'go.mod' },
  { files: withGo('2.0', 'vendor/modules.txt'), chosen: 'go.mod' },
  // no Go version at all
  { files: withGo('1.24.3rc1', 'vendor/modules.txt'), chosen: 'go.mod vendor/modules.txt' },
  { files: withGo('1.24\nnonsense (', 'vendor/modules.txt'), chosen: 'go.mod vendor/modules.txt' },
  // nested modules, whatever the case of their go.mod, unless it is no file
  { files: candidates('a/go.mod a/x a/b/y b/GO.MOD b/x c/x'), chosen: 'c/x' },
  { files: candidates('a/go.mod@ a/x b/go.mod| b/x c/go.mod= c/x'), chosen: 'a/x b/x c/x' },
  { files: candidates('a/b/go.mod a/x ab/x a/bc/x'), chosen: 'a/x ab/x a/bc/x' },
  // never in a zip
  { files: candidates('.hg_archival.txt x/.hg_archival.txt a@ b| c= d'), chosen: 'x/.hg_archival.txt d' },
  // what is left out by its place may break every rule
  { files: candidates('vendor/a/b:c vendor/a/B vendor/a/b a/go.mod a/x: a/X:'), chosen: '' },
  { files: candidates('a:b= x'), chosen: 'x' },
  { files: candidates('go.mod:16 LICENSE:16 x/LICENSE:17 a:451'), chosen: 'go.mod LICENSE x/LICENSE a' },
];

const REFUSED: readonly { files: File[]; says: RegExp }[] = [
  { files: candidates('a/../b'), says: /"a\/\.\.\/b": the path is not clean/ },
  { files: candidates('a//b'), says: /not clean/ },
  { files: candidates('./a'), says: /not clean/ },
  { files: candidates('a/'), says: /not clean/ },
  { files: [{ name: '', kind: 'file', size: 0 }], says: /not clean/ },
  { files: candidates('/a'), says: /not relative/ },
  { files: candidates('../a'), says: /invalid path element/ },
  { files: candidates('.'), says: /invalid path element/ },
  { files: candidates('a:b'), says: /^files that no module zip may hold:\n"a:b": invalid char ":"$/ },
  { files: candidates('aux.go'), says: /Windows/ },
  { files: candidates('a:b@'), says: /invalid char/ },
  { files: candidates('GO.MOD'), says: /lower-case/ },
  { files: candidates('a A'), says: /case-insensitive/ },
  { files: candidates('x/a X/b'), says: /case-insensitive/ },
  { files: candidates('a a/b'), says: /both a file and a folder/ },
  { files: candidates('a a'), says: /multiple entries/ },
  { files: candidates('a A@'), says: /case-insensitive/ },
  { files: candidates('go.mod:17'), says: /"go\.mod": larger than 16 MiB/ },
  { files: candidates('LICENSE:17'), says: /"LICENSE": larger than 16 MiB/ },
  { files: candidates('a:250 b:251'), says: /too large.*500 MiB/ },
  // the size is told first
  { files: candidates('a:b c:501'), says: /too large/ },
  { files: candidates('a: b: c: d: e:'), says: /"c:": .*\nand 2 more$/ },
];

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

test('a million names are chosen from, or refused, in seconds', { timeout: 60_000 }, () => {
  const many = Array.from(
    { length: 1_000_000 },
    (_, i) => ({ name: `d${i % 9}/f${i}`, kind: 'file', size: 1 }) as const,
  );
  assert.throws(() => chooseFiles(many), { code: 'BAD_MODULE', message: /more than/ });
  // Each deeper than a folder can be made, each below a go.mod of its own.
  const deep = Array.from({ length: 2000 }, (_, i) => `${'a/'.repeat(2000)}${i}`);
  const nested = deep.flatMap((folder) => [`${folder}/go.mod`, `${folder}/x`]);
  const files = nested.map((name) => ({ name, kind: 'file', size: 0 }) as const);
  assert.equal(chooseFiles(files).omitted.length, files.length);
  assert.throws(() => chooseFiles([{ name: 'a/'.repeat(3000), kind: 'file', size: 0 }]), {
    code: 'BAD_MODULE',
  });
});

describe('as x/mod chooses', { skip: withoutXMod }, () => {
  let folder: string;
  let xmod: XMod;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'modgate-xmod-'));
    xmod = new XMod(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function compare(sets: readonly (readonly File[])[]): Promise<void> {
    // git's archive, from which the go command makes its zips, has no files for submodules.
    const questions: XModQuestion[] = sets.map((files) => ({
      files: files.filter(({ kind }) => kind !== 'submodule'),
    }));
    const answers = await xmod.ask(questions);
    for (const [i, files] of sets.entries()) {
      const answer = answers[i];
      assert.ok(answer !== undefined);
      const theirs = answer.error === '' ? verdict(answer.valid ?? [], answer.omitted ?? []) : 'refused';
      assert.deepEqual(ours(files), theirs, `${JSON.stringify(files)}: ${answer.error}`);
    }
  }

  function ours(files: readonly File[]) {
    try {
      const { chosen, omitted } = choose(files);
      const seen = omitted.filter(({ reason }) => reason !== 'a submodule');
      return verdict(
        chosen.map(({ name }) => name),
        seen.map(({ name }) => name),
      );
    } catch (error) {
      if (error instanceof ModgateError && error.code === 'BAD_MODULE') return 'refused';
      throw error;
    }
  }

  function verdict(valid: readonly string[], omitted: readonly string[]) {
    return { valid, omitted: new Set(omitted) };
  }

  test('in every case of the tables', () => compare([...CHOICES, ...REFUSED].map(({ files }) => files)));

  test('fuzz: in any case', async () => {
    const element = fc.constantFrom(
      'a',
      'A',
      'vendor',
      'Vendor',
      'go.mod',
      'GO.mod',
      '..',
      '.',
      '',
      'b:',
      'é',
      'É',
      'ſ',
      's',
      'modules.txt',
      '.hg_archival.txt',
      'con',
      'x~1',
    );
    const name = fc.array(element, { minLength: 1, maxLength: 4 }).map((elements) => elements.join('/'));
    const kind = fc.constantFrom<Candidate['kind']>(
      'file',
      'file',
      'file',
      'symlink',
      'irregular',
      'submodule',
    );
    const size = fc.constantFrom(0, 1, 16 * MIB, 17 * MIB, 300 * MIB);
    const files = fc.array(fc.record({ name, kind, size }), { maxLength: 5 });
    const go = fc.constantFrom(
      '1.1',
      '1.23.9',
      '1.24',
      '1.24rc1',
      '1.24.1rc1',
      '1.24beta',
      'v1.25',
      '2.0',
      '1.100',
      'x',
    );
    const set = fc.tuple(files, fc.option(go)).map(([rest, version]): File[] => {
      return version === null
        ? rest.filter(({ name }) => name !== 'go.mod')
        : [...withGo(version, 'vendor/modules.txt'), ...rest];
    });
    await compare(fc.sample(set, 20_000));
  });
});
