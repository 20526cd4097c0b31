/** Our choices beside those of the real golang.org/x/mod/zip. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { CHOICES, choose, type File, MIB, REFUSED, withGo } from './choose.test.kit.ts';
import { BAD_FOLDERS, FOLDERS, make } from './folder.test.kit.ts';
import { type Candidate, checkZip, zipFolder } from './index.ts';
import { M } from './rawzip.test.kit.ts';
import { withoutXMod, XMod, type XModQuestion } from './xmod.test.kit.ts';

describe('as x/mod', { skip: withoutXMod }, () => {
  let judge: string;
  let xmod: XMod;
  before(() => {
    judge = mkdtempSync(path.join(os.tmpdir(), 'modgate-xmod-'));
    xmod = new XMod(judge);
  });
  after(() => rmSync(judge, { recursive: true, force: true }));

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

  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(judge, 'folder-'));
  });

  async function ourH1(): Promise<string> {
    const file = path.join(judge, 'm.zip');
    writeFileSync(file, '');
    for await (const piece of (await zipFolder(M, folder)).stream) appendFileSync(file, piece);
    return checkZip(file, M).h1;
  }

  for (const { says, files } of FOLDERS) {
    test(`of ${says}`, async () => {
      make(folder, files);
      const [answer] = await xmod.ask([{ folder }]);
      assert.equal(answer?.error, '');
      assert.equal(await ourH1(), answer.h1);
    });
  }

  for (const files of BAD_FOLDERS) {
    test(`refused with ${Object.keys(files).join(' and ')}`, async () => {
      make(folder, files);
      const [answer] = await xmod.ask([{ folder }]);
      assert.notEqual(answer?.error, '');
    });
  }
});
