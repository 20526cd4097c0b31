/** The help pages of every command, the manual page, and what the program says of itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { everyCommand, fullName, pageOf } from '../../src/cli/help.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { modgateCommand } from '../kit/modgate.ts';
import { onTerminal, withoutTerminal } from '../kit/terminal.ts';

const ESC = String.fromCharCode(27);
const STRUCK = new RegExp(`.${String.fromCharCode(8)}`, 'g');
const commands = everyCommand(makeProgram());

describe('every command has a page', () => {
  for (const command of commands) {
    const name = fullName(command);
    test(name, () => {
      assert.notEqual(command.description(), '', `${name} needs .description(…)`);
      const page = pageOf(command);
      assert.ok(page !== undefined, `${name} needs describe(command, { examples: … }) of src/cli/help.ts`);
      assert.ok(page.examples.length > 0, `${name} needs an example`);
      for (const [line, what] of page.examples) assert.ok(line !== '' && what !== '', `${name}: ${line}`);
      for (const option of command.options)
        assert.notEqual(option.description, '', `${name} ${option.flags} needs a description`);
      for (const argument of command.registeredArguments)
        assert.notEqual(argument.description, '', `${name} ${argument.name()} needs a description`);
    });
  }
});

describe('modgate help', () => {
  for (const command of commands) {
    const words = fullName(command).split(' ').slice(1);
    test(`${words.join(' ')}: the same by help and by --help, in one layout`, () => {
      const page = modgateCommand(['help', ...words]);
      assert.equal(page.code, 0, page.stderr);
      assert.equal(page.stdout, modgateCommand([...words, '--help']).stdout);
      const titles = ['Usage:', 'Options:', 'Examples:', 'Exit codes:', 'See also:'];
      const places = titles.map((title) => page.stdout.search(new RegExp(`^${title}`, 'm')));
      assert.ok(!places.includes(-1), page.stdout);
      assert.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
        'in this order',
      );
      assert.ok(!page.stdout.includes(ESC), 'no colour outside of a terminal');
    });
  }

  test('a setting has its default, its values and its variable', () => {
    const { stdout } = modgateCommand(['help', 'serve']);
    const text = stdout.replace(/\s+/g, ' ');
    assert.match(text, /--cache-fresh <value> .*?\(default: 60s; variable: MODGATE_CACHE_FRESH\)/);
    assert.match(text, /--log-format <format> .*?\(choices: "auto", "json", "pretty"\)/);
  });

  const NEAR: readonly (readonly [args: readonly string[], near: RegExp])[] = [
    [['serv'], /Did you mean serve\?/],
    [['serve', '--listn', 'x'], /Did you mean --listen\?/],
    [['config', 'chek'], /Did you mean check\?/],
    [['help', 'nothing'], /there is no command "nothing"/],
    [['completion', 'tcsh'], /bash, zsh, fish/],
  ];
  for (const [args, near] of NEAR) {
    test(`${args.join(' ')}: exit 2, and what is near`, () => {
      const run = modgateCommand(args);
      assert.equal(run.code, 2, run.stderr);
      assert.match(run.stderr, near);
      assert.equal(run.stdout, '');
    });
  }

  test('on a terminal: its width, and bold', { skip: withoutTerminal }, async () => {
    const [{ text: colour }, { text: plain }] = [
      await onTerminal(['--help']),
      await onTerminal(['--help'], { env: { NO_COLOR: '1' } }),
    ];
    assert.ok(colour.includes(`${ESC}[1mExamples:`), colour);
    assert.ok(!plain.includes(ESC), plain);
    assert.ok(
      plain.split(/\r?\n/).some((line) => line.length > 80),
      plain,
    );
  });
});

const mandoc = spawnSync('mandoc', ['-V']).error === undefined;

describe('modgate man', { skip: mandoc ? false : 'no mandoc' }, () => {
  for (const words of [[], ['config', 'check']]) {
    test(`${words.join(' ')}: mandoc finds nothing to warn of`, () => {
      const { stdout } = modgateCommand(['man', ...words]);
      const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-man-')), 'modgate.1');
      fs.writeFileSync(file, stdout);
      const lint = spawnSync('mandoc', ['-Tlint', '-Wwarning', file], { encoding: 'utf8' });
      assert.equal(lint.stdout, '');
      const shown = spawnSync('mandoc', ['-Tascii', file], { encoding: 'utf8' });
      // Bold is a letter struck twice.
      const text = shown.stdout.replace(STRUCK, '');
      for (const title of ['NAME', 'SYNOPSIS', 'EXAMPLES', 'EXIT STATUS'])
        assert.match(text, new RegExp(`^ *${title}$`, 'm'));
      assert.match(text, /modgate config check/);
      fs.rmSync(path.dirname(file), { recursive: true });
    });
  }
});

describe('modgate --version', () => {
  const LINE =
    /^modgate \d+\.\d+\.\d+ \(commit (unknown|[0-9a-f]{7,12}(-dirty)?)(, \d{4}-\d\d-\d\d)?, node v\d+\.\d+\.\d+\)\n$/;

  test('one line, by three names', () => {
    const { stdout } = modgateCommand(['--version']);
    assert.match(stdout, LINE);
    for (const args of [['-V'], ['version']]) assert.equal(modgateCommand(args).stdout, stdout);
  });

  test('--json counts beside --version alone: of a command, and behind "--", it says nothing of the version', () => {
    const rows = [
      ['store', 'ls', '--json', '--version'],
      ['--version', 'prefetch', '--json'],
      ['--version', '--', '--json'],
    ];
    for (const args of rows) assert.match(modgateCommand(args).stdout, LINE, args.join(' '));
  });

  test('version --json', () => {
    const facts: unknown = JSON.parse(modgateCommand(['version', '--json']).stdout);
    assert.ok(typeof facts === 'object' && facts !== null);
    assert.deepEqual(Object.keys(facts), ['name', 'version', 'commit', 'date', 'node']);
  });
});
