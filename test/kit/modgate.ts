/** The real program: `modgate serve` as a process of its own, on a free port, over a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ask, ask, type Reply } from './http.ts';
import { bounded } from './wait.ts';

export const CLI = fileURLToPath(new URL('../../bundle/main.js', import.meta.url));

export type LogLine = Readonly<Record<string, unknown>>;

/** A piece of modgate.yaml as plain data; JSON is YAML. */
export type Piece = { readonly [key: string]: Piece } | readonly Piece[] | string | number | boolean;

export interface Settings {
  /** merged over what every test process has: port 0, the data folder, JSON logs */
  readonly config: Readonly<Record<string, Piece>>;
  /** default: a fresh one, removed by remove() */
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** the program and its first arguments; default: this build's CLI */
  readonly program?: readonly [string, ...string[]];
}

export class Modgate {
  readonly folder: string;
  readonly data: string;
  readonly logs: LogLine[] = [];
  stdout = '';
  stderr = '';
  url = '';
  readonly #settings: Settings;
  readonly #watchers = new Set<{ test: (line: LogLine) => boolean; resolve: (line: LogLine) => void }>();
  #child: ChildProcess | undefined;
  #exit: Promise<number | null> = Promise.resolve(null);

  private constructor(settings: Settings) {
    this.#settings = settings;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-run-'));
    this.data = settings.data ?? path.join(this.folder, 'data');
  }

  static async start(settings: Settings): Promise<Modgate> {
    const modgate = new Modgate(settings);
    try {
      await modgate.#launch();
    } catch (error) {
      await modgate.remove();
      throw error;
    }
    return modgate;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  ask(urlPath: string, options?: Ask): Promise<Reply> {
    return ask(this.url, urlPath, options);
  }

  /** The first log line, past or to come, that passes. */
  log(test: (line: LogLine) => boolean, what: string): Promise<LogLine> {
    const past = this.logs.find(test);
    if (past !== undefined) return Promise.resolve(past);
    const coming = new Promise<LogLine>((resolve) => this.#watchers.add({ test, resolve }));
    return bounded(coming, `a log line: ${what}`).catch((error: unknown) => {
      throw new Error(`${String(error)}; its output:\n${this.stderr}${this.stdout}`);
    });
  }

  /** SIGTERM; the exit code. */
  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    return this.exited();
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** kill -9, at once. */
  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.exited();
  }

  exited(): Promise<number | null> {
    return bounded(this.#exit, 'the end of modgate');
  }

  /** Another process over the same folder; call it after stop() or kill9(). */
  async restart(): Promise<void> {
    await this.#launch();
  }

  /** Ends it, however it is, and removes its folders. */
  async remove(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await this.#exit;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Names of all files in the data folder, relative, sorted. */
  files(below = ''): string[] {
    const root = path.join(this.data, below);
    if (!fs.existsSync(root)) return [];
    const found = fs.readdirSync(root, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.path, entry.name)))
      .sort();
  }

  /** of all files that are not in the tree yet */
  bytesInTmp(): number {
    const files = this.files('tmp').map((file) => path.join(this.data, 'tmp', file));
    return files.reduce((sum, file) => sum + (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  async #launch(): Promise<void> {
    const file = path.join(this.folder, 'modgate.yaml');
    const config = { listen: '127.0.0.1:0', data: this.data, ...this.#settings.config };
    fs.writeFileSync(file, JSON.stringify(config, undefined, 2));
    this.logs.length = 0;
    const [program, ...args] = this.#settings.program ?? [process.execPath, CLI];
    const child = spawn(program, [...args, 'serve', '--config', file], {
      cwd: this.folder,
      env: { ...cleanEnv(), MODGATE_LOG_FORMAT: 'json', ...this.#settings.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exit = new Promise((resolve) => child.on('close', (code) => resolve(code)));
    this.#collect(child, 'stdout');
    this.#collect(child, 'stderr');
    const died = this.#exit.then((code) => {
      throw new Error(`modgate ended with ${code} before it listened:\n${this.stderr}${this.stdout}`);
    });
    died.catch(() => undefined);
    const line = await Promise.race([this.log((one) => one.msg === 'listening', 'listening'), died]);
    this.url = String(line.url);
  }

  #collect(child: ChildProcess, name: 'stdout' | 'stderr'): void {
    let rest = '';
    child[name]?.on('data', (piece: Buffer) => {
      const text = piece.toString();
      this[name] += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#line(line);
    });
  }

  #line(text: string): void {
    if (!text.startsWith('{')) return;
    let line: LogLine;
    try {
      line = JSON.parse(text);
    } catch {
      return;
    }
    this.logs.push(line);
    for (const watcher of this.#watchers) {
      if (!watcher.test(line)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve(line);
    }
  }
}

/** The caller's environment without what would configure modgate or send it through a proxy. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(https?_proxy|no_proxy|all_proxy)$/i.test(name) && !name.startsWith('MODGATE_'),
  );
  return Object.fromEntries(kept);
}

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command of the CLI that ends by itself. */
export function modgateCommand(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Run {
  const run = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    env: { ...cleanEnv(), ...options.env },
    timeout: 30_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}
