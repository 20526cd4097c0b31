/** One line of the conformance table, and how an answer is held to it. */
import type { Fixture } from '../kit/fixture.ts';
import { ask, type Reply } from '../kit/http.ts';

export interface Expect {
  /** one, or any of several that the protocol leaves open */
  readonly status: number | readonly number[];
  /** name → value, pattern, or undefined: must be absent */
  readonly headers?: Readonly<Record<string, string | RegExp | undefined>>;
  /** text, pattern, 'fixture': what the upstream has for this path, or a piece of that */
  readonly body?: string | RegExp | { readonly from: number; readonly to: number };
}

export interface Row {
  readonly section: string;
  readonly name: string;
  readonly method?: string;
  /** as it is sent; {nonce} becomes a module that nobody asked for yet */
  readonly path: string;
  /** {etag}, {last-modified}: of a GET of the same path before */
  readonly headers?: Readonly<Record<string, string>>;
  /** paths that are asked for before */
  readonly before?: readonly string[];
  readonly expect: Expect;
}

export interface Outcome {
  readonly row: Row;
  /** what is not as it should be; none: passed */
  readonly faults: readonly string[];
}

let nonces = 0;

export async function check(row: Row, base: string, fixture: Fixture): Promise<Outcome> {
  const nonce = `n${Date.now().toString(36)}${process.pid.toString(36)}${(nonces++).toString(36)}`;
  const fill = (text: string) => text.replaceAll('{nonce}', nonce);
  try {
    for (const path of row.before ?? []) await ask(base, fill(path));
    const path = fill(row.path);
    const reply = await ask(base, path, {
      method: row.method ?? 'GET',
      headers: await headersOf(row, base, path),
    });
    return { row, faults: faultsOf(row, reply, path, fixture) };
  } catch (error) {
    return { row, faults: [`no whole answer: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

async function headersOf(row: Row, base: string, path: string): Promise<Record<string, string>> {
  const entries = Object.entries(row.headers ?? {});
  if (!entries.some(([, value]) => /\{(etag|last-modified)\}/.test(value)))
    return Object.fromEntries(entries);
  // The encoding is part of what a validator is about.
  const encoding = row.headers?.['accept-encoding'];
  const before = await ask(base, path, {
    headers: encoding === undefined ? {} : { 'accept-encoding': encoding },
  });
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      value.replace(
        /\{(etag|last-modified)\}/,
        (_, header: string) => before.headers[header] ?? `(the answer has no ${header})`,
      ),
    ]),
  );
}

function faultsOf({ expect, method }: Row, reply: Reply, path: string, fixture: Fixture): string[] {
  const faults: string[] = [];
  const statuses = typeof expect.status === 'number' ? [expect.status] : expect.status;
  if (!statuses.includes(reply.status))
    faults.push(`status ${reply.status}, expected ${statuses.join(' or ')}`);
  for (const [name, expected] of Object.entries(expect.headers ?? {})) {
    const value = reply.headers[name];
    if (!headerFits(value, expected))
      faults.push(`${name}: ${value ?? '(none)'}, expected ${expected ?? '(none)'}`);
  }
  if (method === 'HEAD' && reply.body.length > 0) faults.push('a body in the answer to HEAD');
  const wrong = expect.body === undefined ? undefined : bodyFault(expect.body, reply, path, fixture);
  if (wrong !== undefined) faults.push(wrong);
  return faults;
}

function headerFits(value: string | undefined, expected: string | RegExp | undefined): boolean {
  if (expected === undefined || value === undefined) return value === expected;
  return typeof expected === 'string' ? value.toLowerCase() === expected.toLowerCase() : expected.test(value);
}

function bodyFault(
  expected: NonNullable<Expect['body']>,
  reply: Reply,
  path: string,
  fixture: Fixture,
): string | undefined {
  const shown = JSON.stringify(reply.text.slice(0, 80));
  if (expected instanceof RegExp)
    return expected.test(reply.text) ? undefined : `body ${shown}, expected ${expected}`;
  if (typeof expected === 'string' && expected !== 'fixture')
    return reply.text === expected ? undefined : `body ${shown}, expected ${JSON.stringify(expected)}`;
  const known = fixture.answer(decodeURIComponent(path).replace(/^\/cached-only/, ''))?.body;
  if (known === undefined) return `the fixture has nothing for ${path}`;
  const wanted = typeof expected === 'string' ? known : known.subarray(expected.from, expected.to);
  return reply.body.equals(wanted)
    ? undefined
    : `${reply.body.length} bytes ${shown}, expected ${wanted.length} bytes of the fixture`;
}
