/** The Go project's own server of repositories, by which it tests the go command: built from the Go installation. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { hasGo } from './go.ts';
import { bounded } from './wait.ts';

const PACKAGE = 'cmd/go/internal/vcweb/vcstest';
/** ms; it compiles a good part of the standard library where nobody did before */
const BUILD = 180_000;
const START = 60_000;

/** The host that its repositories and pages are written for. */
export const VCWEB_HOST = 'vcs-test.golang.org';

export const goRoot: string = hasGo
  ? spawnSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).stdout.trim()
  : '';

/** For the `skip` of a test: the reason, or false. */
export const withoutVcweb: string | false = !hasGo
  ? 'no go command'
  : fs.existsSync(path.join(goRoot, 'src', PACKAGE))
    ? false
    : 'no source of the go command';

export class Vcweb {
  /** "http://localhost:port" */
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #over: Promise<void>;

  private constructor(url: string, folder: string, child: ChildProcess, over: Promise<void>) {
    this.url = url;
    this.#folder = folder;
    this.#child = child;
    this.#over = over;
  }

  static async start(): Promise<Vcweb> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-vcweb-'));
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      GOCACHE: path.join(process.env.TESTS_OF_MODGATE_SCRATCH ?? folder, 'go-build'),
      GOENV: 'off',
      GOFLAGS: '-mod=mod',
      GOPROXY: 'off',
      GOTOOLCHAIN: 'local',
      GOTELEMETRY: 'off',
    };
    const program = path.join(folder, 'vcweb');
    const src = path.join(goRoot, 'src');
    const built = spawn('go', ['test', '-c', '-o', program, PACKAGE], { cwd: src, env, stdio: 'inherit' });
    await bounded(ended(built), 'the build of the fixture server', BUILD);
    const child = spawn(program, ['-port=0', '-test.v'], {
      cwd: path.join(src, PACKAGE),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const over = new Promise<void>((resolve) => child.on('close', () => resolve()));
    const url = await bounded(serving(child), 'the fixture server', START);
    return new Vcweb(url, folder, child, over);
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#over;
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`))));
  });
}

/** The URL that it says. What it logs later is read too, or it would wait for its reader. */
function serving(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (piece: Buffer) => {
      text = (text + piece.toString()).slice(-10_000);
      const url = /serving on (http:\/\/\S+?)\/?\s/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.on('close', () => reject(new Error(`it ended: ${text}`)));
  });
}
