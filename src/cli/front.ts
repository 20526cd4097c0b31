import { Command, Option } from 'commander';
import { type FrontFlags, type FrontName, readFront, writeFront } from '../front/index.ts';
import { describe, type Page } from './help.ts';
import { CONFIG_FILES, CONFIG_VARIABLES, configFrom, withConfigFlags } from './options.ts';

const FRONTS: readonly (readonly [FrontName, string])[] = [
  ['nginx', 'nginx'],
  ['caddy', 'Caddy'],
  ['traefik', 'Traefik'],
  ['apache', 'Apache httpd'],
];

/** `modgate config nginx` and its like. */
export function frontCommands(): Command[] {
  return FRONTS.map(([name, title]) => frontCommand(name, title));
}

function frontCommand(name: FrontName, title: string): Command {
  const command = new Command(name)
    .description(`print a configuration of ${title} in front of modgate`)
    .addOption(list('--server-name <host>', 'host name in GOPROXY; repeatable'))
    .option('--front <address>', 'port or IP:port of the front (default: 443, or 80 for plain)')
    .addOption(
      new Option('--variant <kind>', 'TLS ends in the front, there is none, or it goes through to modgate')
        .choices(['tls', 'plain', 'passthrough'])
        .default('tls'),
    )
    .addOption(
      new Option(
        '--mode <mode>',
        'who sends stored files: modgate, the front, the front if modgate allows it, the front when modgate says so',
      )
        .choices(['proxy', 'try-files', 'auth-request', 'accel'])
        .default('proxy'),
    )
    .option('--cert <file>', 'certificate of all the names, PEM')
    .option('--key <file>', 'its key, PEM')
    .addOption(
      list('--take-over <host[/path]>', 'name of another module proxy to answer for as well; repeatable'),
    )
    .option('--fallback', 'send stored files while modgate is down', false)
    .option('--pages', 'let /healthz, /readyz, /version and / through', false)
    .option('--publish', 'let modules be published through it (default: where publish.token is set)')
    .option('--upstream <address>', 'host:port or unix:/path of modgate (default: where it listens)')
    .option('--upstream-ca <file>', "CA of modgate's own certificate, where modgate speaks TLS");
  withConfigFlags(command).action((options: FrontFlags, self: Command) => {
    const { config } = configFrom(self);
    process.stdout.write(writeFront(name, readFront(name, options, config, process.cwd())));
  });
  return describe(command, page(name));
}

function list(flags: string, description: string): Option {
  const add = (value: string, before: readonly string[]) => [...before, value];
  return new Option(flags, description).argParser(add).default([], 'none');
}

function page(name: FrontName): Page {
  const own = `modgate config ${name} --server-name goproxy.corp.example`;
  const tls = `${own} --cert /etc/ssl/corp.pem --key /etc/ssl/corp.key`;
  const sends = name !== 'traefik';
  return {
    details: `The first lines of what is printed say where it belongs. The flags that modgate serve has as well say how modgate runs; --front says where ${name} listens.`,
    examples: [
      [tls, 'TLS ends in the front, and modgate answers'],
      ...(sends ? [[`${tls} --mode try-files`, 'the front sends stored files itself'] as const] : []),
      [`${tls} --take-over athens.corp.example`, "answer for another proxy's name as well"],
    ],
    exitCodes: { 2: `the command line is not valid, or ${name} cannot do what is wanted` },
    environment: CONFIG_VARIABLES,
    files: CONFIG_FILES,
    seeAlso: ['modgate serve', 'modgate config check'],
  };
}
