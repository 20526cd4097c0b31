import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPseudoVersion, parsePseudoVersion, pseudoVersion } from './index.ts';

const time = new Date('2021-03-04T05:06:07Z');
const tail = '20210304050607-abcdef123456';

/** major, base, the pseudo-version */
const forms = [
  ['v0', '', `v0.0.0-${tail}`],
  ['', '', `v0.0.0-${tail}`],
  ['v2', '', `v2.0.0-${tail}`],
  ['v1', 'v1.2.3', `v1.2.4-0.${tail}`],
  ['v1', 'v1.2.99', `v1.2.100-0.${tail}`],
  ['v1', 'v1.2.0', `v1.2.1-0.${tail}`],
  ['v1', 'v1.2.109', `v1.2.110-0.${tail}`],
  ['v2', 'v2.2.3+incompatible', `v2.2.4-0.${tail}+incompatible`],
  ['v1', 'v1.2.3-pre', `v1.2.3-pre.0.${tail}`],
  ['v1', 'v1.2.3-pre.1+incompatible', `v1.2.3-pre.1.0.${tail}+incompatible`],
  ['v1', `v1.2.${'9'.repeat(50)}`, `v1.2.1${'0'.repeat(50)}-0.${tail}`],
] as const;

test('pseudo-versions, made and taken apart', () => {
  for (const [major, base, text] of forms) {
    assert.equal(pseudoVersion(major, base, time, 'abcdef123456'), text);
    assert.ok(isPseudoVersion(text));
    assert.deepEqual(parsePseudoVersion(text), { base, time, revision: 'abcdef123456' });
  }
});

test('what is no pseudo-version', () => {
  const none = [
    'v1.2.3',
    'v1.2.3-pre',
    `v1.2.3-${tail}`,
    'v0.0.0-2021030405060-abcdef123456',
    `v0.0.0-${tail}.x`,
    `v1.2.3-pre.1.${tail}`,
    '',
    `v0.0-${tail}`,
    'v0.0.0-20210304050607',
    `v1.0.0-0.${tail}+a_b`,
  ];
  for (const v of none) {
    assert.ok(!isPseudoVersion(v), v);
    assert.equal(parsePseudoVersion(v), undefined);
  }
  // By form they are; but the month, the hour, the patch before 0, or a tag that cannot be are impossible.
  const impossible = [
    'v0.0.0-20211304050607-abcdef123456',
    'v0.0.0-20210230050607-abcdef123456',
    'v0.0.0-20210304240000-abcdef123456',
    `v1.0.0-0.${tail}`,
    `v0.0.0-${tail}+incompatible`,
  ];
  for (const v of impossible) {
    assert.ok(isPseudoVersion(v), v);
    assert.equal(parsePseudoVersion(v), undefined, v);
  }
  for (const revision of ['', 'a_b', 'a-b', 'é']) {
    assert.throws(() => pseudoVersion('v0', '', time, revision), { code: 'INVALID_MODULE' });
  }
  assert.throws(() => pseudoVersion('v0', '', new Date(Number.NaN), 'abc'), { code: 'INVALID_MODULE' });
});

test('fuzz: what pseudoVersion makes comes apart again', () => {
  const base = fc
    .tuple(
      fc.nat(3),
      fc.nat(3),
      fc.nat(2000),
      fc.constantFrom('', '-rc', '-rc.1', '-0.x', '-0'),
      fc.boolean(),
    )
    .map(([a, b, c, pre, incompatible]) => `v${a}.${b}.${c}${pre}${incompatible ? '+incompatible' : ''}`);
  const when = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });
  const property = fc.property(base, when, fc.stringMatching(/^[0-9a-f]{12}$/), (older, date, revision) => {
    const seconds = new Date(Math.floor(date.getTime() / 1000) * 1000);
    const parsed = parsePseudoVersion(pseudoVersion('v1', older, date, revision));
    assert.deepEqual(parsed, { base: older, time: seconds, revision });
  });
  fc.assert(property, { numRuns: 5000, interruptAfterTimeLimit: 1500 });
});
