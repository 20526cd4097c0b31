/** What the soak's clients ask, and what each answer must be. */

import type { Random } from '../kit/random.ts';
import { type Asked, ask, type Outcome } from './asking.ts';
import { type FileKind, lastOf, type Nth, pathOf, VERSIONS, versionOf, type World } from './world.ts';

/** The server under test: `life` is another with each process, and while there is none anything may break. */
export interface Server {
  readonly url: string;
  readonly life: number;
  readonly up: boolean;
}

interface File {
  readonly n: Nth;
  readonly kind: FileKind;
}

/** Refusals that a broken upstream brings; 404 is none of them, and 500 is never right. */
const REFUSALS: ReadonlySet<number> = new Set([429, 502, 503, 504, 508]);
const HOSTILE = [
  '/%2e%2e/%2e%2e/etc/passwd',
  '/soak.example/m0/@v/..%2f..%2flist',
  '/soak.example//m0/@v/list',
  '/soak.example/m0/@v/v1.0.0.exe',
  `/${'a'.repeat(5000)}/@v/list`,
  '/soak.example/m0/@v/%00.info',
] as const;
/** answers of files that are held for later questions */
const MOST_KNOWN = 200_000;

/** characters of a fault */
const MOST_TOLD = 1000;

type Answer = Extract<Outcome, { kind: 'answer' }>;

export class Traffic {
  /** wrong answers: none is ever right */
  readonly faults: string[] = [];
  /** kind of request and how it ended → times */
  readonly counts = new Map<string, number>();
  readonly #world: World;
  readonly #random: Random;
  readonly #server: () => Server;
  /** files that were answered whole: from then on they must be, whatever the upstream does */
  readonly #known: File[] = [];
  readonly #lists = new Set<string>();
  #next: Nth = 0;

  constructor(world: World, random: Random, server: () => Server) {
    this.#world = world;
    this.#random = random;
    this.#server = server;
  }

  /** versions that were asked for */
  get versions(): number {
    return this.#next;
  }

  sum(start: string): number {
    return [...this.counts].reduce((sum, [key, n]) => (key.startsWith(start) ? sum + n : sum), 0);
  }

