import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ModgateError } from '../../errors/index.ts';
import { MemoryRepository, never, placeAt } from './memory-repository.test.kit.ts';
import { findHead, findRevision } from './revisions.ts';

const A = 'module example.com/a\n';

/**
 * Tags of four commits on main, days 2 to 5 of 2024-01, then a commit of day 6 on the branch "side" from the second one.
 * {0} to {4} stand for the 12 digits of their hashes.
 */
interface World {
  readonly files?: readonly Readonly<Record<string, string>>[];
  readonly tags?: readonly (readonly string[])[];
  readonly branches?: Readonly<Record<string, number>>;
}

function build({ files = [], tags = [], branches = {} }: World): {
  repository: MemoryRepository;
  hashes: string[];
} {
  const repository = new MemoryRepository();
  const hashes: string[] = [];
  for (const i of [0, 1, 2, 3])
    hashes.push(repository.commit({ files: files[i] ?? {}, tags: tags[i] ?? [] }));
  const parent = hashes[1] ?? '';
  hashes.push(
    repository.commit({ files: files[4] ?? {}, tags: tags[4] ?? [], parents: [parent], branch: 'side' }),
  );
  for (const [name, i] of Object.entries(branches)) repository.branch(name, hashes[i] ?? '');
  return { repository, hashes };
}

const RETRACTS = `${A}retract [v1.1.0, v1.2.0]\n`;
const INCOMPATIBLE = {
  tags: [['v2.0.0'], [], ['v3.0.0']],
  files: [{}, {}, { 'v3/go.mod': 'module example.com/a/v3\n' }],
};

