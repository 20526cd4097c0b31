/** A real project of about 190 modules, and the files that the go command asks for to download it. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Go } from '../test/kit/go.ts';
import { reachUpstream } from '../test/kit/reach.ts';
import { version } from './machine.ts';
import { endedChildrenUserSeconds } from './proc.ts';
import { type Bench, LeftOut } from './row.ts';
import { startModgate } from './servers.ts';

/** The first that is there; the second one always is. */
const FOLDERS = ['../../../shared/data/project/', '../../bench/project/'].map((at) =>
  fileURLToPath(new URL(at, import.meta.url)),
);
/** ms */
const LIMIT = 600_000;

export interface Download {
  /** wall time */
  readonly seconds: number;
  /** the go command's own */
  readonly userSeconds: number;
}

/** `go mod download all` with an empty module cache. @throws where the go command fails */
export async function download(proxy: string): Promise<Download> {
  const go = new Go();
  const modules = fs.mkdtempSync(path.join(fastFolder(), 'modgate-bench-modules-'));
  const remove = () => fs.rmSync(modules, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const cwd = path.join(go.folder, 'project');
    const from = FOLDERS.find((folder) => fs.existsSync(path.join(folder, 'go.mod'))) ?? '';
    fs.mkdirSync(cwd);
    for (const name of ['go.mod', 'go.sum']) fs.copyFileSync(path.join(from, name), path.join(cwd, name));
    const before = endedChildrenUserSeconds();
    const start = performance.now();
    const result = await go.run(['mod', 'download', 'all'], {
      proxy,
      sumdb: 'sum.golang.org',
      cwd,
      limit: LIMIT,
      env: { ...ownProxies(), GOMODCACHE: modules },
    });
    const seconds = (performance.now() - start) / 1000;
    if (result.code !== 0) throw new Error(`go mod download through ${proxy} failed:\n${result.stderr}`);
    return { seconds, userSeconds: endedChildrenUserSeconds() - before };
  } finally {
    process.off('exit', remove);
    remove();
    go.remove();
  }
}

/** Linux's memory file system: the go command's 30,000 unpacked files on a slow disk would hide what is measured. */
const MEMORY = '/dev/shm';
/** bytes; an unpacked project has about 1 GB */
const ROOM = 4 * 2 ** 30;

function fastFolder(): string {
  if (!fs.existsSync(MEMORY)) return os.tmpdir();
  const { bavail, bsize } = fs.statfsSync(MEMORY);
  return bavail * bsize >= ROOM ? MEMORY : os.tmpdir();
}

/** The straight path goes as the machine's own environment says. */
function ownProxies(): Record<string, string> {
  return {
    HTTP_PROXY: process.env.HTTP_PROXY ?? process.env.http_proxy ?? '',
    HTTPS_PROXY: process.env.HTTPS_PROXY ?? process.env.https_proxy ?? '',
    NO_PROXY: process.env.NO_PROXY ?? process.env.no_proxy ?? '',
  };
}

/** The real upstream's base URL. @throws LeftOut */
export function realUpstream(bench: Bench): Promise<string> {
  return bench.shared('real upstream', async () => {
    if (version('go', ['version']) === undefined) throw new LeftOut('there is no go command');
    const { url, fault } = await reachUpstream();
    if (fault !== undefined) throw new LeftOut(`the upstream cannot be reached: ${fault}`);
    return url;
  });
}

export interface Captured {
  /** folder in the layout of a module proxy */
  readonly root: string;
  /** of the files that the project needs, in the order of the go command: every .mod, then .info and .zip */
  readonly urls: readonly string[];
}

/** The project's files as a first run through modgate has stored them. @throws LeftOut */
export function capturedProject(bench: Bench): Promise<Captured> {
  return bench.shared('captured project', async () => {
    const upstream = await realUpstream(bench);
    const folder = path.join(bench.folder, 'capture');
    const modgate = await startModgate(bench.scope, folder, { upstream });
    await download(modgate.url);
    await modgate.stop();
    const root = path.join(folder, 'data', 'tree');
    return { root, urls: projectUrls(root) };
  });
}

function projectUrls(root: string): string[] {
  const names = fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).map(encodeURIComponent).join('/').replaceAll('%40v', '@v'))
    .map((name) => `/${name}`)
    .sort();
  const having = (pattern: RegExp) => names.filter((name) => pattern.test(name));
  return [...having(/@v\/[^/]*\.mod$/), ...having(/@v\/[^/]*\.(?:info|zip)$/)];
}
