/** Real reverse proxies in front of a modgate, with the configuration that `modgate config` writes for them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { authority } from '../../src/net/certificates.test.kit.ts';
import { cleanEnv, modgateCommand } from './modgate.ts';
import type { Ending } from './scope.ts';
import { bounded, until } from './wait.ts';

export type Program = 'nginx' | 'caddy' | 'apache';

/** The two names that fronts have in tests; one certificate is for both. */
export const HOST = 'goproxy.corp.test';
export const OLD_HOST = 'athens.corp.test';

const COMMANDS = {
  nginx: ['nginx', '-v'],
  caddy: ['caddy', 'version'],
  apache: ['apache2', '-v'],
} as const satisfies Record<Program, readonly [string, string]>;

/** For the `skip` of a test: the reason, or false. */
export function without(program: Program): string | false {
  const [command, flag] = COMMANDS[program];
  return spawnSync(command, [flag], { stdio: 'ignore' }).status === 0 ? false : `no ${command}`;
}

/** How a program reads the file that modgate wrote: what stands around it, how it is checked and run. */
interface Setup {
  readonly wrap: (file: string, passthrough: boolean, port: number) => string;
  readonly check: (conf: string, folder: string) => string[];
  readonly run: (conf: string, folder: string) => string[];
}

/** As root a worker would be another user, who cannot read a folder that is the caller's alone; Apache insists on one. */
const ROOT = process.getuid?.() === 0;

const SETUPS: Readonly<Record<Program, Setup>> = {
  nginx: {
    wrap: (file, passthrough) => `${ROOT ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid nginx.pid;
${passthrough ? `load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nevents {}\ninclude ${file};` : `events {}\nhttp { access_log off; ${TEMPS} include ${file}; }`}
`,
    check: (conf, folder) => ['nginx', '-t', '-p', folder, '-c', conf, '-e', 'stderr'],
    run: (conf, folder) => ['nginx', '-p', folder, '-c', conf, '-e', 'stderr'],
  },
  caddy: {
    wrap: (file) =>
      `{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\nimport ${file}\n`,
    check: (conf) => ['caddy', 'validate', '--adapter', 'caddyfile', '--config', conf],
    run: (conf) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', conf],
  },
  apache: {
    wrap: (file, _, port) => `Listen 127.0.0.1:${port}
DefaultRuntimeDir .
PidFile apache.pid
ErrorLog error.log
ServerName localhost
${ROOT ? 'User nobody\nGroup root\n' : ''}${APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join('')}ServerLimit 2
MaxRequestWorkers 50
TypesConfig /dev/null
Include ${file}
`,
    check: (conf, folder) => ['apache2', '-d', folder, '-f', conf, '-t'],
    run: (conf, folder) => ['apache2', '-d', folder, '-f', conf, '-DFOREGROUND'],
  },
};

const TEMPS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');
const APACHE_MODULES = [
  'mpm_event',
  'authz_core',
  'mime',
  'headers',
  'proxy',
  'proxy_http',
  'rewrite',
  'socache_shmcb',
  'ssl',
  'http2',
  'xsendfile',
];

export interface FrontSettings {
  readonly program: Program;
  /** more flags of `modgate config` */
  readonly flags: readonly string[];
  /** default: tls */
  readonly variant?: 'plain' | 'passthrough';
  /** changes the text that `modgate config` wrote */
  readonly edit?: (text: string) => string;
}

interface Wish {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  /** names of headers that it has more than once, in lower case, sorted */
  readonly twice: readonly string[];
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** What a front is put before: a modgate, or what a test has in its place. */
export interface Backend {
  /** with its modgate.yaml */
  readonly folder: string;
  readonly url: string;
}

export class Front {
  /** what `modgate config` printed */
  readonly text: string;
  readonly port: number;
  /** PEM of the authority; a file */
  readonly ca: string;
  output = '';
  readonly #child: ChildProcess;
  readonly #plain: boolean;

