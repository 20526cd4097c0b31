/**
 * Credentials from a netrc file, as the go command reads it (cmd/go/internal/auth): the first entry whose
 * machine equals the URL's host counts, and with a port in the URL it must equal host:port. Unlike there,
 * tokens may stand on lines of their own and a `default` entry counts. Left out: account, macros.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemCode } from '../errors/index.ts';

export interface NetrcEntry {
  /** lower case; undefined: the default entry */
  readonly machine: string | undefined;
  readonly login: string;
  readonly password: string;
}

/** bytes */
const MAX_FILE = 1 << 20;
const MAX_ENTRIES = 10_000;

/** Entries with a login and a password, in the order of the file; what is not understood is passed over. */
export function parseNetrc(text: string): readonly NetrcEntry[] {
  const entries: NetrcEntry[] = [];
  let machine: string | undefined;
  let open = false;
  let fields: { login?: string; password?: string } = {};
  const tokens = tokensOf(text);
  for (let token = tokens.next(); !token.done && entries.length < MAX_ENTRIES; token = tokens.next()) {
    const word = token.value;
    if (word === 'machine' || word === 'default') {
      machine = word === 'machine' ? nextWord(tokens)?.toLowerCase() : undefined;
      open = word === 'default' || machine !== undefined;
      fields = {};
    } else if (word === 'login' || word === 'password') {
      const value = nextWord(tokens);
      if (value !== undefined) fields[word] = value;
    } else if (word === 'account') {
      nextWord(tokens);
    }
    const { login, password } = fields;
    if (open && login !== undefined && password !== undefined) {
      entries.push({ machine, login, password });
      open = false;
    }
  }
  return entries;
}

function nextWord(tokens: Iterator<string>): string | undefined {
  const next = tokens.next();
  return next.done === true ? undefined : next.value;
}

/** Words without comment lines and without macros, which end at an empty line. */
function* tokensOf(text: string): Generator<string> {
  let inMacro = false;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (inMacro) {
      inMacro = line !== '';
      continue;
    }
    if (line.startsWith('#')) continue;
    for (const word of line.split(/\s+/)) {
      if (word === 'macdef') {
        inMacro = true;
        break;
      }
      if (word !== '') yield word;
    }
  }
}

/** @param host `host` or `host:port`, as URL.host has it */
export function findEntry(entries: readonly NetrcEntry[], host: string): NetrcEntry | undefined {
  return entries.find((e) => e.machine === host) ?? entries.find((e) => e.machine === undefined);
}

/** `$NETRC`, else `~/.netrc` (`~/_netrc` on Windows). */
export function defaultNetrcFile(env: NodeJS.ProcessEnv): string {
  if (env.NETRC !== undefined && env.NETRC !== '') return env.NETRC;
  return join(env.HOME ?? homedir(), process.platform === 'win32' ? '_netrc' : '.netrc');
}

/** One netrc file, read again when its time or size changes. */
export class NetrcFile {
  readonly #file: string;
  #stamp = '';
  #entries: readonly NetrcEntry[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** undefined where the file is absent or has no such machine. Throws where it cannot be read. */
  async find(host: string): Promise<NetrcEntry | undefined> {
    try {
      await this.#refresh();
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.#stamp = '';
      this.#entries = [];
    }
    return findEntry(this.#entries, host);
  }

  async #refresh(): Promise<void> {
    const facts = await stat(this.#file, { bigint: true });
    const stamp = `${facts.mtimeNs} ${facts.size} ${facts.ino}`;
    if (stamp === this.#stamp) return;
    if (facts.size > MAX_FILE) throw new Error(`more than ${MAX_FILE} bytes`);
    this.#entries = parseNetrc(await readFile(this.#file, 'utf8'));
    this.#stamp = stamp;
  }
}
