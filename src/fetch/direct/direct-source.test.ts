import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { ModgateError } from '../../errors/index.ts';
import { parseModulePath, parseVersion } from '../../module/index.ts';
import { type Clock, createLogger, Metrics, systemClock } from '../../observe/index.ts';
import { readSmall } from '../file.ts';
import type { Source } from '../source.ts';
import { DirectSource } from './direct-source.ts';
import { MemoryRepository, never } from './memory-repository.test.kit.ts';
import type { Root } from './roots.ts';

const A = parseModulePath('example.com/a');
const MOD = 'module example.com/a\n';

interface Surroundings {
  readonly root?: Root;
  readonly recorded?: string;
  readonly proxy?: Source;
  readonly clock?: Clock;
}

function sourceOver(
  repository: MemoryRepository,
  { root, recorded, proxy, clock = systemClock }: Surroundings = {},
): DirectSource {
  const own: Root = { kind: 'repository', path: A, vcs: 'git', url: repository.url, subdirectory: '' };
  return new DirectSource(
    {
      roots: { find: async () => root ?? own },
      remotes: { open: () => repository, close: async () => {} },
      logger: createLogger({ level: 'silent', format: 'json' }),
      metrics: new Metrics({ process: false }),
      clock,
      recorded: async () => recorded,
      proxies: () => proxy ?? assert.fail('no module proxy is named'),
    },
    { terms: { rewrites: new Map(), anonymous: false }, yields: false },
  );
}

/** v1.1.0, v1.2.0 and v1.3.0-rc.1 in a row, the last of which takes `retract` back. */
function repositoryWith(retract: string): MemoryRepository {
  const repository = new MemoryRepository();
  repository.commit({ files: { 'go.mod': MOD }, tags: ['v1.1.0'] });
  repository.commit({ files: { 'go.mod': `${MOD}${retract}` }, tags: ['v1.2.0', 'v1.3.0-rc.1', 'v2.0.0'] });
  repository.commit({});
  return repository;
}

const QUERIES: readonly [query: string, retract: string, version: RegExp][] = [
  ['latest', '', /^v1\.2\.0$/],
  ['latest', 'retract v1.2.0\n', /^v1\.1\.0$/],
  ['latest', 'retract [v1.1.0, v1.2.0]\n', /^v1\.3\.0-rc\.1$/],
  ['latest', 'retract [v1.0.0, v1.9.0]\n', /^v0\.0\.0-20240104030405-/],
  ['v1', '', /^v1\.2\.0$/],
  ['v1.1', '', /^v1\.1\.0$/],
  ['v1.3', '', /unknown revision v1\.3/],
  ['v1.9', '', /unknown revision v1\.9/],
  ['main', '', /^v1\.3\.0-rc\.1\.0\.20240104030405-/],
  ['HEAD', 'retract [v1.0.0, v1.9.0]\n', /^v0\.0\.0-20240104030405-/],
];

