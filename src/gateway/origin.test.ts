import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { Chain, type FileKind, type Source } from '../fetch/index.ts';
import { type ModuleVersion, PathPatterns, parseModulePath, parseVersion } from '../module/index.ts';
import { createZip, ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics } from '../observe/index.ts';
import { FileTree } from '../store/index.ts';
import { type Ask, Gateway } from './gateway.ts';
import { Router } from './router.ts';

const logger = createLogger({ level: 'silent', format: 'json' });
const path = parseModulePath('example.com/lib');
const version = parseVersion(path, 'v1.4.0');
const m: ModuleVersion = { path, version };
const zip = createZip(m, [{ name: 'go.mod', data: Buffer.from(`module ${path}\n`) }]);
const FILES = { info: `{"Version":"${version}"}`, mod: `module ${path}\n`, zip };

/** A repository into which a tag is pushed while the test runs. */
function repository(isPushed: () => boolean, isOrigin: boolean): Source {
  const trace = { source: 'direct', links: {} };
  const there = <T>(value: T): T => {
    if (!isPushed()) throw new ModgateError('NOT_FOUND', 'unknown revision v1.4.0');
    return value;
  };
  return {
    name: 'direct',
    state: 'closed',
    isOrigin,
    list: async () => ({ value: isPushed() ? [version] : [], trace }),
    query: async () => there({ value: { version, bytes: Buffer.from(FILES.info) }, trace }),
    file: async (_m: ModuleVersion, kind: FileKind) =>
      there({
        body: Readable.from([Buffer.from(FILES[kind])], { objectMode: false }),
        length: undefined,
        source: 'direct',
        url: '',
        trace,
      }),
    sumdb: () => Promise.reject(new ModgateError('NOT_FOUND', 'no database here')),
    close: async () => {},
  };
}

/** what is asked → what is told before the push and after it */
const ROWS: readonly (readonly [ask: Ask, before: string, after: string])[] = [
  [{ kind: 'list', path }, '', 'v1.4.0\n'],
  [{ kind: 'latest', path }, 'NOT_FOUND', FILES.info],
  [{ kind: 'query', path, query: 'main' }, 'NOT_FOUND', FILES.info],
  [{ kind: 'info', m }, 'NOT_FOUND', FILES.info],
  [{ kind: 'mod', m }, 'NOT_FOUND', FILES.mod],
  [{ kind: 'zip', m }, 'NOT_FOUND', 'transfer'],
];

describe('what is pushed to a repository', () => {
  let folder = '';
  let tree: FileTree;
  let checker: ZipChecker;
  let time = 0;
  let pushed = false;
  let gateway: Gateway;

  const start = (isOrigin: boolean) => {
    const chain = new Chain([{ step: repository(() => pushed, isOrigin), separator: undefined }]);
    const route = { match: '*', patterns: new PathPatterns('*'), chain, isPrivate: false };
    gateway = new Gateway(
      {
        tree,
        router: new Router([{ ...route, denied: 'refuse' }], chain),
        databases: [],
        checker,
        clock: { now: () => Date.now() + time, monotonic: () => time },
        logger,
        metrics: new Metrics({ process: false }),
      },
      { times: { fresh: 60_000, stale: 600_000, negative: 60_000 }, fetches: 2, queue: 10 },
    );
  };

  beforeEach(async () => {
    time = 0;
    pushed = false;
    folder = await mkdtemp(join(tmpdir(), 'modgate-origin-'));
    tree = await FileTree.open(folder, { logger });
    checker = new ZipChecker({ workers: 1 });
  });

  afterEach(async () => {
    await gateway.close();
    await checker.close();
    await tree.close();
    await rm(folder, { recursive: true });
  });

  const answer = async (ask: Ask): Promise<string> => {
    try {
      const reply = await gateway.answer(ask, { signal: new AbortController().signal, cachedOnly: false });
      if (reply.kind === 'bytes') return reply.bytes.toString();
      if (reply.kind === 'transfer') await reply.reader.close();
      else await reply.content.close();
      return reply.kind;
    } catch (error) {
      return toModgateError(error).code;
    }
  };

  for (const [ask, before, after] of ROWS)
    it(`is found after 10 s, however long the settings are: ${ask.kind}`, async () => {
      start(true);
      assert.equal(await answer(ask), before);
      pushed = true;
      time = 9_000;
      assert.equal(await answer(ask), before, 'and is not asked for at each request');
      time = 10_001;
      assert.equal(await answer(ask), after);
    });

  it('is remembered as absent for as long as the settings say where a proxy told it', async () => {
    start(false);
    const ask: Ask = { kind: 'info', m };
    assert.equal(await answer(ask), 'NOT_FOUND');
    pushed = true;
    time = 59_000;
    assert.equal(await answer(ask), 'NOT_FOUND');
    time = 60_001;
    assert.equal(await answer(ask), FILES.info);
  });
});
