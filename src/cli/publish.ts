import { Command } from 'commander';
import { describe } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, withConfigFlags } from './options.ts';
import type { PublishFlags } from './publish-run.ts';

export function publishCommand(): Command {
  const command = withConfigFlags(new Command('publish'), [])
    .argument('[what]', 'folder of the module, or its zip', '.')
    .description('release a version of a module to a gateway')
    .option('--version <version>', 'the version, such as v1.2.3; it is needed')
    .option('--module <path>', 'path of the module; default: what its go.mod says')
    .option('--server <url>', 'address of the gateway; default: where the configuration lets it listen')
    .option('--token-file <file>', 'file with the token; default: MODGATE_PUBLISH_TOKEN')
    .option('--ca <file>', 'PEM file of authorities that are trusted beside the usual ones')
    .option('--insecure', 'send the token over http:// to another machine')
    .option('-n, --dry-run', 'make and check the zip, and send nothing')
    .option('--json', 'as a JSON object')
    .action(async (what: string, flags: PublishFlags, self: Command) =>
      (await import('./publish-run.ts')).runPublish(self, what, flags),
    );
  return describe(command, {
    details:
      'A folder is zipped by the rules of the go command: without nested modules, vendored packages, symbolic links and folders of version control. What is published never changes: the same zip once more is no error, another one for the same version is. The module needs a route of the gateway whose chain has "published".',
    examples: [
      ['modgate publish --version v1.2.3', 'the module of this folder'],
      [
        'modgate publish ./lib --version v1.2.3 --server https://goproxy.corp.example --token-file token',
        'from a CI',
      ],
      ['modgate publish lib.zip --version v1.2.3 --dry-run', 'see what would be sent, and its h1'],
    ],
    exitCodes: {
      0: 'it is published, now or before',
      1: 'it was refused or failed; another content is there',
    },
    environment: [
      ['MODGATE_SERVER', 'as --server'],
      ['MODGATE_PUBLISH_TOKEN', 'the token, where --token-file names none'],
      ...CONFIG_VARIABLES,
    ],
    files: CONFIG_FILES,
    seeAlso: ['modgate retract', 'modgate delete', 'docs/publishing.md'],
  });
}
