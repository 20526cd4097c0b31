import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { faults, load } from './load-folder.test.kit.ts';

const RUNS = 50 * Number(process.env.MODGATE_TEST_FUZZ ?? 1);

/** Every key in force: the examples in it are uncommented. */
const EXAMPLE = readFileSync(new URL('../../../modgate.example.yaml', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => !/^\s*# /.test(line))
  .map((line) => line.replace(/^#(?=\s*[a-z-])/, ''));

const PIECES = [
  '&a',
  '*a',
  '<<: *a',
  '- ',
  ': ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '!!js/function',
  '!!binary',
  '|',
  '>',
  '? ',
  '%YAML 1.1',
];
const VALUES = [
  '~',
  '1e999',
  '-0',
  '0x10',
  '.nan',
  'yes',
  '\u2028',
  '__proto__: 1',
  '99999999999999999999',
  '\t',
  '---',
  '...',
  '#',
];

test('fuzz: the example with a few wrong pieces loads, or every fault is told', () => {
  const edit = fc.record({
    line: fc.nat(EXAMPLE.length - 1),
    at: fc.nat(60),
    piece: fc.oneof(fc.constantFrom(...PIECES, ...VALUES), fc.string({ unit: 'binary', maxLength: 5 })),
    how: fc.constantFrom('insert', 'replace', 'repeat', 'drop'),
  });
  const property = fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
    const lines = [...EXAMPLE];
    for (const { line, at, piece, how } of edits) {
      const old = lines[line] ?? '';
      const made = {
        insert: old.slice(0, at) + piece + old.slice(at),
        replace: old.replace(/: .*$/, `: ${piece}`),
        repeat: `${old}\n${old}`,
        drop: '',
      };
      lines[line] = made[how];
    }
    // Anything but CONFIG_INVALID fails in there.
    faults(() => load(lines.join('\n')));
  });
  fc.assert(property, { numRuns: RUNS });
});
