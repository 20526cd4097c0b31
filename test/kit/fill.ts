/** `modgate prefetch` and `modgate import` as processes of their own, over a configuration for one upstream. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SOURCE, sourceSettings } from './gateway.ts';
import { CLI, cleanEnv, type Piece, type Run } from './modgate.ts';
import type { Upstream } from './upstream.ts';
import { bounded } from './wait.ts';

/** Node's test context, or anything that runs a function at its end. */
interface Ending {
  after(fn: () => void): void;
}

/** ms; a bound for a whole run */
const LIMIT = 120_000;

/** A folder with a data folder and a configuration; removed with the test. */
export class FillBench {
  readonly folder: string;
  readonly upstream: Upstream;
  readonly #env: Readonly<Record<string, string>>;

  /** @param env beside the caller's own, for the processes */
  constructor(
    t: Ending,
    upstream: Upstream,
    config: Readonly<Record<string, Piece>> = {},
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#env = env;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-fill-'));
    this.upstream = upstream;
    t.after(() => fs.rmSync(this.folder, { recursive: true, force: true }));
    this.write('modgate.yaml', JSON.stringify({ ...this.config, ...config }));
  }

  get data(): string {
    return path.join(this.folder, 'data');
  }

  get tree(): string {
    return path.join(this.data, 'tree');
  }

  /** What a server over the same data folder is told. */
  get config(): Record<string, Piece> {
    const { upstream } = this;
    return {
      data: this.data,
      chain: SOURCE,
      sources: { [SOURCE]: sourceSettings(upstream.url) },
      sumdb: [{ name: upstream.sumdb.name, url: `${upstream.url}/sumdb/${upstream.sumdb.name}` }],
    };
  }

  write(name: string, text: string): string {
    const file = path.join(this.folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return file;
  }

  /** Names of the files below a folder, sorted. */
  files(below = this.tree): string[] {
    if (!fs.existsSync(below)) return [];
    const found = fs.readdirSync(below, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile());
    return files.map((entry) => path.relative(below, path.join(entry.path, entry.name))).sort();
  }

  zips(): string[] {
    return this.files().filter((file) => file.endsWith('.zip'));
  }

  run(...args: string[]): Promise<Run> {
    return this.start(...args).done;
  }

  start(...args: string[]): { readonly child: ChildProcess; readonly done: Promise<Run> } {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd: this.folder,
      env: { ...cleanEnv(), ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString();
    });
    const over = new Promise<Run>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    const done = bounded(over, `modgate ${args.join(' ')}`, LIMIT).finally(() => child.kill('SIGKILL'));
    return { child, done };
  }
}