describe('direct as a source', () => {
  for (const [query, retract, version] of QUERIES)
    it(`${query}${retract === '' ? '' : ` with ${retract.trim()}`} → ${version.source}`, async () => {
      const source = sourceOver(repositoryWith(retract));
      const found = await source
        .query(A, query, never)
        .then(({ value }) => value.version)
        .catch((error: unknown) => String(error));
      assert.match(found, version);
    });

  it('an answer says which repository it is from, and how long git took for it alone', async () => {
    let time = 0;
    const repository = repositoryWith('');
    const refs = repository.refs.bind(repository);
    repository.refs = async () => {
      time += 30;
      return refs();
    };
    const source = sourceOver(repository, { clock: { now: () => 0, monotonic: () => time } });
    const trace = { source: 'direct', repository: 'https://git.example/repo', links: { root: 0, git: 30 } };
    assert.deepEqual((await source.list(A, never)).trace, trace);
    assert.deepEqual((await source.list(A, never)).trace, trace);
  });

  it('what is retracted stays in the list', async () => {
    const { value } = await sourceOver(repositoryWith('retract v1.1.0\n')).list(A, never);
    assert.deepEqual(value, ['v1.1.0', 'v1.2.0', 'v1.3.0-rc.1']);
  });

  it('an .info says where it comes from, a .mod is the go.mod of the commit', async () => {
    const repository = repositoryWith('');
    const m = { path: A, version: parseVersion(A, 'v1.1.0') };
    const source = sourceOver(repository);
    const { value: info } = await readSmall(source, m, 'info', 1000, never);
    const { hash } = await repository.resolve('v1.1.0');
    assert.equal(
      info.toString(),
      `{"Version":"v1.1.0","Time":"2024-01-02T03:04:05Z","Origin":{"VCS":"git","URL":"https://git.example/repo","Hash":"${hash}","Ref":"refs/tags/v1.1.0"}}`,
    );
    assert.equal((await readSmall(source, m, 'mod', 1000, never)).value.toString(), MOD);
  });

  it('a module older than modules gets a go.mod', async () => {
    const repository = new MemoryRepository();
    repository.commit({ tags: ['v1.0.0'] });
    const m = { path: A, version: parseVersion(A, 'v1.0.0') };
    assert.equal((await readSmall(sourceOver(repository), m, 'mod', 1000, never)).value.toString(), MOD);
  });

  it('a repository without commits has no latest version', async () => {
    await assert.rejects(sourceOver(new MemoryRepository()).query(A, 'latest', never), {
      code: 'NOT_FOUND',
      message: /no commits/,
      source: 'direct',
    });
  });

  for (const kind of ['info', 'mod', 'zip'] as const)
    it(`a tag that names another commit than the stored .info is refused: ${kind}`, async () => {
      const repository = repositoryWith('');
      const recorded = 'f'.repeat(40);
      const source = sourceOver(repository, { recorded });
      const m = { path: A, version: parseVersion(A, 'v1.1.0') };
      const { hash } = await repository.resolve('v1.1.0');
      await assert.rejects(source.file(m, kind, never), {
        code: 'TAG_MOVED',
        message: `example.com/a@v1.1.0: refs/tags/v1.1.0 of https://git.example/repo was moved\nfrom ${recorded}, which is stored,\nto ${hash}\nwhat is stored stays, and nothing of the other commit is served under this version`,
        next: /modgate store purge --hard example\.com\/a@v1\.1\.0$/,
      });
    });

  it('a file comes with its commit, to be held to what is stored by then', async () => {
    const repository = repositoryWith('');
    const m = { path: A, version: parseVersion(A, 'v1.1.0') };
    const source = sourceOver(repository);
    const { value: info } = await readSmall(source, m, 'info', 1000, never);
    const { origin } = await source.file(m, 'mod', never);
    assert.deepEqual(origin?.info, info);
    origin?.hold(info);
    origin?.hold(Buffer.from('{"Version":"v1.1.0"}'));
    const { hash } = await repository.resolve('v1.1.0');
    const other = Buffer.from(info.toString().replace(hash, 'f'.repeat(40)));
    assert.throws(() => origin?.hold(other), { code: 'TAG_MOVED' });
    assert.equal((await sourceOver(repository, { recorded: hash }).file(m, 'mod', never)).origin, undefined);
  });

  it('the commit that is recorded is the one that is served', async () => {
    const repository = repositoryWith('');
    const { hash: recorded } = await repository.resolve('v1.1.0');
    const m = { path: A, version: parseVersion(A, 'v1.1.0') };
    await readSmall(sourceOver(repository, { recorded }), m, 'mod', 1000, never);
  });

  it('a `mod` entry: the proxy that it names has the say', async () => {
    const asked: string[] = [];
    const proxy: Source = {
      name: 'direct',
      state: 'closed',
      list: async (path) => {
        asked.push(`list ${path}`);
        return { value: [], trace: { source: 'direct', links: {} } };
      },
      file: async ({ path, version }, kind) => {
        asked.push(`${kind} ${path}@${version}`);
        const trace = { source: 'direct', links: {} };
        return { body: Readable.from([]), length: 0, source: 'direct', url: '', trace };
      },
      query: async (path, query) => {
        asked.push(`query ${path}@${query}`);
        throw new ModgateError('NOT_FOUND', 'none');
      },
      sumdb: async () => assert.fail('a checksum database'),
      close: async () => {},
    };
    const root: Root = { kind: 'proxy', path: 'example.com', url: 'https://proxy.example/x' };
    const source = sourceOver(new MemoryRepository(), { root, proxy });
    await source.list(A, never);
    await source.file({ path: A, version: parseVersion(A, 'v1.0.0') }, 'mod', never);
    await assert.rejects(source.query(A, 'latest', never), { code: 'NOT_FOUND', source: 'direct' });
    assert.deepEqual(asked, ['list example.com/a', 'mod example.com/a@v1.0.0', 'query example.com/a@latest']);
  });

  it('it has no checksum database', async () => {
    await assert.rejects(sourceOver(new MemoryRepository()).sumdb('sum.example', 'latest'), {
      code: 'NOT_FOUND',
    });
  });
});
