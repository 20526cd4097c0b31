import { Command, Option } from 'commander';
import { type FrontFlags, type FrontName, readFront, writeFront } from '../front/index.ts';
import { configFrom, withConfigFlags } from './options.ts';

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
    .option('--upstream <address>', 'host:port or unix:/path of modgate (default: where it listens)')
    .option('--upstream-ca <file>', "CA of modgate's own certificate, where modgate speaks TLS")
    .addHelpText('after', examples(name));
  return withConfigFlags(command).action((options: FrontFlags, self: Command) => {
    const { config } = configFrom(self);
    process.stdout.write(writeFront(name, readFront(name, options, config, process.cwd())));
  });
}

function list(flags: string, description: string): Option {
  const add = (value: string, before: readonly string[]) => [...before, value];
  return new Option(flags, description).argParser(add).default([], 'none');
}

function examples(name: FrontName): string {
  const tls = '--cert /etc/ssl/corp.pem --key /etc/ssl/corp.key';
  return `
Examples:
  modgate config ${name} --server-name goproxy.corp.example ${tls}
  modgate config ${name} --server-name goproxy.corp.example ${tls} --take-over athens.corp.example
${name === 'traefik' ? '' : `  modgate config ${name} --server-name goproxy.corp.example ${tls} --mode try-files\n`}
The flags that modgate serve has as well say how modgate runs; --front says where ${name} listens.`;
}
