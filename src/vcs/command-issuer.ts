/**
 * A program that speaks the protocol of git credential helpers (gitcredentials(7), git-credential(1)):
 *
 *   my-helper get   <  protocol=https\nhost=git.corp.example:8443\npath=team/lib.git\n\n
 *                   >  username=ci\npassword=…\npassword_expiry_utc=1700000000\n
 *   my-helper erase <  the same and username, password
 *
 * Its answer is at most 64 KiB and must come within half a minute.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import type { Address } from './address.ts';
import type { Issuer, Lease, Pair } from './issuer.ts';
import { type Issued, LeaseCache } from './lease-cache.ts';

/** ms */
const LIMIT = 30_000;
/** ms that an answer without an end of its own is used */
const KEPT = 5 * 60_000;
/** bytes */
const MAX_ANSWER = 64 << 10;

export interface CommandDeps {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** ms, of one call */
  readonly limit?: number;
}

export class CommandIssuer implements Issuer {
  readonly #command: readonly string[];
  readonly #deps: CommandDeps;
  readonly #cache: LeaseCache;

  constructor(command: readonly string[], deps: CommandDeps) {
    this.#command = command;
    this.#deps = deps;
    this.#cache = new LeaseCache(deps.clock);
  }

  lease(remote: Address, whole: boolean, signal: AbortSignal): Promise<Lease | undefined> {
    const asked = question(remote, whole);
    return this.#cache.lease(
      asked,
      (end) => this.#get(asked, remote.host, end),
      async ({ username, password }) => {
        const lines = `${asked}username=${username}\npassword=${password}\n`;
        await this.#run('erase', lines, remote.host, signal).catch(() => undefined);
      },
      signal,
    );
  }

  close(): void {
    this.#cache.close();
  }

  async #get(asked: string, host: string, signal: AbortSignal): Promise<Issued | undefined> {
    const answer = parseAnswer(await this.#run('get', asked, host, signal));
    if (answer === undefined) return undefined;
    const now = this.#deps.clock.now();
    const until = answer.expiry ?? now + KEPT;
    return until <= now ? undefined : { pair: answer.pair, until };
  }

  /** What it wrote; its own words of failure are not repeated, for they may hold what it was given. */
  #run(operation: 'get' | 'erase', input: string, host: string, signal: AbortSignal): Promise<string> {
    const [program = '', ...args] = this.#command;
    const { env, limit = LIMIT } = this.#deps;
    const child = spawn(program, [...args, operation], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...env, GIT_TERMINAL_PROMPT: '0' },
    });
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let size = 0;
      const fail = (why: string) => {
        finish();
        child.kill('SIGKILL');
        child.stdout.destroy();
        reject(failure(path.basename(program), host, why));
      };
      const end = () => fail('was ended');
      const timer = setTimeout(() => fail(`did not answer within ${limit / 1000} s`), limit);
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
      };
      signal.addEventListener('abort', end, { once: true });
      // A program that does not read what it is asked may have ended before it is written.
      child.stdin.on('error', () => undefined);
      child.stdin.end(`${input}\n`);
      child.stdout.on('data', (piece: Buffer) => {
        size += piece.length;
        if (size > MAX_ANSWER) fail(`answered more than ${MAX_ANSWER} bytes`);
        else pieces.push(piece);
      });
      child.on('error', (error) => fail(`cannot be run (${systemCode(error)})`));
      child.on('close', (code, killed) => {
        if (code !== 0) fail(`ended with ${code ?? killed}`);
        finish();
        resolve(Buffer.concat(pieces).toString());
      });
    });
  }
}

function question({ scheme, host, port, path: below }: Address, whole: boolean): string {
  const place = port === '' ? host : `${host}:${port}`;
  return `protocol=${scheme}\nhost=${place}\n${whole ? `path=${below}\n` : ''}`;
}

/** The answer of a helper; undefined where it has nothing for us. */
export function parseAnswer(text: string): { pair: Pair; expiry: number | undefined } | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === '') break;
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const password = fields.get('password');
  const username = fields.get('username') ?? '';
  const quit = fields.get('quit');
  if (password === undefined || password === '' || (quit !== undefined && /^(?:1|true|yes|on)$/.test(quit)))
    return undefined;
  if (/\p{Cc}/u.test(username + password)) return undefined;
  const expiry = /^[0-9]{1,12}$/.exec(fields.get('password_expiry_utc') ?? '')?.[0];
  return { pair: { username, password }, expiry: expiry === undefined ? undefined : Number(expiry) * 1000 };
}

function failure(program: string, host: string, why: string): ModgateError {
  return new ModgateError('UPSTREAM_DENIED', `the credential command ${program} for ${host} ${why}`, {
    next: 'run the command of vcs.credentials by hand, with "get" appended, as the user that modgate runs as',
  });
}
