import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogJson, indexText, type ListedVersion } from './index-page.ts';

const START = Date.UTC(2026, 0, 31, 12) * 1000;
const LISTED: readonly ListedVersion[] = Array.from({ length: 5000 }, (_, n) => ({
  path: 'example.com/Lib',
  version: `v1.0.${n}`,
  time: START + n,
}));
const read = (since: number, limit: number) => LISTED.filter(({ time }) => time >= since).slice(0, limit);
const index = (query: string) => indexText(new URLSearchParams(query), read);
const first = (query: string) => index(query).split('\n')[0] ?? '';

describe('/index', () => {
  it('is one JSON object a line, with the module path as it is and µs', () =>
    assert.equal(
      first(''),
      '{"Path":"example.com/Lib","Version":"v1.0.0","Timestamp":"2026-01-31T12:00:00.000000Z"}',
    ));

  const SINCE: [string, string][] = [
    ['2026-01-31T12:00:00.000003Z', 'v1.0.3'],
    ['2026-01-31T12:00:00.000002001Z', 'v1.0.3'],
    ['2026-01-31T12:00:00.001Z', 'v1.0.1000'],
    ['2026-01-31T11:00:00Z', 'v1.0.0'],
    ['2026-01-31T13:00:00.000004%2B01:00', 'v1.0.4'],
    ['2026-01-31T13:00:00.000004+01:00', 'v1.0.4'],
    ['2026-01-31t12:00:00.000005z', 'v1.0.5'],
    ['2024-02-29T23:59:59Z', 'v1.0.0'],
  ];
  for (const [since, version] of SINCE) {
    it(`since=${since} begins at ${version}, inclusive`, () =>
      assert.match(first(`since=${since}`), new RegExp(`"${version}"`)));
  }

  const LIMITS: [string, number][] = [
    ['', 2000],
    ['limit=', 2000],
    ['limit=3', 3],
    ['limit=100000', 2000],
    ['limit=0', 0],
  ];
  for (const [query, lines] of LIMITS) {
    it(`${query || 'no limit'} gives ${lines} lines`, () =>
      assert.equal(index(query).split('\n').length - 1, lines));
  }

  for (const query of [
    'since=yesterday',
    'since=2026-13-01T00:00:00Z',
    'since=2026-02-31T00:00:00Z',
    'since=2025-02-29T12:00:00%2B01:00',
    'since=2026-01-31T24:00:00Z',
    'since=1767225600',
    'limit=x',
    'limit=-1',
    'limit=1.5',
  ]) {
    it(`${query} is refused`, () => assert.throws(() => index(query), { code: 'BAD_REQUEST' }));
  }
});

describe('/catalog', () => {
  it('pages through everything once', () => {
    const seen: unknown[] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page: { modules?: unknown[]; next?: string } = catalogJson(
        new URLSearchParams(`pagesize=999&token=${token}`),
        read,
      );
      seen.push(...(page.modules ?? []));
      token = page.next;
    }
    assert.deepEqual(
      seen,
      LISTED.map(({ path, version }) => ({ module: path, version })),
    );
  });

  for (const query of ['token=x', 'token=99999999999999999', 'pagesize=0', 'pagesize=100000', 'pagesize=x']) {
    it(`${query} is refused`, () =>
      assert.throws(() => catalogJson(new URLSearchParams(query), read), { code: 'BAD_REQUEST' }));
  }
});
