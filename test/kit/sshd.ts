/** A real sshd on loopback: a host key, a configuration and an account of the tests' own, as whoever runs them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { bounded } from './wait.ts';

const SSHD = '/usr/sbin/sshd';
/** For the `skip` of a test: the reason, or false. */
export const withoutSshd: string | false = fs.existsSync(SSHD) ? false : 'no sshd';

export interface SshKeys {
  /** path of the private key; beside it, with ".pub", the public one */
  readonly file: string;
  readonly public: string;
}

export class Sshd {
  readonly folder: string;
  readonly port: number;
  /** lets its owner in */
  readonly user: SshKeys;
  readonly host: SshKeys;
  /** the commands that clients had run, in order */
  readonly log: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  private constructor(
    folder: string,
    port: number,
    keys: Pick<Sshd, 'user' | 'host' | 'log'>,
    child: ChildProcess,
  ) {
    this.folder = folder;
    this.port = port;
    this.user = keys.user;
    this.host = keys.host;
    this.log = keys.log;
    this.#child = child;
    this.#exit = new Promise((resolve) => child.once('close', () => resolve()));
  }

  static async start(): Promise<Sshd> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-sshd-'));
    const [user, host] = [makeKey(folder, 'user'), makeKey(folder, 'host')];
    const log = path.join(folder, 'commands');
    fs.writeFileSync(log, '');
    fs.writeFileSync(path.join(folder, 'authorized_keys'), user.public);
    const command = path.join(folder, 'serve');
    fs.writeFileSync(command, SERVE(log), { mode: 0o755 });
    // Where it runs as root it wants this folder, which only its service makes.
    if (process.getuid?.() === 0) fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    // It cannot take a free port itself, and another program may be faster.
    for (let tries = 1; ; tries += 1) {
      const port = await freePort();
      const child = launch(folder, port, host, command);
      const sshd = new Sshd(folder, port, { user, host, log }, child);
      try {
        await listening(child);
        return sshd;
      } catch (error) {
        await sshd.#end();
        if (tries < 5) continue;
        fs.rmSync(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }
  get url(): string {
    return `ssh://${os.userInfo().username}@127.0.0.1:${this.port}`;
  }

  /** A known_hosts line for this server; with another key, that of a stranger in its place. */
  knownHosts(key: SshKeys = this.host): string {
    const [type, bytes] = key.public.split(' ');
    return `[127.0.0.1]:${this.port} ${type} ${bytes}\n`;
  }

  /** Another key pair in its folder, which nothing knows. */
  strange(name: string): SshKeys {
    return makeKey(this.folder, name);
  }

  commands(): string[] {
    return fs.readFileSync(this.log, 'utf8').split('\n').filter(Boolean);
  }

  async close(): Promise<void> {
    await this.#end();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

function launch(folder: string, port: number, host: SshKeys, command: string): ChildProcess {
  const config = path.join(folder, 'sshd_config');
  fs.writeFileSync(config, CONFIG({ port, host: host.file, folder, command }));
  return spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Notes what is asked, and runs git's upload-pack only. */
const SERVE = (log: string) => `#!/bin/sh
printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >> '${log}'
case "$SSH_ORIGINAL_COMMAND" in
  "git-upload-pack "*) eval "git -c safe.directory='*' -c uploadpack.allowFilter=true upload-pack \${SSH_ORIGINAL_COMMAND#git-upload-pack }" ;;
  *) echo 'only git-upload-pack' >&2; exit 1 ;;
esac
`;

const CONFIG = (o: { port: number; host: string; folder: string; command: string }) => `
Port ${o.port}
ListenAddress 127.0.0.1
HostKey ${o.host}
PidFile none
AuthorizedKeysFile ${o.folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AcceptEnv GIT_PROTOCOL
AllowTcpForwarding no
ForceCommand ${o.command}
LogLevel VERBOSE
`;

function makeKey(folder: string, name: string): SshKeys {
  const file = path.join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  return { file, public: fs.readFileSync(`${file}.pub`, 'utf8') };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function listening(child: ChildProcess): Promise<void> {
  let said = '';
  const told = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (piece: Buffer) => {
      said += piece.toString();
      if (said.includes('Server listening on')) resolve();
    });
    child.once('close', (code) => reject(new Error(`sshd ended with ${code}: ${said}`)));
  });
  return bounded(told, 'sshd to listen');
}