  private constructor(
    text: string,
    port: number,
    certificates: Certificates,
    child: ChildProcess,
    plain: boolean,
  ) {
    this.text = text;
    this.port = port;
    this.ca = certificates.ca;
    this.#child = child;
    this.#plain = plain;
    const take = (piece: Buffer) => {
      this.output += piece.toString();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
  }

  /** Ends with the test. */
  static async start(t: Ending, modgate: Backend, settings: FrontSettings): Promise<Front> {
    const { program, flags, variant } = settings;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-front-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    // Workers of another user have the same group.
    for (const one of [folder, modgate.folder]) fs.chmodSync(one, 0o750);
    const files = await certificates(folder);
    const port = await freePort();
    const own = variant === undefined ? ['--cert', files.cert, '--key', files.key] : ['--variant', variant];
    const { edit = (text: string) => text } = settings;
    const text = edit(written(program, modgate, ['--front', `127.0.0.1:${port}`, ...own, ...flags]));
    const { wrap, check, run } = SETUPS[program];
    fs.writeFileSync(path.join(folder, 'modgate.front'), text);
    const conf = path.join(folder, 'front.conf');
    fs.writeFileSync(conf, wrap(path.join(folder, 'modgate.front'), variant === 'passthrough', port));
    const options = {
      cwd: folder,
      env: { ...cleanEnv(), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    };
    const [command = '', ...args] = check(conf, folder);
    const checked = spawnSync(command, args, { ...options, encoding: 'utf8' });
    assert.equal(checked.status, 0, `${checked.stderr}${checked.stdout}\n${text}`);
    const [runner = '', ...runnerArgs] = run(conf, folder);
    const child = spawn(runner, runnerArgs, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const front = new Front(text, port, files, child, variant === 'plain');
    t.after(() => front.#stop());
    const ended = new Promise<never>((_, reject) =>
      child.once('close', (code) =>
        reject(new Error(`${program} ended with ${code}: ${front.output}${log(folder)}`)),
      ),
    );
    ended.catch(() => undefined);
    await Promise.race([until(() => listens(port), `${program} to listen`), ended]);
    return front;
  }

  /** GOPROXY of this front under a name, for a go command whose environment is `env`. */
  url(host: string = HOST, prefix = ''): string {
    return `${this.#plain ? 'http' : 'https'}://${host}:${this.port}${prefix}`;
  }

  /** One request as it is written, by HTTP/1.1, under a name. Fails where the answer is cut off. */
  async ask(target: string, options: Wish = {}): Promise<Answer> {
    const { host = HOST, headers = {}, method = 'GET' } = options;
    const request = {
      host: '127.0.0.1',
      port: this.port,
      path: target,
      servername: host,
      ca: fs.readFileSync(this.ca),
      agent: false as const,
      method,
      headers: { host, ...headers },
    };
    const answer = new Promise<Answer>((resolve, reject) => {
      const sent = (this.#plain ? http : https).request(request, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(pieces);
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, twice: twiceIn(response.rawHeaders), body, text: body.toString() });
        });
      });
      sent.on('error', reject);
      sent.end();
    });
    return bounded(answer, `the answer to ${target}; ${this.output}`);
  }

  async #stop(): Promise<void> {
    const over = new Promise((resolve) => this.#child.once('close', resolve));
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await over;
    clearTimeout(late);
  }
}

/** @param raw names and values by turns */
function twiceIn(raw: readonly string[]): string[] {
  const names = raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  return [...new Set(names.filter((name, i) => names.indexOf(name) < i))].sort();
}

/** Apache opens no log that is a pipe of Node's. */
function log(folder: string): string {
  const file = path.join(folder, 'error.log');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

/** What `modgate config` prints for a front of this modgate. */
function written(program: Program, modgate: Backend, flags: readonly string[]): string {
  const upstream = modgate.url.startsWith('http') ? ['--upstream', new URL(modgate.url).host] : [];
  const file = path.join(modgate.folder, 'modgate.yaml');
  const args = ['config', program, '--config', file, '--server-name', HOST, ...upstream, ...flags];
  const run = modgateCommand(args, { cwd: modgate.folder });
  assert.equal(run.code, 0, run.stderr);
  return run.stdout;
}

export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Files of a certificate for both names, and of its authority. */
export async function certificates(folder: string): Promise<Certificates> {
  const ca = await authority();
  const { cert, key } = await ca.issue({ host: '*.corp.test' });
  const files = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' };
  const write = (name: string, text: string) => {
    fs.writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  return { ca: write(files.ca, ca.cert), cert: write(files.cert, cert), key: write(files.key, key) };
}

/** A proxy that leads every name to loopback: a go command behind it can use the names of the tests. */
export async function tunnel(t: Ending): Promise<string> {
  const server = http.createServer();
  const sockets = new Set<Duplex>();
  server.on('connect', (request, socket) => {
    const port = Number(request.url?.split(':').at(-1));
    const onward = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward).add(socket);
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${portOf(server)}`;
}

function freePort(): Promise<number> {
  const server = net.createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const port = portOf(server);
      server.close(() => resolve(port));
    });
  });
}

export function portOf(server: net.Server): number {
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

function listens(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(undefined));
  });
}
