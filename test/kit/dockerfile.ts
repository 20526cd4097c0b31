/**
 * Carries out deploy/Dockerfile without an engine: its COPY and RUN lines, in a folder. It knows the few instructions
 * and forms that this file uses, and fails at any other. Packages of the distribution are not installed: a folder is no
 * machine, and what the program needs of them is taken from this one.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface Instruction {
  readonly name: string;
  /** after the flags */
  readonly words: string;
  /** `--from=build` as from → build */
  readonly flags: ReadonlyMap<string, string>;
}

export interface Stage {
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(file: string): Stage[] {
  const text = fs.readFileSync(file, 'utf8').replace(/^\s*#.*\n/gm, '');
  const stages: { base: string; instructions: Instruction[] }[] = [];
  for (const line of text.replace(/\\\n\s*/g, '').split('\n')) {
    if (line.trim() === '') continue;
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`not an instruction: ${line}`);
    const [, options = '', words = ''] = /^((?:--\S+\s+)*)(.*)$/.exec(rest) ?? [];
    const flags = new Map(
      [...options.matchAll(/--([a-z-]+)=(\S+)/g)].map(([, key = '', value = '']) => [key, value] as const),
    );
    if (name === 'FROM') stages.push({ base: words.split(' ')[0] ?? '', instructions: [] });
    else stages.at(-1)?.instructions.push({ name, words, flags });
  }
  return stages;
}

/** Whether it installs packages of the distribution, users included. */
export function isOfDistribution({ name, words }: Instruction): boolean {
  return name === 'RUN' && words.startsWith('apt-get ');
}

/** What .dockerignore lets through; it excludes all, then names what stays, then takes some of that away again. */
function sent(context: string): (relative: string) => boolean {
  const rules = fs
    .readFileSync(path.join(context, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const kept = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
  const suffixes = rules.filter((rule) => rule.startsWith('**/*')).map((rule) => rule.slice(4));
  if (kept.length + suffixes.length + 1 !== rules.length || rules[0] !== '*')
    throw new Error('.dockerignore has a form that this reader does not know');
  return (relative) =>
    kept.some(
      (name) => relative === name || relative.startsWith(`${name}/`) || name.startsWith(`${relative}/`),
    ) && !suffixes.some((suffix) => relative.endsWith(suffix));
}

/** Each stage is a folder `stage-N` below `root`, which stands for the stage's /. */
export class Engine {
  readonly #context: string;
  readonly #root: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: { context: string; root: string; env: NodeJS.ProcessEnv }) {
    this.#context = options.context;
    this.#root = options.root;
    this.#env = options.env;
  }

  folder(stage: number): string {
    return path.join(this.#root, `stage-${stage}`);
  }

  build(stages: readonly Stage[]): void {
    for (const [number, { instructions }] of stages.entries()) this.#stage(number, instructions);
  }

  #stage(number: number, instructions: readonly Instruction[]): void {
    const root = this.folder(number);
    let workdir = root;
    fs.mkdirSync(root, { recursive: true });
    for (const instruction of instructions) {
      if (instruction.name === 'WORKDIR') {
        workdir = path.join(root, instruction.words);
        fs.mkdirSync(workdir, { recursive: true });
      } else if (isOfDistribution(instruction)) continue;
      else if (instruction.name === 'COPY') this.#copy(instruction, root, workdir);
      else if (instruction.name === 'RUN') this.#run(instruction.words, workdir);
    }
  }

  #copy({ words, flags }: Instruction, root: string, workdir: string): void {
    const names = words.split(' ');
    const target = names.pop() ?? '';
    const to = target.startsWith('/') ? path.join(root, target) : path.join(workdir, target);
    const several = target.endsWith('/') || target === './';
    for (const name of names) {
      const from = flags.has('from') ? path.join(this.folder(0), name) : path.join(this.#context, name);
      const wanted = flags.has('from') ? () => true : sent(this.#context);
      fs.cpSync(from, several ? path.join(to, path.basename(name)) : to, {
        recursive: true,
        filter: (file) => wanted(path.relative(this.#context, file)),
      });
      const copied = several ? path.join(to, path.basename(name)) : to;
      if (!fs.existsSync(copied)) throw new Error(`COPY ${name}: .dockerignore keeps it from the engine`);
      this.#own(copied, flags);
    }
  }

  #own(file: string, flags: ReadonlyMap<string, string>): void {
    const [user, group] = (flags.get('chown') ?? '').split(':').map(Number);
    if (user !== undefined && group !== undefined && process.getuid?.() === 0)
      fs.chownSync(file, user, group);
    const mode = flags.get('chmod');
    if (mode !== undefined) fs.chmodSync(file, Number.parseInt(mode, 8));
  }

  #run(command: string, cwd: string): void {
    const run = spawnSync('sh', ['-c', command], { cwd, env: this.#env, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`RUN ${command}: ${run.status}\n${run.stdout}${run.stderr}`);
  }
}
