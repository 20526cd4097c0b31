import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { modgateCommand } from '../kit/modgate.ts';

describe('modgate config', () => {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-config-'));
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  function write(text: string): string {
    const file = path.join(folder, 'modgate.yaml');
    fs.writeFileSync(file, text);
    return file;
  }

  test('check: a good file', () => {
    const file = write(
      'listen: 127.0.0.1:3000\nchain: corp,off\nsources:\n  corp:\n    url: https://proxy.example\n',
    );
    const run = modgateCommand(['config', 'check', '--config', file]);
    assert.equal(run.code, 0, run.stderr);
  });

  test('check: all faults at once, each with line and column, exit 2', () => {
    const file = write(
      'listen: nowhere\nlisten_on: 1\ncache:\n  fresh: 60\nchain: missing\nsources:\n  corp:\n    url: ftp://proxy.example\n',
    );
    const run = modgateCommand(['config', 'check', '--config', file]);
    assert.equal(run.code, 2);
    const text = run.stderr + run.stdout;
    for (const at of ['2:1', '4:10', '8:10'])
      assert.ok(text.includes(`:${at}`), `a fault at ${at} in\n${text}`);
    assert.match(text, /listen_on/);
    assert.match(text, /missing/);
  });

  test('check --json: a good file, with what is odd about it', () => {
    const file = write(
      'chain: corp\nsources:\n  corp:\n    url: http://user:pass@proxy.example\n    proxy: none\n',
    );
    const run = modgateCommand(['config', 'check', '--json', '--config', file]);
    assert.equal(run.code, 0, run.stderr);
    const { valid, faults, warnings } = JSON.parse(run.stdout);
    assert.deepEqual([valid, faults, run.stderr], [true, [], '']);
    assert.match(warnings[0], /modgate\.yaml:4:\d+: .*plain text/);
  });

  test('check --json: every fault is one of a list, exit 2', () => {
    const file = write('listen: nowhere\nlisten_on: 1\n');
    const run = modgateCommand(['config', 'check', '--json', '--config', file]);
    assert.equal(run.code, 2);
    const { valid, faults } = JSON.parse(run.stdout);
    assert.deepEqual([valid, faults.length, run.stderr], [false, 2, '']);
    assert.match(faults[1], /modgate\.yaml:2:1: .*listen_on/);
  });

  test('print: the values in force, without secrets', () => {
    const file = write(
      'sources:\n  corp:\n    url: https://proxy.example\n    auth: { bearer: { token: { env: CORP_TOKEN } } }\nchain: corp\n',
    );
    const run = modgateCommand(['config', 'print', '--config', file], {
      env: { CORP_TOKEN: 's3cret-value', MODGATE_LISTEN: '127.0.0.1:4123' },
    });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /proxy\.example/);
    assert.match(run.stdout, /4123/);
    assert.doesNotMatch(run.stdout + run.stderr, /s3cret-value/);
  });

  test('schema: a JSON Schema', () => {
    const run = modgateCommand(['config', 'schema']);
    assert.equal(run.code, 0, run.stderr);
    const schema: unknown = JSON.parse(run.stdout);
    assert.match(JSON.stringify(schema), /json-schema\.org\/draft\/2020-12/);
    assert.match(run.stdout, /"sources"/);
  });

  test('serve with a faulty file does not start, and says why', () => {
    const run = modgateCommand(['serve', '--config', write('listen: nowhere\n')]);
    assert.equal(run.code, 2, run.stdout + run.stderr);
    assert.match(run.stderr, /modgate\.yaml:1:\d+/);
  });

  test('serve with a file that is not there', () => {
    const run = modgateCommand(['serve', '--config', path.join(folder, 'none.yaml')]);
    assert.equal(run.code, 2, run.stderr);
    assert.match(run.stderr, /none\.yaml/);
  });

  test('--version and --help', () => {
    assert.match(modgateCommand(['--version']).stdout, /^modgate \d+\.\d+\.\d+/);
    const { stdout } = modgateCommand(['version', '--json']);
    assert.equal(JSON.parse(stdout).name, 'modgate');
    for (const args of [
      ['--version', '--json'],
      ['--json', '-V'],
    ])
      assert.deepEqual(modgateCommand(args), { code: 0, stdout, stderr: '' });
    const help = modgateCommand(['--help']);
    assert.equal(help.code, 0);
    for (const word of ['serve', 'config']) assert.match(help.stdout, new RegExp(`\\b${word}\\b`));
  });

  test('an unknown command or option is a usage error', () => {
    for (const args of [['frobnicate'], ['serve', '--frobnicate']]) {
      const run = modgateCommand(args);
      assert.equal(run.code, 2, run.stderr);
      assert.match(run.stderr, /frobnicate/);
    }
  });
});