/** path, what is asked for, the repository → the version, or the refusal */
const TABLE: readonly [path: string, asked: string, world: World, outcome: string][] = [
  // tags, branches, hashes
  ['example.com/a', 'v1.0.0', { tags: [['v1.0.0']] }, 'v1.0.0'],
  ['example.com/a', '{0}', { tags: [['v1.0.0', 'v0.9.0']] }, 'v1.0.0'],
  ['example.com/a', 'mytag', { tags: [['mytag', 'v0.9.0']] }, 'v0.9.0'],
  ['example.com/a', 'main', {}, 'v0.0.0-20240105030405-{3}'],
  ['example.com/a', 'main', { tags: [['v1.0.0']] }, 'v1.0.1-0.20240105030405-{3}'],
  ['example.com/a', 'main', { tags: [['v1.1.0-rc.1']] }, 'v1.1.0-rc.1.0.20240105030405-{3}'],
  ['example.com/a', 'main', { tags: [['v1.1.0+meta']] }, 'v1.1.1-0.20240105030405-{3}'],
  ['example.com/a', 'side', { tags: [['v1.0.0'], [], ['v1.1.0']] }, 'v1.0.1-0.20240106030405-{4}'],
  ['example.com/a', 'main', { tags: [['v1'], ['v1.2']] }, 'v0.0.0-20240105030405-{3}'],
  ['example.com/a', 'v1', { tags: [['v1', 'v1.4.0']] }, 'v1.4.0'],
  [
    'example.com/a!/sub',
    'main',
    { files: [{ 'sub/go.mod': 'module a.b/s\n' }], tags: [['v1.0.0', 'sub/v0.3.0']] },
    'v0.3.1-0.20240105030405-{3}',
  ],
  [
    'example.com/a!/v2',
    'main',
    { files: [{ 'go.mod': 'module example.com/a/v2\n' }], tags: [['v1.0.0']] },
    'v2.0.0-20240105030405-{3}',
  ],
  [
    'example.com/a!/v2',
    'main',
    { files: [{ 'go.mod': 'module example.com/a/v2\n' }], tags: [['v2.3.4']] },
    'v2.3.5-0.20240105030405-{3}',
  ],
  ['gopkg.in/a.v1', 'main', {}, 'v1.0.0-20240105030405-{3}'],
  ['example.com/a', 'main', { tags: [['v0.0.0-20200101000000-abcdefabcdef']] }, 'v0.0.0-20240105030405-{3}'],
  // a version with metadata stands for what comes after it
  ['example.com/a', 'v1.0.0+meta', { tags: [['v1.5.0'], ['v1.0.0+meta']] }, 'v1.0.1-0.20240103030405-{1}'],
  ['example.com/a', 'v1.0.0+meta', { tags: [['v1.0.0+meta']] }, 'v1.0.1-0.20240102030405-{0}'],
  [
    'example.com/a',
    'nothing',
    {},
    'NOT_FOUND example.com/a@nothing: invalid version: unknown revision nothing',
  ],
  [
    'example.com/a!/sub',
    'v1.0.0',
    { tags: [['v1.0.0']] },
    'NOT_FOUND example.com/a/sub@v1.0.0: invalid version: unknown revision sub/v1.0.0',
  ],
  [
    'example.com/a',
    'v1.0.0',
    { branches: { 'v1.0.0': 2 } },
    'BAD_MODULE example.com/a@v1.0.0: invalid version: resolves to version v0.0.0-20240104030405-{2} (v1.0.0 is not a tag)',
  ],
  // retracted ones
  [
    'example.com/a',
    '{1}',
    { files: [{ 'go.mod': A }, {}, { 'go.mod': RETRACTS }], tags: [['v1.0.0'], ['v1.1.0'], ['v1.2.0']] },
    'v1.0.1-0.20240103030405-{1}',
  ],
  [
    'example.com/a',
    '{1}',
    {
      files: [{ 'go.mod': A }, {}, { 'go.mod': RETRACTS }],
      tags: [['v1.0.0'], ['v1.1.0', 'v1.0.9'], ['v1.2.0']],
    },
    'v1.0.9',
  ],
  [
    'example.com/a',
    'v1.1.0',
    { files: [{ 'go.mod': A }, {}, { 'go.mod': RETRACTS }], tags: [['v1.0.0'], ['v1.1.0'], ['v1.2.0']] },
    'v1.1.0',
  ],
  // +incompatible
  ['example.com/a', 'v2.0.0', INCOMPATIBLE, 'v2.0.0+incompatible'],
  ['example.com/a', 'v2.0.0+incompatible', INCOMPATIBLE, 'v2.0.0+incompatible'],
  [
    'example.com/a',
    'v3.0.0',
    INCOMPATIBLE,
    'BAD_MODULE example.com/a@v3.0.0: invalid version: module contains a go.mod file, so module path must match major version ("example.com/a/v3")',
  ],
  ['example.com/a', 'v3.0.0+incompatible', INCOMPATIBLE, 'v3.0.0+incompatible'],
  ['example.com/a', 'main', { tags: [['v2.0.0']] }, 'v2.0.1-0.20240105030405-{3}+incompatible'],
  [
    'example.com/a',
    'v2.0.0+incompatible',
    { files: [{ 'go.mod': A }], tags: [['v2.0.0']] },
    'BAD_MODULE example.com/a@v2.0.0+incompatible: invalid version: module contains a go.mod file, so module path must match major version ("example.com/a/v2")',
  ],
  [
    'example.com/a',
    'v1.0.0+incompatible',
    { tags: [['v1.0.0']] },
    'BAD_MODULE example.com/a@v1.0.0+incompatible: invalid version: +incompatible suffix not allowed: major version v1 is compatible',
  ],
  ['example.com/a', 'main', { files: [{ 'go.mod': A }], tags: [['v2.0.0']] }, 'v0.0.0-20240105030405-{3}'],
  // pseudo-versions that are asked for
  ['example.com/a', 'v0.0.0-20240105030405-{3}', {}, 'same'],
  ['example.com/a', 'v1.0.1-0.20240105030405-{3}', { tags: [['v1.0.0']] }, 'same'],
  ['example.com/a', 'v0.0.0-20240105030405-{3}', { tags: [['v1.0.0']] }, 'same'],
  ['example.com/a', 'v2.0.1-0.20240105030405-{3}+incompatible', { tags: [['v2.0.0']] }, 'same'],
  ['example.com/a', 'v0.1.1-0.20240102030405-{0}', { tags: [['v0.1.0+meta']] }, 'same'],
  [
    'example.com/a',
    'v0.0.0-20240105030406-{3}',
    {},
    'PSEUDO does not match version-control timestamp (expected 20240105030405)',
  ],
  [
    'example.com/a',
    'v0.0.0-20240105030405-{3}f',
    {},
    'NOT_FOUND example.com/a@v0.0.0-20240105030405-{3}f: invalid version: unknown revision {3}f',
  ],
  [
    'example.com/a',
    'v1.0.0-20240105030405-{3}',
    {},
    'PSEUDO major version without preceding tag must be v0, not v1',
  ],
  [
    'example.com/a',
    'v1.1.1-0.20240105030405-{3}',
    { tags: [['v1.0.0']] },
    'PSEUDO preceding tag (v1.1.0) not found',
  ],
  [
    'example.com/a',
    'v1.0.1-0.20240106030405-{4}',
    { tags: [[], [], ['v1.0.0']] },
    'PSEUDO revision {4} is not a descendent of preceding tag (v1.0.0)',
  ],
  [
    'example.com/a',
    'v1.0.1-0.20240105030405-{3}',
    { tags: [[], [], [], ['v1.0.0']] },
    'PSEUDO tag (v1.0.0) found on revision {3} is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  ],
  [
    'example.com/a!/sub',
    'v1.0.1-0.20240105030405-{3}',
    { files: [{ 'sub/go.mod': 'module a.b/s\n' }], tags: [['sub/v1.0.0'], [], [], ['v1.0.0']] },
    'PSEUDO tag (v1.0.0) found on revision {3} is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  ],
  [
    'example.com/a!/sub',
    'v1.0.1-0.20240105030405-{3}',
    { files: [{ 'sub/go.mod': 'module a.b/s\n' }], tags: [['sub/v1.0.0'], [], [], ['v1.0.1']] },
    'same',
  ],
  [
    'example.com/a!/v2',
    'v2.0.0-20240105030405-{3}',
    {},
    'NOT_FOUND example.com/a/v2@v2.0.0-20240105030405-{3}: invalid version: missing example.com/a/go.mod and .../v2/go.mod at revision {3}',
  ],
];

describe('what a revision stands for', () => {
  for (const [path, asked, world, outcome] of TABLE)
    it(`${path}@${asked} → ${outcome}`, async () => {
      const { repository, hashes } = build(world);
      const fill = (text: string) =>
        text.replace(/\{(\d)\}/g, (_, i) => (hashes[Number(i)] ?? '').slice(0, 12));
      const question = findRevision(repository, placeAt(path), fill(asked), never);
      const [code = '', ...rest] = fill(outcome).split(' ');
      if (code === 'PSEUDO') {
        const message = `${placeAt(path).path}@${fill(asked)}: invalid pseudo-version: ${rest.join(' ')}`;
        await assert.rejects(question, { code: 'BAD_MODULE', message });
      } else if (rest.length > 0) {
        await assert.rejects(question, { code, message: rest.join(' ') });
      } else {
        assert.equal((await question).version, code === 'same' ? fill(asked) : code);
      }
    });

  const SHORTER: readonly [digits: number, fault: string][] = [
    [11, 'revision is shorter than canonical'],
    [13, 'revision is longer than canonical'],
  ];
  for (const [digits, fault] of SHORTER)
    it(`a pseudo-version with ${digits} digits is refused: ${fault}`, async () => {
      const { repository, hashes } = build({});
      const hash = hashes[3] ?? '';
      await assert.rejects(
        findRevision(
          repository,
          placeAt('example.com/a'),
          `v0.0.0-20240105030405-${hash.slice(0, digits)}`,
          never,
        ),
        { code: 'BAD_MODULE', message: new RegExp(`${fault} \\(expected ${hash.slice(0, 12)}\\)$`) },
      );
    });

  it('an exact tag costs its own commit only: no retractions, no history, no refs', async () => {
    const { repository } = build({ files: [{ 'go.mod': A }], tags: [['v1.0.0'], ['v1.1.0']] });
    await findRevision(repository, placeAt('example.com/a'), 'v1.0.0', never);
    assert.deepEqual(repository.calls, ['resolve v1.0.0', 'files go.mod']);
  });

  it('the history is not asked for where no tag could count', async () => {
    const { repository } = build({
      files: [{ 'go.mod': A }],
      tags: [['v1', 'other', 'v2.0.0', 'sub/v1.0.0']],
    });
    await findRevision(repository, placeAt('example.com/a'), 'main', never);
    assert.ok(!repository.calls.includes('tagsUpTo'), repository.calls.join('; '));
  });

  it('the default branch is named as the go command names it', async () => {
    const { repository } = build({ tags: [['v1.0.0'], [], [], ['v1.3.0']] });
    assert.equal((await findHead(repository, placeAt('example.com/a'), never)).version, 'v1.3.0');
  });

  for (const call of ['resolve', 'files'])
    it(`an outage in the middle stays an outage: ${call}`, async () => {
      const { repository } = build({ tags: [['v1.0.0']] });
      const outage = new ModgateError('UPSTREAM_UNREACHABLE', 'down');
      if (call === 'resolve') repository.outage = outage;
      else repository.files = () => Promise.reject(outage);
      await assert.rejects(findRevision(repository, placeAt('example.com/a'), 'main', never), {
        code: 'UPSTREAM_UNREACHABLE',
      });
    });
});
