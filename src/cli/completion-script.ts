/** The completion scripts. Each holds the tree as data and one function that walks what has been typed. */
import type { Command } from 'commander';
import { completionTree, type Flag, type Node, type Value } from './completion-tree.ts';

export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: Command): string {
  const tree = completionTree(program);
  switch (shell) {
    case 'bash':
      return bash(tree);
    case 'zsh':
      return zsh(tree);
    case 'fish':
      return fish(tree);
  }
}

/** As one word of a shell; the three read single quotes alike but for the quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `@file` and `@folder` are what no word can be; @text offers nothing */
function valueWords(value: Value): string {
  return value.kind === 'words' ? value.words.join(' ') : `@${value.kind}`;
}

/** The tree as three functions of a POSIX shell: what may follow a command, and what may follow a flag. */
function tables(tree: readonly Node[]): string {
  const commands = tree.map(({ path, commands }) => row(path, commands.map(({ name }) => name).join(' ')));
  const flags = tree.map((node) => row(node.path, node.flags.flatMap(({ names }) => names).join(' ')));
  const values = tree.flatMap((node) => node.flags.flatMap((flag) => valueRow(node.path, flag)));
  const words = tree.flatMap(({ path, argument }) =>
    argument === undefined ? [] : [row(path, valueWords(argument))],
  );
  return [
    table('_modgate_commands', commands),
    table('_modgate_flags', flags),
    table('_modgate_value', values),
    table('_modgate_argument', words),
  ].join('\n');
}

function table(name: string, rows: readonly string[]): string {
  return `${name}() {\n  case "$1" in\n${rows.join('\n')}\n  esac\n}\n`;
}

function row(pattern: string, words: string): string {
  return `    ${quote(pattern)}) echo ${quote(words)} ;;`;
}

function valueRow(path: string, { names, value }: Flag): string[] {
  if (value === undefined) return [];
  const patterns = names.map((name) => quote(`${path} ${name}`)).join(' | ');
  return [`    ${patterns}) echo ${quote(valueWords(value))} ;;`];
}

/** Finds the command that the words before the cursor lead to, and whether a flag waits for its value. */
const WALK = `_modgate_walk() {
  local word
  at='' waiting=''
  for word in "$@"; do
    if [ -n "$waiting" ]; then
      [ "$word" = '=' ] || waiting=''
      continue
    fi
    case "$word" in
      --*=*) ;;
      -*) [ -z "$(_modgate_value "$at $word")" ] || waiting="$word" ;;
      *)
        case " $(_modgate_commands "$at") " in
          *" $word "*) at="\${at:+$at }$word" ;;
        esac
        ;;
    esac
  done
}

# What may stand at the cursor: words, or @file, @folder, @text. $1 is what has been typed of it.
_modgate_offer() {
  if [ -n "$waiting" ]; then
    _modgate_value "$at $waiting"
    return
  fi
  case "$1" in
    -*) _modgate_flags "$at" ;;
    *) echo "$(_modgate_commands "$at") $(_modgate_argument "$at")" ;;
  esac
}
`;

function bash(tree: readonly Node[]): string {
  return `# Completion of modgate for bash: source <(modgate completion bash)
${tables(tree)}
${WALK}
_modgate() {
  local at waiting offer cur="\${COMP_WORDS[COMP_CWORD]}"
  _modgate_walk "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  # bash takes --flag=value apart at the sign.
  [ "$cur" = '=' ] && waiting="\${COMP_WORDS[COMP_CWORD-1]}" cur=''
  offer="$(_modgate_offer "$cur")"
  COMPREPLY=()
  case " $offer " in
    *' @file '*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    *' @folder '*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
  esac
  offer=" $offer "
  offer="\${offer/ @file / }"; offer="\${offer/ @folder / }"; offer="\${offer/ @text / }"
  mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$offer" -- "$cur")
}
complete -F _modgate modgate
`;
}

/** The descriptions that zsh shows beside what it offers: \`name:description\`. */
function described(tree: readonly Node[]): string {
  const rows = tree.flatMap((node) => [
    ...node.commands.map(({ name, description }) => noteRow(node.path, name, description)),
    ...node.flags.flatMap(({ names, description }) =>
      names.map((name) => noteRow(node.path, name, description)),
    ),
  ]);
  return table('_modgate_note', rows);
}

function noteRow(path: string, name: string, description: string): string {
  return `    ${quote(`${path} ${name}`)}) echo ${quote(description)} ;;`;
}

function zsh(tree: readonly Node[]): string {
  return `#compdef modgate
# Completion of modgate for zsh: modgate completion zsh > ~/.zfunc/_modgate
${tables(tree)}
${described(tree)}
${WALK}
_modgate() {
  local at waiting offer word note
  local -a entries
  local cur="$PREFIX"
  _modgate_walk "\${(@)words[2,CURRENT-1]}"
  case "$cur" in
    --*=*)
      waiting="\${cur%%=*}"
      compset -P '*='
      cur="$PREFIX"
      ;;
  esac
  offer="$(_modgate_offer "$cur")"
  for word in \${=offer}; do
    case "$word" in
      @file) _files ;;
      @folder) _files -/ ;;
      @text) _message 'a value' ;;
      *)
        note="$(_modgate_note "$at $word")"
        entries+=("\${word//:/\\\\:}\${note:+:$note}")
        ;;
    esac
  done
  (( \${#entries} == 0 )) || _describe 'modgate' entries
}
if [ "\${funcstack[1]}" = '_modgate' ]; then _modgate "$@"; else compdef _modgate modgate; fi
`;
}

function fish(tree: readonly Node[]): string {
  const paths = tree.filter(({ path }) => path !== '').map(({ path }) => quoteFish(path));
  const valued = tree.flatMap((node) =>
    node.flags.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => quoteFish(`${node.path} ${name}`)),
    ),
  );
  return `# Completion of modgate for fish: modgate completion fish > ~/.config/fish/completions/modgate.fish
set -g __modgate_paths ${paths.join(' ')}
set -g __modgate_valued ${valued.join(' ')}

# Whether the words before the cursor lead to the command $argv[1].
function __modgate_at
  set -l at ''
  set -l waiting 0
  for word in (commandline -opc)[2..-1]
    if test $waiting -eq 1
      set waiting 0
    else if contains -- "$at $word" $__modgate_valued
      set waiting 1
    else if contains -- (string trim -- "$at $word") $__modgate_paths
      set at (string trim -- "$at $word")
    end
  end
  test "$at" = "$argv[1]"
end

complete -c modgate -f
${tree.flatMap(fishNode).join('\n')}
`;
}

function fishNode({ path, commands, flags, argument }: Node): string[] {
  const at = `complete -c modgate -n ${quoteFish(`__modgate_at ${quoteFish(path)}`)}`;
  return [
    ...commands.map(({ name, description }) => `${at} -a ${name} -d ${quoteFish(description)}`),
    ...flags.map(({ names, description, value }) => {
      const spelled = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      // -x: a value, and no file in its place.
      const taken = value === undefined ? '' : ` ${value.kind === 'file' ? '-r' : '-x'} ${fishValue(value)}`;
      return `${at} ${spelled.join(' ')}${taken} -d ${quoteFish(description)}`;
    }),
    ...(argument === undefined ? [] : [`${at} ${fishValue(argument)}`]),
  ];
}

function fishValue(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `-a ${quoteFish(value.words.join(' '))}`;
    case 'file':
      return '-F';
    case 'folder':
      return "-a '(__fish_complete_directories)'";
    case 'text':
      return '';
  }
}

/** fish knows two escapes between single quotes. */
function quoteFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
