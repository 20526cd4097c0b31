/**
 * A program that speaks the protocol of git credential helpers (gitcredentials(7), git-credential(1)):
 *
 *   my-helper get   <  protocol=https\nhost=git.corp.example:8443\npath=team/lib.git\n\n
 *                   >  username=ci\npassword=…\npassword_expiry_utc=1700000000\n
 *   my-helper erase <  the same and username, password
 *
 * Its answer is at most 64 KiB and must come within half a minute.
 */
import path from 'node:path';
import { ModgateError, systemCode } from '../errors/index.ts';
import type { Clock } from '../observe/index.ts';
import type { Lack } from './access.ts';
import type { Address } from './address.ts';
import type { Issuer, Lease, Pair } from './issuer.ts';
import { type Issued, LeaseCache } from './lease-cache.ts';
import { ProcessGroup, shortage } from './process-group.ts';

/** ms */
const LIMIT = 30_000;
/** ms that an answer without an end of its own is used */
const KEPT = 5 * 60_000;
/** bytes */
const MAX_ANSWER = 64 << 10;

const BY_HAND =
  'run the command of vcs.credentials by hand, with "get" appended, as the user that modgate runs as';

export interface CommandDeps {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** ms, of one call */
  readonly limit?: number;
}

export class CommandIssuer implements Issuer {
  readonly lack: Lack;
  readonly #command: readonly string[];
  readonly #deps: CommandDeps;
  readonly #cache: LeaseCache;

  constructor(command: readonly string[], deps: CommandDeps) {
    this.#command = command;
    this.lack = {
      why: `the credential command ${path.basename(command[0] ?? '')} printed no username and password that can be used`,
      next: BY_HAND,
    };
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
    const group = new ProcessGroup(program, [...args, operation], {
      env: { ...env, GIT_TERMINAL_PROMPT: '0' },
      stderr: 'ignore',
    });
    group.stdin.end(`${input}\n`);
    const called = path.basename(program);
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      let size = 0;
      const fail = (error: ModgateError) => {
        finish();
        // A script leaves behind what it has started, unless all of it is ended.
        group.signal('SIGKILL');
        group.stdout.destroy();
        reject(error);
      };
      const because = (why: string) => fail(failure(called, host, why));
      const end = () => because('was ended');
      const timer = setTimeout(() => because(`did not answer within ${limit / 1000} s`), limit);
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
      };
      signal.addEventListener('abort', end, { once: true });
      group.stdout.on('data', (piece: Buffer) => {
        size += piece.length;
        if (size > MAX_ANSWER) because(`answered more than ${MAX_ANSWER} bytes`);
        else pieces.push(piece);
      });
      group.closed.then(
        ({ code, signal: killed }) => {
          if (code !== 0) return because(`ended with ${code ?? killed}`);
          finish();
          resolve(Buffer.concat(pieces).toString());
        },
        (error: unknown) =>
          fail(
            shortage(`the credential command ${called}`, error) ??
              failure(called, host, `cannot be run (${systemCode(error)})`),
          ),
      );
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
    next: BY_HAND,
  });
}
