/** Holds the imports below src/ to the table of rooms in ARCHITECTURE.md. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

/** room → what it may import besides errors and module; a room imports only rooms above it. */
const ROOMS: Readonly<Record<string, string>> = {
  errors: '',
  module: '',
  modzip: '',
  note: '',
  tlog: 'note',
  observe: '',
  sync: 'observe',
  net: 'observe',
  config: '',
  store: 'observe',
  vcs: 'sync net observe',
  fetch: 'modzip sync net vcs observe',
  sumdb: 'note tlog store net observe',
  translog: 'note tlog store observe',
  identity: 'config store net observe',
  policy: 'config store net observe',
  gateway: 'modzip sync store fetch sumdb translog identity policy observe',
  fill: 'modzip store fetch gateway observe',
  http: 'gateway identity config observe',
  bundle: 'store sumdb gateway',
  report: 'policy gateway',
  doctor: 'fetch sumdb net config',
  front: 'config',
  cli: 'errors module modzip note tlog observe sync net config store vcs fetch sumdb translog identity policy gateway fill http bundle report doctor front',
};
const ORDER = Object.keys(ROOMS);

interface Import {
  /** relative to src/ */
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function sources(): string[] {
  const entries = fs.readdirSync(SRC, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(SRC, path.join(entry.path, entry.name)));
}

function importsOf(file: string): Import[] {
  const text = fs.readFileSync(path.join(SRC, file), 'utf8');
  const found = text.matchAll(
    /^\s*(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm,
  );
  return [...found].flatMap(([, typeOnly, from, bare, dynamic]) => {
    const target = from ?? bare ?? dynamic ?? '';
    if (!target.startsWith('.')) return [];
    return [{ from: file, to: path.join(path.dirname(file), target), typeOnly: typeOnly !== undefined }];
  });
}

const roomOf = (file: string) => file.split(path.sep)[0] ?? '';

/** What an import does that it may not; undefined: nothing. */
function fault({ from, to }: Pick<Import, 'from' | 'to'>): string | undefined {
  const [mine, other] = [roomOf(from), roomOf(to)];
  if (to.startsWith('..')) return `${from} imports ${to}, which is outside src/`;
  if (mine === other) return undefined;
  const allowed = ROOMS[mine];
  if (allowed === undefined) return `${from} is in a room that the table does not know`;
  if (ROOMS[other] === undefined) return `${from} imports ${to}, of a room that the table does not know`;
  if (to !== path.join(other, 'index.ts'))
    return `${from} enters ${other} by ${to}; its only door is index.ts`;
  const besides = mine === 'errors' ? [] : mine === 'module' ? ['errors'] : ['errors', 'module'];
  return [...besides, ...allowed.split(' ')].includes(other)
    ? undefined
    : `${from} imports ${other}, which ${mine} may not`;
}

describe('rooms', () => {
  test('the table itself: a room imports only rooms above it', () => {
    for (const [room, allowed] of Object.entries(ROOMS)) {
      for (const other of allowed.split(' ').filter((name) => name !== '')) {
        assert.ok(ORDER.includes(other) && ORDER.indexOf(other) < ORDER.indexOf(room), `${room} → ${other}`);
      }
    }
  });

  const TABLE: [string, string, RegExp | undefined][] = [
    ['gateway/a.ts', 'store/index.ts', undefined],
    ['gateway/a.ts', 'errors/index.ts', undefined],
    ['gateway/a.ts', 'gateway/b.ts', undefined],
    ['gateway/a.ts', 'store/tree.ts', /only door/],
    ['gateway/a.ts', 'http/index.ts', /may not/],
    ['errors/index.ts', 'module/index.ts', /may not/],
    ['module/a.ts', 'observe/index.ts', /may not/],
    ['config/a.ts', 'net/index.ts', /may not/],
    ['attic/a.ts', 'errors/index.ts', /does not know/],
    ['cli/a.ts', '../test/kit/go.ts', /outside src/],
  ];
  for (const [from, to, expected] of TABLE) {
    test(`${from} → ${to} is ${expected === undefined ? 'fine' : 'a fault'}`, () => {
      const found = fault({ from, to });
      if (expected === undefined) assert.equal(found, undefined);
      else assert.match(found ?? 'no fault', expected);
    });
  }

  test('every import below src/ keeps to the table', () => {
    const files = sources();
    assert.ok(files.length > 10, 'src/ has been read');
    const imports = files.flatMap(importsOf);
    assert.ok(
      imports.some((one) => roomOf(one.from) !== roomOf(one.to)),
      'imports have been found',
    );
    const faults = imports.map(fault).filter((one) => one !== undefined);
    assert.deepEqual(faults, []);
  });

  test('every room has its door', () => {
    const rooms = new Set(sources().map(roomOf));
    for (const room of rooms) {
      assert.ok(ROOMS[room] !== undefined, `${room} is not in the table`);
      if (room !== 'cli')
        assert.ok(fs.existsSync(path.join(SRC, room, 'index.ts')), `${room} has no index.ts`);
    }
  });

  test('no file imports itself by way of others', () => {
    const graph = new Map(
      sources().map((file) => [
        file,
        importsOf(file)
          .filter((one) => !one.typeOnly)
          .map((one) => one.to),
      ]),
    );
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(file), `a cycle: ${[...trail, file].join(' → ')}`);
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of graph.keys()) visit(file, []);
  });
});
