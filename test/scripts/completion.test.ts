/** The completion scripts, in the shells that read them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { completionScript } from '../../src/cli/completion-script.ts';
import { everyCommand, fullName } from '../../src/cli/help.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { modgateCommand } from '../kit/modgate.ts';

type Case = readonly [typed: string, offered: readonly string[], not?: readonly string[]];

/** The last word is the one at the cursor. */
const CASES: readonly Case[] = [
  ['modgate ', ['serve', 'config', 'completion', 'health'], ['check', '--listen']],
  ['modgate se', ['serve'], ['config']],
  ['modgate config ', ['check', 'print', 'schema'], ['serve']],
  ['modgate config ch', ['check'], ['print']],
  ['modgate serve --lis', ['--listen'], ['--log-level']],
  ['modgate serve --log-level ', ['trace', 'silent'], ['serve', 'json']],
  ['modgate serve --log-format=p', ['pretty'], ['json']],
  ['modgate serve --log-level debug --log-f', ['--log-format'], ['--listen']],
  ['modgate serve --data config --log-format ', ['pretty', 'json'], ['check']],
  ['modgate completion ', ['bash', 'zsh', 'fish'], ['serve']],
  ['modgate help ', ['serve', 'config'], ['bash']],
  ['modgate config check --config my', ['my.yaml', 'mydir'], ['serve', 'other.yaml']],
  ['modgate serve --data my', ['mydir'], ['my.yaml']],
  ['modgate serve --chain ', [], ['serve', 'my.yaml', '--listen']],
];

const SHELLS: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  // What readline gives a completion function; bash takes words apart at "=" too.
  bash: `source "$SCRIPT"
read -r -a COMP_WORDS <<<"\${LINE//=/ = }"
[[ "$LINE" == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_modgate
printf '%s\\n' "\${COMPREPLY[@]}"`,
  // compinit and a line editor of its own, in a terminal of its own, whose offers are caught.
  zsh: `autoload -Uz compinit && compinit -u -D
source "$SCRIPT"
words=(\${=LINE})
[[ "$LINE" == *' ' ]] && words+=('')
CURRENT=\${#words}
PREFIX="\${words[CURRENT]}"
compset() { [[ "$1" == -P ]] && PREFIX="\${PREFIX#*=}" }
_describe() { print -rl -- "\${(@P)2}" | sed -e 's/:.*//' }
_files() { if [[ "$1" == -/ ]]; then print -rl -- *(/N); else print -rl -- *(N); fi }
_message() { }
{ _modgate } | while read -r word; do [[ "$word" == "\${PREFIX#*=}"* ]] && print -r -- "$word"; done; true`,
  fish: `source $SCRIPT; complete -C "$LINE" | string replace -r '\\t.*' ''`,
};

function available(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

describe('completion', () => {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-completion-'));
    for (const name of ['my.yaml', 'other.yaml']) fs.writeFileSync(path.join(folder, name), '');
    for (const name of ['mydir', 'otherdir']) fs.mkdirSync(path.join(folder, name));
    fs.mkdirSync(path.join(folder, 'home'));
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  for (const [shell, driver] of Object.entries(SHELLS)) {
    describe(shell, { skip: available(shell) ? false : `no ${shell}` }, () => {
      let script: string;
      before(() => {
        const run = modgateCommand(['completion', shell]);
        assert.equal(run.code, 0, run.stderr);
        script = path.join(folder, 'home', `modgate.${shell}`);
        fs.writeFileSync(script, run.stdout);
      });

      for (const [typed, offered, not = []] of CASES) {
        test(JSON.stringify(typed), () => {
          const run = spawnSync(shell, ['-c', driver], {
            cwd: folder,
            encoding: 'utf8',
            env: { PATH: process.env.PATH, HOME: path.join(folder, 'home'), SCRIPT: script, LINE: typed },
          });
          assert.equal(run.stderr, '');
          const words = run.stdout
            .split('\n')
            .map((word) => word.replace(/^--[\w-]+=/, '').replace(/\/$/, ''));
          for (const word of offered) assert.ok(words.includes(word), `${word} in ${words.join(' ')}`);
          for (const word of not) assert.ok(!words.includes(word), `no ${word} in ${words.join(' ')}`);
        });
      }
    });
  }

  test('every command and every flag of the tree is in every script', () => {
    const program = makeProgram();
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, program);
      for (const command of everyCommand(program)) {
        assert.ok(script.includes(command.name()), `${fullName(command)} in ${shell}`);
        for (const { long } of command.options) {
          const flag = shell === 'fish' ? `-l ${long?.slice(2)}` : (long ?? '');
          assert.ok(script.includes(flag), `${fullName(command)} ${long} in ${shell}`);
        }
      }
    }
  });
});
