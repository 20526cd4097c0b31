/** What `npm test` prints: one line per file, failures in full, what was left out and why, one line of sums. */
import path from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import { NEEDS_UPSTREAM } from './reach.ts';

interface FileSum {
  passed: number;
  failed: number;
  skipped: number;
  /** of its outermost tests and suites */
  ms: number;
  /** what the file's process printed; shown only where it failed without a failing test */
  output: string;
}

interface Verdict {
  /** a skip is a failure */
  readonly strict: boolean;
  /** why the real upstream cannot be reached; undefined where it can, or nobody asked */
  readonly unreachable: string | undefined;
}

/** Begins a diagnostic of a test that everybody is to read. */
const TOLD = 'told: ';

export class Report {
  readonly #files = new Map<string, FileSum>();
  /** reason → the tests it left out */
  readonly #skips = new Map<string, string[]>();
  readonly #dist: string;
  readonly #out: NodeJS.WritableStream;
  #extraFailures = 0;
  /** node reports the tests of one file after those of another, whichever ran first */
  #current: string | undefined;

  constructor(dist: string, out: NodeJS.WritableStream) {
    this.#dist = dist;
    this.#out = out;
  }

  take(event: TestEvent): void {
    if (event.type === 'test:pass' || event.type === 'test:fail') this.#enter(event.data.file);
    switch (event.type) {
      case 'test:pass':
        this.#passed(event.data);
        break;
      case 'test:fail':
        this.#failed(event.data);
        break;
      case 'test:stdout':
      case 'test:stderr':
        this.#sum(event.data.file).output += event.data.message;
        break;
      case 'test:diagnostic':
        if (event.data.message.startsWith(TOLD)) this.#print(event.data.message.slice(TOLD.length));
        break;
      default:
    }
  }

  /** A failure of the run itself, that no test owns. */
  fail(title: string, text: string): void {
    this.#extraFailures += 1;
    this.#print(`\nFAILED ${title}\n${indent(text)}`);
  }

  /** Prints what was left out and the sums; returns the exit code. */
  finish(verdict: Verdict): number {
    this.#enter(undefined);
    const sums = [...this.#files.values()];
    const total = (field: 'passed' | 'failed' | 'skipped') =>
      sums.reduce((sum, file) => sum + file[field], 0);
    let failed = total('failed') + this.#extraFailures;
    for (const [reason, tests] of this.#skips) {
      this.#print(`left out: ${reason} (${tests.length}): ${tests.join(', ')}`);
      if (!verdict.strict) continue;
      const excused = reason.startsWith(NEEDS_UPSTREAM) && verdict.unreachable !== undefined;
      if (excused)
        this.#print(`  allowed: the real upstream truly cannot be reached: ${verdict.unreachable}`);
      else failed += tests.length;
    }
    if (verdict.strict && failed > total('failed') + this.#extraFailures) {
      this.#print('FAILED: nothing may be left out here (MODGATE_TEST_NOTHING_LEFT_OUT=1)');
    }
    if (total('passed') === 0) this.#print('FAILED: no test ran');
    this.#print(`${total('passed')} passed, ${failed} failed, ${total('skipped')} skipped`);
    return failed > 0 || total('passed') === 0 ? 1 : 0;
  }

  #passed(data: Extract<TestEvent, { type: 'test:pass' }>['data']): void {
    if (this.#isFile(data.name, data.file)) {
      // node names a file itself only where it has no test, or where its process failed.
      this.#fileFault(data.file, 'there is no test in it');
      return;
    }
    this.#time(data);
    if (data.details.type === 'suite') {
      if (data.skip !== undefined && data.skip !== false) this.#skip(data.file, data.name, data.skip);
      return;
    }
    if (data.skip !== undefined && data.skip !== false) this.#skip(data.file, data.name, data.skip);
    else this.#sum(data.file).passed += 1;
  }

  #failed(data: Extract<TestEvent, { type: 'test:fail' }>['data']): void {
    const failure: unknown = data.details.error;
    if (this.#isFile(data.name, data.file)) {
      if (failureType(failure) !== 'subtestsFailed') this.#fileFault(data.file, 'its process failed');
      return;
    }
    this.#time(data);
    // A parent that fails only because of what is below it says nothing new.
    if (failureType(failure) === 'subtestsFailed') return;
    this.#sum(data.file).failed += 1;
    // Its parent failed, and says why.
    if (failureType(failure) === 'cancelledByParent') return;
    const at = `${this.#name(data.file)}:${data.line ?? 0}`;
    this.#print(`\nFAILED ${at} ${data.name}\n${indent(describe(failure))}\n`);
  }

  #fileFault(file: string | undefined, what: string): void {
    const sum = this.#sum(file);
    if (sum.failed > 0) return;
    sum.failed = 1;
    this.#print(`\nFAILED ${this.#name(file)}: ${what}\n${indent(sum.output)}\n`);
  }

  #time(data: {
    readonly nesting: number;
    readonly file?: string | undefined;
    readonly details: { readonly duration_ms: number };
  }): void {
    if (data.nesting === 0) this.#sum(data.file).ms += data.details.duration_ms;
  }

  /** Another file's tests come now: the one before is over. */
  #enter(file: string | undefined): void {
    if (file === this.#current) return;
    const sum = this.#current === undefined ? undefined : this.#files.get(this.#current);
    if (sum !== undefined) {
      const parts = [`${sum.passed} passed`];
      if (sum.failed > 0) parts.push(`${sum.failed} failed`);
      if (sum.skipped > 0) parts.push(`${sum.skipped} skipped`);
      const mark = sum.failed > 0 ? 'FAIL' : 'ok  ';
      this.#print(
        `${mark} ${this.#name(this.#current)} (${parts.join(', ')}, ${(sum.ms / 1000).toFixed(1)} s)`,
      );
    }
    this.#current = file;
  }

  #skip(file: string | undefined, name: string, reason: string | true): void {
    this.#sum(file).skipped += 1;
    const why = typeof reason === 'string' && reason !== '' ? reason : 'no reason given';
    const tests = this.#skips.get(why) ?? [];
    tests.push(`${this.#name(file)} "${name}"`);
    this.#skips.set(why, tests);
  }

  #isFile(name: string, file: string | undefined): boolean {
    return file !== undefined && path.resolve(name) === path.resolve(file);
  }

  #sum(file: string | undefined): FileSum {
    const key = file ?? '';
    const sum = this.#files.get(key) ?? { passed: 0, failed: 0, skipped: 0, ms: 0, output: '' };
    this.#files.set(key, sum);
    return sum;
  }

  #name(file: string | undefined): string {
    return file === undefined ? '?' : path.relative(this.#dist, file).replace(/\.test\.js$/, '');
  }

  #print(line: string): void {
    this.#out.write(`${line}\n`);
  }
}

function failureType(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error
    ? error.failureType
    : undefined;
}

function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? inspect(cause) : String(cause);
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}
