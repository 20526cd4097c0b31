/** The servers that are measured, each a process of its own on a free port of loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../test/kit/http.ts';
import { CLI, cleanEnv, type Piece } from '../test/kit/modgate.ts';
import { bounded, until } from '../test/kit/wait.ts';
import { version } from './machine.ts';
import { cpuSeconds } from './proc.ts';
import { LeftOut, type Scope } from './row.ts';

const running = new Set<ChildProcess>();
// An interrupted run leaves no server behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Server {
  readonly url: string;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** seconds since its start */
  cpu(): number {
    return cpuSeconds(this.pid);
  }

  async stop(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    if (!running.has(this.#child)) return;
    this.#child.kill('SIGTERM');
    await gone;
  }
}

function launch(program: string, args: readonly string[], cwd: string): ChildProcess {
  // To a file, as a service's log goes: a pipe into this process would cost time that is not the server's.
  const log = fs.openSync(path.join(cwd, 'stderr.log'), 'a');
  const child = spawn(program, args, { cwd, env: cleanEnv(), stdio: ['ignore', 'pipe', log] });
  fs.closeSync(log);
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** The program prints its URL on stdout when it listens. */
async function urlPrinted(child: ChildProcess, cwd: string): Promise<string> {
  const printed = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString();
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
      if (url !== null) resolve(url[0]);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const log = fs.readFileSync(path.join(cwd, 'stderr.log'), 'utf8');
      reject(new Error(`a server ended with ${code} before it listened:\n${log}`));
    });
  });
  return bounded(printed, 'a server to listen');
}

export interface ModgateOptions {
  /** base URL of the one source; undefined: what `config` says */
  readonly upstream?: string;
  readonly config?: Readonly<Record<string, Piece>>;
  /** default: an empty one below `folder` */
  readonly data?: string;
}

export async function startModgate(scope: Scope, folder: string, options: ModgateOptions): Promise<Server> {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'modgate.yaml');
  const config: Piece = {
    listen: '127.0.0.1:0',
    data: options.data ?? path.join(folder, 'data'),
    log: { format: 'json' },
    ...(options.upstream === undefined ? {} : oneSource(options.upstream)),
    ...options.config,
  };
  fs.writeFileSync(file, JSON.stringify(config));
  const child = launch(process.execPath, [CLI, 'serve', '--config', file], folder);
  const server = new Server(child, await urlPrinted(child, folder));
  scope.defer(() => server.stop());
  return server;
}

function oneSource(url: string): Readonly<Record<string, Piece>> {
  const local = url.startsWith('http://127.0.0.1');
  return { chain: 'upstream', sources: { upstream: { url, proxy: local ? 'none' : 'env' } } };
}

/** One of bench/programs. */
export async function startProgram(
  scope: Scope,
  folder: string,
  name: 'bare' | 'upstream',
  args: readonly string[],
): Promise<Server> {
  fs.mkdirSync(folder, { recursive: true });
  const file = fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url));
  const child = launch(process.execPath, [file, ...args], folder);
  const server = new Server(child, await urlPrinted(child, folder));
  scope.defer(() => server.stop());
  return server;
}

/** nginx with one worker over a folder of files, without a log: as fast as it serves. */
export async function startNginx(scope: Scope, folder: string, root: string): Promise<Server> {
  if (version('nginx', ['-v']) === undefined)
    throw new LeftOut('there is no nginx (Debian: apt install nginx)');
  fs.mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, nginxConfig(port, root));
  const child = launch('nginx', ['-p', folder, '-c', file, '-e', path.join(folder, 'error.log')], folder);
  const server = new Server(child, `http://127.0.0.1:${port}`);
  scope.defer(() => server.stop());
  await until(() => answers(server.url), 'nginx to listen');
  return server;
}

function nginxConfig(port: number, root: string): string {
  // As root it would serve as another user, who cannot read a folder that is the caller's alone.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${root};
  }
}
`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address !== 'string' ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Whatever it answers, it listens. */
async function answers(url: string): Promise<true | undefined> {
  try {
    (await open(url, '/')).resume();
    return true;
  } catch {
    return undefined;
  }
}