  async one(): Promise<void> {
    const jobs: readonly [share: number, job: () => Promise<void>][] = [
      [40, () => this.#hit()],
      [18, () => this.#miss()],
      [6, () => this.#again()],
      [10, () => this.#list()],
      [6, () => this.#latest()],
      [6, () => this.#range()],
      [3, () => this.#head()],
      [3, () => this.#conditional()],
      [3, () => this.#leave()],
      [2, () => this.#together()],
      [2, () => this.#absent()],
      [1, () => this.#hostile()],
      [1, () => this.#page()],
    ];
    let at = this.#random.below(jobs.reduce((sum, [share]) => sum + share, 0));
    for (const [share, job] of jobs) {
      at -= share;
      if (at < 0) return job();
    }
  }

  /** Compares what a caller of its own got; used for the go command too. */
  fault(text: string): void {
    this.faults.push(text.length > MOST_TOLD ? `${text.slice(0, MOST_TOLD)}…` : text);
  }

  /** A version that nobody asked for yet. */
  fresh(): Nth {
    return this.#next++;
  }

  async #hit(): Promise<void> {
    const file = this.#anyKnown();
    if (file !== undefined) await this.#file('hit', file, true);
  }

  async #miss(): Promise<void> {
    const n = this.fresh();
    for (const kind of ['info', 'mod', 'zip'] as const) await this.#file('miss', { n, kind }, false);
  }

  /** What was refused before may be had by now. */
  async #again(): Promise<void> {
    if (this.#next === 0) return;
    const kind = this.#random.pick(['info', 'mod', 'zip']);
    await this.#file('again', { n: this.#random.below(this.#next), kind }, false);
  }

  async #together(): Promise<void> {
    const n = this.fresh();
    await Promise.all(Array.from({ length: 6 }, () => this.#file('together', { n, kind: 'zip' }, false)));
  }

  async #file(what: string, file: File, mustBe: boolean): Promise<void> {
    const path = urlOf(file);
    const got = await this.#ask(what, path, {}, mustBe);
    if (got === undefined) return;
    if (got.status !== 200) return this.#refused(what, path, got, mustBe);
    if (!this.#same(what, path, got.body, this.#world.file(file.n, file.kind))) return;
    if (!mustBe && this.#known.length < MOST_KNOWN) this.#known.push(file);
  }

  async #list(): Promise<void> {
    await this.#changing('list', '@v/list', () => this.#world.list());
  }

  async #latest(): Promise<void> {
    const file = this.#random.pick(['@latest', '@v/main.info']);
    await this.#changing('latest', file, (n) => this.#world.file(lastOf(n), 'info'));
  }

  async #changing(what: string, file: string, expected: (n: Nth) => Buffer): Promise<void> {
    const n = this.#random.below(this.#next + 1);
    const path = `/${pathOf(n)}/${file}`;
    const mustBe = this.#lists.has(path);
    const got = await this.#ask(what, path, {}, mustBe);
    if (got === undefined) return;
    if (got.status !== 200) return this.#refused(what, path, got, mustBe);
    // Where no source ever answered, the answer is made of what is stored: some of the versions, and nothing else.
    const partly = got.headers['x-cache'] === 'stale' && got.headers.age === undefined;
    if (partly) this.#part(path, got.body);
    else if (this.#same(what, path, got.body, expected(n))) this.#lists.add(path);
  }

  #part(path: string, body: Buffer): void {
    const known = Array.from({ length: VERSIONS }, (_, n) => n);
    const lines = path.endsWith('/list')
      ? new Set(known.map(versionOf))
      : new Set(known.map((n) => this.#world.file(n, 'info').toString()));
    const odd = body
      .toString()
      .split('\n')
      .find((line) => line !== '' && !lines.has(line));
    if (odd !== undefined) this.fault(`${path}: an answer from the store has ${odd}`);
  }

  async #range(): Promise<void> {
    const file = this.#anyKnown('zip');
    if (file === undefined) return;
    const whole = this.#world.file(file.n, file.kind);
    const first = this.#random.below(whole.length);
    const last = first + this.#random.below(whole.length - first);
    const path = urlOf(file);
    const got = await this.#ask('range', path, { headers: { range: `bytes=${first}-${last}` } }, true);
    if (got === undefined) return;
    if (got.status !== 206) return this.#refused('range', path, got, true);
    this.#same('range', path, got.body, whole.subarray(first, last + 1));
  }

  async #head(): Promise<void> {
    const file = this.#anyKnown();
    if (file === undefined) return;
    const path = urlOf(file);
    const got = await this.#ask('head', path, { method: 'HEAD' }, true);
    if (got === undefined) return;
    if (got.status !== 200) return this.#refused('head', path, got, true);
    const length = this.#world.file(file.n, file.kind).length;
    if (Number(got.headers['content-length']) !== length)
      this.fault(`HEAD ${path}: length ${String(got.headers['content-length'])} instead of ${length}`);
  }

  async #conditional(): Promise<void> {
    const file = this.#anyKnown();
    if (file === undefined) return;
    const path = urlOf(file);
    const first = await this.#ask('conditional', path, {}, true);
    if (first?.headers.etag === undefined) return;
    const headers = { 'if-none-match': first.headers.etag };
    const second = await this.#ask('conditional', path, { headers }, true);
    if (second === undefined) return;
    // Large files and those from memory have other validators: the way may change in between.
    if (second.status === 304) return this.#count('conditional', '304');
    if (second.status !== 200) return this.#refused('conditional', path, second, true);
    this.#same('conditional', path, second.body, this.#world.file(file.n, file.kind));
  }

  async #leave(): Promise<void> {
    const known = this.#random.chance(0.5) ? this.#anyKnown('zip') : undefined;
    const path = urlOf(known ?? { n: this.fresh(), kind: 'zip' });
    await this.#ask('leave', path, { leave: true }, known !== undefined);
  }

  async #absent(): Promise<void> {
    const path = `/${pathOf(this.#random.below(this.#next + 1))}/@v/v9.9.9-soak.${this.#random.pick(['info', 'zip'])}`;
    const got = await this.#ask('absent', path, {}, false);
    if (got === undefined) return;
    if (got.status === 404) this.#count('absent', '404');
    else if (got.status === 200) this.fault(`${path}: 200 for what is nowhere`);
    else this.#refused('absent', path, got, false);
  }

  async #hostile(): Promise<void> {
    const path = this.#random.pick(HOSTILE);
    const got = await this.#ask('hostile', path, {}, true);
    if (got === undefined) return;
    if (got.status === 404) this.#count('hostile', '404');
    else this.fault(`${path}: ${got.status} instead of 404`);
  }

  async #page(): Promise<void> {
    const path = this.#random.pick(['/healthz', '/readyz', '/metrics', '/version']);
    const got = await this.#ask('page', path, {}, true);
    if (got === undefined) return;
    if (got.status === 200) this.#count('page', '200');
    else this.fault(`${path}: ${got.status}`);
  }

  /** @param mustBe the answer needs no upstream: only the server's own death excuses that none comes */
  async #ask(what: string, path: string, asked: Asked, mustBe: boolean): Promise<Answer | undefined> {
    const { url, life, up } = this.#server();
    const outcome = await ask(url, path, asked);
    const died = !up || this.#server().life !== life;
    // One that is being stopped may say so.
    const stopping = died && outcome.kind === 'answer' && outcome.status === 503;
    if (outcome.kind === 'answer' && !stopping) return outcome;
    if (outcome.kind === 'forgotten' && !died) this.fault(`${what} ${path}: no answer at all`);
    if (outcome.kind === 'broken' && mustBe && !died) this.fault(`${what} ${path}: ${outcome.why}`);
    this.#count(what, died ? 'died' : outcome.kind);
    return undefined;
  }

  #refused(what: string, path: string, { status, body, headers }: Answer, mustBe: boolean): void {
    this.#count(what, String(status));
    const text = body.toString('utf8', 0, 400);
    if (mustBe || !REFUSALS.has(status)) {
      this.fault(`${what} ${path}: ${status} (${JSON.stringify(headers)}) ${text}`);
    } else if (!/^modgate: .*\n(?:.*\n)*code: [A-Z_]+$/m.test(text)) {
      this.fault(`${what} ${path}: ${status} without a reason: ${text}`);
    }
  }

  #same(what: string, path: string, got: Buffer, expected: Buffer): boolean {
    if (got.equals(expected)) {
      this.#count(what, 'ok');
      return true;
    }
    this.fault(`${what} ${path}: ${got.length} bytes that are not the ${expected.length} of the upstream`);
    return false;
  }

  #anyKnown(kind?: FileKind): File | undefined {
    // Most are asked for again soon; the old ones now and then.
    const recent = this.#random.chance(0.7) ? Math.max(0, this.#known.length - 500) : 0;
    const start = recent + this.#random.below(this.#known.length - recent);
    for (let at = start; at < Math.min(start + 50, this.#known.length); at++) {
      const file = this.#known[at];
      if (file !== undefined && (kind === undefined || file.kind === kind)) return file;
    }
    return undefined;
  }

  #count(what: string, how: string): void {
    const key = `${what} ${how}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }
}

function urlOf({ n, kind }: File): string {
  return `/${pathOf(n)}/@v/${versionOf(n)}.${kind}`;
}
