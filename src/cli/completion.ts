import { Argument, Command } from 'commander';
import { describe } from './help.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand(): Command {
  const command = new Command('completion')
    .description('print a script that completes commands, flags, values and files in a shell')
    .addArgument(new Argument('<shell>', 'the shell that reads it').choices(SHELLS))
    .action(async (shell: Shell, _options: unknown, self: Command) => {
      const { completionScript } = await import('./completion-script.ts');
      process.stdout.write(completionScript(shell, self.parent ?? self));
    });
  return describe(command, {
    examples: [
      ['source <(modgate completion bash)', 'for this shell; in ~/.bashrc for all later ones'],
      ['modgate completion zsh > ~/.zfunc/_modgate', 'zsh: in a folder of $fpath, before compinit runs'],
      ['modgate completion fish > ~/.config/fish/completions/modgate.fish', 'fish: at the next start'],
    ],
    seeAlso: ['modgate help'],
  });
}
