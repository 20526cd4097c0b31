/** Whichever of `.mod` and zip comes in first, and however close together: two that differ are told. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';
import { createZip, ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { FileTree, keys } from '../store/index.ts';
import { Admissions } from './admission.ts';
import { Intake } from './intake.ts';

const LIB = parseModulePath('example.com/lib');
const M: ModuleVersion = { path: LIB, version: parseVersion(LIB, 'v1.0.0') };
const MOD = Buffer.from(`module ${LIB}\n`);
const OTHER = Buffer.from(`module ${LIB} // another\n`);
const ZIP = createZip(M, [{ name: 'go.mod', data: MOD }]);
const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });
const TOGETHER = { code: 'CHECKSUM_MISMATCH', message: /were stored at the same time/ };

describe('two imports at once', () => {
  let data: string;
  let tree: FileTree;
  let checker: ZipChecker;
  let one: Intake;
  let other: Intake;

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-intake-'));
    checker = new ZipChecker();
    tree = await FileTree.open(data, { logger });
    one = intakeOf(tree);
    other = intakeOf(tree);
  });
  afterEach(async () => {
    await checker.close();
    await tree.close();
    fs.rmSync(data, { recursive: true, force: true });
  });

  function intakeOf(store: FileTree): Intake {
    const metrics = new Metrics({ process: false });
    const admissions = new Admissions({ tree: store, checker, logger, metrics });
    return new Intake({ tree: store, checker, admissions, lists: { note: () => undefined } });
  }

  const zipInto = (intake: Intake) => {
    const pieces = (async function* () {
      yield ZIP;
    })();
    return intake.zip(M, 'one', { pieces, h1: undefined }, new AbortController().signal);
  };

  for (const [mod, what] of [
    [MOD, 'are the same'],
    [OTHER, 'differ'],
  ] as const) {
    it(`a .mod comes in while a zip is stored, and they ${what}`, async () => {
      const adopt = tree.adopt.bind(tree);
      tree.adopt = async (...args) => {
        await other.file(M, 'other', 'mod', mod);
        return await adopt(...args);
      };
      const done = zipInto(one);
      if (mod === OTHER) await assert.rejects(done, TOGETHER);
      else await done;
    });

    it(`a zip comes in while a .mod is stored, and they ${what}`, async () => {
      const put = tree.put.bind(tree);
      tree.put = async (...args) => {
        tree.put = put;
        await zipInto(other);
        return await put(...args);
      };
      const done = one.file(M, 'one', 'mod', mod);
      if (mod === OTHER) await assert.rejects(done, TOGETHER);
      else await done;
      assert.deepEqual(await (await tree.open(keys.file(M, 'mod')))?.bytes(), mod, 'what is stored stays');
    });
  }
});
