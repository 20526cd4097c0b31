/** The real go command, with folders of its own and no way to the network but the GOPROXY it is given. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bounded } from './wait.ts';

export const hasGo = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
/** For the `skip` of a test: the reason, or false. */
export const withoutGo: string | false = hasGo ? false : 'no go command';

export interface GoResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GoOptions {
  readonly proxy: string;
  /** default off */
  readonly sumdb?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** ms */
  readonly limit?: number;
}

/** One GOPATH, module cache included; the build cache is shared by the whole run. */
export class Go {
  readonly folder: string;

  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-go-'));
    // Otherwise a process that outlives the command writes there while the folder is removed.
    const telemetry = path.join(this.folder, '.config', 'go', 'telemetry');
    fs.mkdirSync(telemetry, { recursive: true });
    fs.writeFileSync(path.join(telemetry, 'mode'), 'off');
  }

  get modcache(): string {
    return path.join(this.folder, 'pkg', 'mod');
  }

  /** A folder with a go.mod that says `module example.test/main`. */
  project(requires: readonly string[] = [], files: Readonly<Record<string, string>> = {}): string {
    const folder = fs.mkdtempSync(path.join(this.folder, 'project-'));
    const require = requires.map((line) => `require ${line}\n`).join('');
    fs.writeFileSync(path.join(folder, 'go.mod'), `module example.test/main\n\ngo 1.20\n\n${require}`);
    for (const [name, body] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), body);
    return folder;
  }

  run(args: readonly string[], options: GoOptions): Promise<GoResult> {
    const child = spawn('go', args, { cwd: options.cwd ?? this.folder, env: this.#env(options) });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString();
    });
    const over = new Promise<GoResult>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    return bounded(over, `go ${args.join(' ')}`, options.limit ?? 120_000).finally(() =>
      child.kill('SIGKILL'),
    );
  }

  remove(): void {
    // A first go command leaves a child behind that still writes to its home for a moment.
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #env(options: GoOptions): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      HOME: this.folder,
      GOPATH: this.folder,
      GOMODCACHE: this.modcache,
      GOCACHE: path.join(process.env.TESTS_OF_MODGATE_SCRATCH ?? this.folder, 'go-build'),
      GOENV: 'off',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '-modcacherw',
      GOSUMDB: options.sumdb ?? 'off',
      GOPROXY: options.proxy,
      GOVCS: '*:off',
      GOTELEMETRY: 'off',
      CGO_ENABLED: '0',
      // Nothing listens there, so direct mode fails at once and recognisably. Loopback is never proxied.
      HTTP_PROXY: DEAD_PROXY,
      HTTPS_PROXY: DEAD_PROXY,
      ...options.env,
    };
  }
}

const DEAD_PROXY = 'http://127.0.0.1:9';
/** What the go command's stderr has where it tried direct mode in here. */
export const WENT_DIRECT = /127\.0\.0\.1:9\b|go-get=1|GOVCS/;
