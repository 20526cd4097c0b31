/** Git repositories of the tests' own, bare, below one folder; the same calls give the same hashes on any machine. */
import { spawn, spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What a path holds after a commit. */
export type GitFile =
  | string
  | Buffer
  | { readonly symlink: string }
  | { readonly executable: string }
  /** hash of a commit of another repository */
  | { readonly submodule: string }
  /** removes the file, or the folder with all in it */
  | null;

export interface CommitOptions {
  /** default "main" */
  readonly branch?: string;
  /** RFC 3339; default: one minute after the last commit of this repository, the first one at 2024-01-01T00:00:00Z */
  readonly date?: string;
  /** default: the branch's last commit, none for a new branch; more than one: a merge */
  readonly parents?: readonly string[];
  readonly message?: string;
  /** tags of the new commit */
  readonly tags?: readonly string[];
}

const FIRST = Date.parse('2024-01-01T00:00:00Z') / 1000;
const WHO = 'Gopher <gopher@corp.example>';

/** Nothing of the machine's configuration; `protocol.file.allow` for what a test clones itself. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
};

/** Runs git; throws with its stderr where it fails. Returns stdout without the last line feed. */
export function git(args: readonly string[], input: string | Buffer = ''): string {
  const run = spawnSync('git', args, { env: GIT_ENV, input, maxBuffer: 256 << 20 });
  if (run.status !== 0)
    throw new Error(`git ${args.join(' ')}: ${run.error?.message ?? run.stderr.toString()}`);
  return run.stdout.toString().replace(/\n$/, '');
}

/** A git command that talks to a server of this process, which spawnSync would hold up. */
export function client(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn('git', args, { env: GIT_ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, text })));
}

/** One bare repository, written by fast-import: no work tree, one process a commit. */
export class GitProject {
  /** the bare repository, e.g. ".../team/lib.git" */
  readonly folder: string;
  readonly format: 'sha1' | 'sha256';
  readonly #heads = new Map<string, string>();
  #clock = FIRST;

  constructor(folder: string, format: 'sha1' | 'sha256' = 'sha1') {
    this.folder = folder;
    this.format = format;
    fs.mkdirSync(path.dirname(folder), { recursive: true });
    git([
      'init',
      '-q',
      '--bare',
      '--initial-branch=main',
      '--template=',
      `--object-format=${format}`,
      folder,
    ]);
  }

  /** Changes files on top of the branch. Returns the commit's hash. */
  commit(files: Readonly<Record<string, GitFile>>, options: CommitOptions = {}): string {
    const branch = options.branch ?? 'main';
    const last = this.#heads.get(branch);
    const parents = options.parents ?? (last === undefined ? [] : [last]);
    const time = options.date === undefined ? this.#clock : Date.parse(options.date) / 1000;
    this.#clock = time + 60;
    const [from, ...merged] = parents;
    const pieces = [
      // Without the reset fast-import would take the branch as the parent of a commit that has none.
      from === undefined && last !== undefined ? `reset refs/heads/${branch}\n` : '',
      `commit refs/heads/${branch}\nmark :1\ncommitter ${WHO} ${time} +0000\n`,
      data(options.message ?? `Commit ${time}`),
      from === undefined ? '' : `from ${from}\n`,
      ...merged.map((parent) => `merge ${parent}\n`),
      ...Object.entries(files).flatMap(([name, file]) => change(name, file)),
      '\nget-mark :1\n',
    ].map((piece) => Buffer.from(piece));
    const hash = this.#run(['fast-import', '--quiet', '--force'], Buffer.concat(pieces));
    this.#heads.set(branch, hash);
    for (const tag of options.tags ?? []) this.tag(tag, hash);
    return hash;
  }

  /** A lightweight tag. */
  tag(name: string, hash: string): void {
    this.ref(`refs/tags/${name}`, hash);
  }

  /** Many at once: name → hash. */
  tags(all: Readonly<Record<string, string>>): void {
    const lines = Object.entries(all).map(([name, hash]) => `update refs/tags/${name} ${hash}\n`);
    this.#run(['update-ref', '--stdin'], lines.join(''));
  }

  /** An annotated tag. Returns the hash of its object. */
  annotate(name: string, hash: string): string {
    const text = `object ${hash}\ntype commit\ntag ${name}\ntagger ${WHO} ${this.#clock} +0000\n\n${name}\n`;
    const object = this.#run(['hash-object', '-t', 'tag', '-w', '--stdin'], text);
    this.ref(`refs/tags/${name}`, object);
    return object;
  }

  branch(name: string, hash: string): void {
    this.#heads.set(name, hash);
    this.ref(`refs/heads/${name}`, hash);
  }

  /** Any ref by its whole name, e.g. "refs/pull/1/head"; `undefined` removes it. */
  ref(name: string, hash: string | undefined): void {
    this.#run(['update-ref', ...(hash === undefined ? ['-d', name] : [name, hash])]);
  }

  /** Points HEAD to a branch, which need not exist. */
  head(branch: string): void {
    this.#run(['symbolic-ref', 'HEAD', `refs/heads/${branch}`]);
  }

  config(key: string, value: string): void {
    this.#run(['config', key, value]);
  }

  /** Everything into one pack. */
  pack(): void {
    this.#run(['repack', '-adq']);
  }

  git(...args: string[]): string {
    return this.#run(args);
  }

  #run(args: readonly string[], input: string | Buffer = ''): string {
    return git(['--git-dir', this.folder, ...args], input);
  }
}

/** A folder of repositories, as a server has it. */
export class GitFolder {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-git-'));

  /** @param name e.g. "team/lib.git" */
  create(name: string, format?: 'sha1' | 'sha256'): GitProject {
    return new GitProject(path.join(this.folder, name), format);
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

function data(bytes: string | Buffer): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`data ${body.length}\n`), body, Buffer.from('\n')]);
}

function change(name: string, file: GitFile): (string | Buffer)[] {
  const at = `"${name.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
  if (file === null) return [`D ${at}\n`];
  if (typeof file === 'string' || Buffer.isBuffer(file)) return [`M 100644 inline ${at}\n`, data(file)];
  if ('symlink' in file) return [`M 120000 inline ${at}\n`, data(file.symlink)];
  if ('executable' in file) return [`M 100755 inline ${at}\n`, data(file.executable)];
  return [`M 160000 ${file.submodule} ${at}\n`];
}

/** Bytes that do not compress, the same each time. */
export function noise(length: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length));
}
