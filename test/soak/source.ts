import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bounded } from '../kit/wait.ts';

const PROGRAM = fileURLToPath(new URL('./upstream.js', import.meta.url));

/** The upstream's process, as its keeper sees it; it has one port for all its lives. */
export class Source {
  readonly #seed: number;
  #port = 0;
  #child: ChildProcess | undefined;
  #broken = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, String(this.#seed), String(this.#port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    const [line] = await bounded(once(child.stdout, 'data'), 'the upstream of the soak');
    this.#port = Number(String(line));
    this.breaks(this.#broken);
  }

  /** @param share of the requests, 0..1 */
  breaks(share: number): void {
    this.#broken = share;
    this.#child?.stdin?.write(`${share}\n`);
  }

  async kill9(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }
}
