/** A data folder to which modules are published, fetched and deleted in the test's own process. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Chain, type Source } from '../fetch/index.ts';
import { type ModuleVersion, PathPatterns, parseModulePath, parseVersion } from '../module/index.ts';
import { createZip, ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, Storeroom, type TreeKey } from '../store/index.ts';
import { Admissions } from './admission.ts';
import { type Deleted, deleteVersion } from './deletion.ts';
import { type Published, Publisher } from './publish.ts';
import { PublishedSource } from './published-source.ts';
import { Router } from './router.ts';

const logger = createLogger({ level: 'silent', format: 'json', destination: { write: () => true } });
const path_ = parseModulePath('corp.test/lib');
export const M: ModuleVersion = { path: path_, version: parseVersion(path_, 'v1.0.0') };
const GO_MOD = `module ${M.path}\n\ngo 1.20\n`;
const ACTOR = { who: 'publish', remote: null, request: null };

export function moduleZip(m: ModuleVersion, files: Readonly<Record<string, string>> = {}): Buffer {
  const all = { 'go.mod': GO_MOD, 'lib.go': 'package lib\n', ...files };
  return createZip(
    m,
    Object.entries(all).map(([name, text]) => ({ name, data: Buffer.from(text) })),
  );
}

export class Shop {
  readonly data: string;
  readonly tree: FileTree;
  readonly room: Storeroom;
  readonly deps;
  /** ms since the epoch */
  now = Date.parse('2026-01-02T03:04:05.678Z');
  readonly #publisher: Publisher;

  private constructor(data: string, tree: FileTree, others: readonly Source[]) {
    this.data = data;
    this.tree = tree;
    this.room = new Storeroom(tree, data);
    const metrics = new Metrics({ process: false });
    const steps = [new PublishedSource(tree), ...others];
    const chain = new Chain(
      steps.map((step, i) => ({ step, separator: i < steps.length - 1 ? ',' : undefined })),
    );
    const route = {
      match: 'corp.test',
      patterns: new PathPatterns('corp.test'),
      chain,
      denied: 'refuse',
      isPrivate: true,
    };
    const router = new Router([{ ...route, denied: 'refuse' }], new Chain([]));
    const checker = new ZipChecker({ workers: 1 });
    const base = {
      tree,
      room: this.room,
      router,
      checker,
      clock: { ...systemClock, now: () => this.now },
      logger,
      metrics,
    };
    this.deps = { ...base, forget: () => undefined, changed: async () => undefined };
    this.#publisher = new Publisher({ ...this.deps, admissions: new Admissions(base) });
  }

  static async open(
    t: { after(fn: () => Promise<void>): void },
    others: readonly Source[] = [],
  ): Promise<Shop> {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-shop-'));
    const shop = new Shop(data, await FileTree.open(data, { logger }), others);
    t.after(async () => {
      shop.room.close();
      await shop.tree.close();
      fs.rmSync(data, { recursive: true, force: true });
    });
    return shop;
  }

  publish(zip: Buffer, m = M): Promise<Published> {
    const pieces = async function* () {
      yield zip;
    };
    return this.#publisher.publish(m, pieces(), ACTOR, new AbortController().signal);
  }

  check(m: ModuleVersion): void {
    this.#publisher.check(m);
  }

  delete(m = M): Promise<Deleted> {
    return deleteVersion(this.deps, m, 'a reason', ACTOR, new AbortController().signal);
  }

  file(name: string): string {
    return path.join(this.data, 'tree', M.path, '@v', name);
  }

  /** Kinds of file that the version has, in the order of the alphabet. */
  kinds(m = M): string {
    const all = fs.existsSync(this.file('')) ? fs.readdirSync(this.file('')) : [];
    const own = all.filter((name) => name.startsWith(`${m.version}.`));
    return own
      .map((name) => name.slice(m.version.length + 1))
      .sort()
      .join(' ');
  }

  text(kind: string, m = M): string {
    return fs.readFileSync(this.file(`${m.version}.${kind}`), 'utf8');
  }

  /** Of the record, in its order. */
  actions(): string[] {
    const file = path.join(this.data, 'audit.jsonl');
    const all = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
    return all.map((line) => String(JSON.parse(line).action));
  }

  /** Nothing can be recorded until it is undone. */
  breakAudit(): () => void {
    const file = path.join(this.data, 'audit.jsonl');
    if (fs.existsSync(file)) fs.renameSync(file, `${file}.kept`);
    fs.mkdirSync(file);
    return () => {
      fs.rmdirSync(file);
      if (fs.existsSync(`${file}.kept`)) fs.renameSync(`${file}.kept`, file);
    };
  }

  /** Runs something when the tree is about to write that file for the first time; what it throws is the write's failure. */
  before(key: TreeKey, work: () => Promise<void>): void {
    const put = this.tree.put.bind(this.tree);
    const adopt = this.tree.adopt.bind(this.tree);
    const remove = this.tree.delete.bind(this.tree);
    let done = false;
    const once = async (at: TreeKey) => {
      if (at !== key || done) return;
      done = true;
      await work();
    };
    this.tree.put = async (at, ...rest) => {
      await once(at);
      return await put(at, ...rest);
    };
    this.tree.adopt = async (at, ...rest) => {
      await once(at);
      return await adopt(at, ...rest);
    };
    this.tree.delete = async (at) => {
      await once(at);
      await remove(at);
    };
  }
}
