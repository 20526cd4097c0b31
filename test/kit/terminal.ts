/** Programs on a terminal of 120 columns, which script(1) makes. */
import { spawn, spawnSync } from 'node:child_process';
import { CLI, cleanEnv } from './modgate.ts';

export const withoutTerminal = spawnSync('script', ['--version']).status === 0 ? false : 'no script(1)';

/** What Node asks before it believes that a terminal shows colour. */
const COLOURS = { NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, TERM: 'xterm' };

export interface Shown {
  /** what stood on the terminal */
  readonly text: string;
  readonly code: number;
}

export interface TerminalOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** what is typed when the program asks: [y/N] */
  readonly answer?: string;
}

/** @param args of modgate; they hold no quotes */
export async function onTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<Shown> {
  const program = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(' ');
  // The shell lives until all was read: script(1) gives what an ended command wrote 10 ms to come out of the
  // terminal, which a busy machine does not always keep.
  const line = `stty cols 120 -echo; ${program}; echo "THE-END $?"; read REPLY`;
  const child = spawn('script', ['-qc', line, '/dev/null'], {
    env: { ...cleanEnv(), ...COLOURS, ...options.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let { answer } = options;
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
    if (/THE-END \d+\r\n$/.test(text)) child.stdin.end('\n');
    if (answer === undefined || !text.includes('[y/N] ')) return;
    child.stdin.write(answer);
    answer = undefined;
  });
  await new Promise((resolve) => child.on('close', resolve));
  const [, shown = text, code = '-1'] = /^([\s\S]*)THE-END (\d+)/.exec(text) ?? [];
  return { text: shown, code: Number(code) };
}
