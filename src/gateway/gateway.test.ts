import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ModgateError, toModgateError } from '../errors/index.ts';
import { Chain, type FileKind, type Source, type SourceFile } from '../fetch/index.ts';
import {
  type ModuleVersion,
  PathPatterns,
  parseModulePath,
  parseVersion,
  type Version,
} from '../module/index.ts';
import { createZip, ZipChecker } from '../modzip/index.ts';
import { createLogger, Metrics, systemClock } from '../observe/index.ts';
import { FileTree, keys, type Tree } from '../store/index.ts';
import { type Ask, Gateway } from './gateway.ts';
import type { Reply } from './reply.ts';
import { type Route, Router } from './router.ts';

const logger = createLogger({ level: 'silent', format: 'json' });
const path = parseModulePath('example.com/plain');
const version = (text: string): Version => parseVersion(path, text);
const m: ModuleVersion = { path, version: version('v1.0.0') };
const zip = createZip(m, [
  { name: 'go.mod', data: Buffer.from('module example.com/plain\n') },
  {
    name: 'noise',
    data: Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * i * 7919) >> 5)),
    method: 'store',
  },
]);

/** Something that the test lets happen when it wants. */
class Latch {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

/** A source whose every answer a test can hold back. */
class HeldSource implements Source {
  readonly name = 'held';
  readonly state = 'closed';
  files = 0;
  /** so many zips are cut in the middle from now on */
  cuts = 0;
  versions = ['v1.0.0'];
  mod = `module ${path}\n`;
  zip = zip;
  origin: SourceFile['origin'];
  beforeList: Promise<void> | undefined;
  beforeBody: Promise<void> | undefined;

  async list() {
    const value = this.versions.map(version);
    await this.beforeList;
    return { value, trace: { source: this.name, links: {} } };
  }

  async query(_path: unknown, query: string) {
    const named = query === 'v2.0.0' ? 'v2.0.0+incompatible' : 'v1.0.0';
    return {
      value: { version: version(named), bytes: Buffer.from(JSON.stringify({ Version: named })) },
      trace: { source: this.name, links: {} },
    };
  }

  async file(asked: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile> {
    this.files++;
    const info = Buffer.from(kind === 'mod' ? this.mod : JSON.stringify({ Version: asked.version }));
    const held = this.beforeBody;
    const cut = this.cuts > 0;
    if (kind === 'zip') this.cuts--;
    const all = this.zip;
    const bytes = async function* () {
      yield kind === 'zip' ? all.subarray(0, 200_000) : info;
      await held;
      signal.throwIfAborted();
      if (kind !== 'zip') return;
      if (cut) throw new ModgateError('UPSTREAM_UNREACHABLE', 'source "held": reset in mid-body');
      yield all.subarray(200_000);
    };
    const body = Readable.from(bytes(), { objectMode: false });
    signal.addEventListener('abort', () => body.destroy(toModgateError(signal.reason)), { once: true });
    body.on('error', () => {});
    return {
      body,
      length: kind === 'zip' ? all.length : info.length,
      source: this.name,
      url: 'held:',
      origin: this.origin,
      trace: { source: this.name, links: {} },
    };
  }

  sumdb(): Promise<never> {
    return Promise.reject(new ModgateError('NOT_FOUND', 'no database here'));
  }

  async close(): Promise<void> {}
}

/** The tree, whose adopting of zips can be held back. */
function holding(tree: FileTree, beforeAdopt: () => Promise<void>): Tree {
  return {
    open: (key) => tree.open(key),
    put: (key, bytes, expect) => tree.put(key, bytes, expect),
    adopt: async (key, staged, expect) => {
      await beforeAdopt();
      return tree.adopt(key, staged, expect);
    },
    delete: (key) => tree.delete(key),
    names: (folder) => tree.names(folder),
    stage: () => tree.stage(),
    probe: () => tree.probe(),
  };
}

const routeOf = (match: string, chain: Chain, isPrivate = false): Route => ({
  match,
  patterns: new PathPatterns(match),
  chain,
  denied: 'refuse',
  isPrivate,
});

describe('the gateway', () => {
  let folder = '';
  let tree: FileTree;
  let source: HeldSource;
  let other: HeldSource;
  let checker: ZipChecker;
  let gateway: Gateway;
  let adopting: Latch;
  let mayAdopt: Promise<void> | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modgate-gateway-'));
    tree = await FileTree.open(folder, { logger });
    source = new HeldSource();
    other = new HeldSource();
    checker = new ZipChecker({ workers: 1 });
    adopting = new Latch();
    mayAdopt = undefined;
    gateway = gatewayOver(source);
  });

  afterEach(async () => {
    await gateway.close();
    await checker.close();
    await tree.close();
    await rm(folder, { recursive: true });
  });

  /** A process of its own, over the same store. */
  function gatewayOver(first: HeldSource): Gateway {
    const held = holding(tree, async () => {
      adopting.open();
      await mayAdopt;
    });
    const chain = (step: Source) => new Chain([{ step, separator: undefined }]);
    const routes = [
      routeOf('other.example', chain(other)),
      routeOf('example.com', chain(first)),
      routeOf('private.example', chain(first), true),
    ];
    return new Gateway(
      {
        tree: held,
        router: new Router(routes, chain(first)),
        databases: [],
        checker,
        clock: systemClock,
        logger,
        metrics: new Metrics({ process: false }),
      },
      { times: { fresh: 60_000, stale: 600_000, negative: 60_000 }, fetches: 2, queue: 10 },
    );
  }

  const ask = (what: Ask, leave = new AbortController()) =>
    gateway.answer(what, { signal: leave.signal, cachedOnly: false });
  const askZip = (leave?: AbortController) => ask({ kind: 'zip', m }, leave);

  async function whole(reply: Reply): Promise<Buffer> {
    if (reply.kind === 'bytes') return reply.bytes;
    if (reply.kind === 'content') return reply.content.bytes().finally(() => reply.content.close());
    const parts: Buffer[] = [];
    let position = 0;
    for (;;) {
      const buffer = Buffer.alloc(64 << 10);
      const count = await reply.reader.read(buffer, position, new AbortController().signal);
      if (count === 0) break;
      parts.push(buffer.subarray(0, count));
      position += count;
    }
    await reply.reader.close();
    return Buffer.concat(parts);
  }

  async function leaveAfterFirstByte(): Promise<void> {
    const reply = await askZip();
    assert.equal(reply.kind, 'transfer');
    if (reply.kind !== 'transfer') return;
    await reply.reader.ready(new AbortController().signal);
    await reply.reader.close();
  }

  it('answers no look-up of a private module, on no way on which somebody could ask', async () => {
    const lookup = (path: string): Ask => ({
      kind: 'sumdb',
      name: 'sum.example',
      endpoint: `lookup/${path}@v1.0.0`,
    });
    const asked = lookup('private.example/lib');
    const refused = { code: 'PRIVATE_MODULE' };
    await assert.rejects(ask(asked), refused);
    await assert.rejects(gateway.stored(asked, new AbortController().signal), refused);
    await assert.rejects(gateway.allow(asked), refused);
    await gateway.allow(lookup('example.com/lib'));
    assert.equal(await gateway.stored(lookup('example.com/lib'), new AbortController().signal), undefined);
  });

  it('finishes a zip whose last client left while it was being admitted, and gives it to the next', async () => {
    const latch = new Latch();
    mayAdopt = latch.opened;
    const first = await askZip();
    await adopting.opened;
    if (first.kind === 'transfer') await first.reader.close();
    const second = askZip();
    latch.open();
    assert.deepEqual(await whole(await second), zip);
    assert.equal(source.files, 1);
  });

  it('begins anew for who asks after the last client left in mid-fetch', async () => {
    const latch = new Latch();
    source.beforeBody = latch.opened;
    await leaveAfterFirstByte();
    source.beforeBody = undefined;
    assert.deepEqual(await whole(await askZip()), zip);
    assert.equal(source.files, 2);
    latch.open();
  });

  it('asks again for a zip that was cut, and the client notices nothing', async () => {
    source.cuts = 2;
    assert.deepEqual(await whole(await askZip()), zip);
    assert.equal(source.files, 3);
  });

  it('tells who tries again why a zip broke off, without another fetch', async () => {
    source.cuts = 3;
    await assert.rejects(async () => whole(await askZip()), { code: 'UPSTREAM_UNREACHABLE' });
    await assert.rejects(askZip(), { code: 'UPSTREAM_UNREACHABLE', message: /reset in mid-body/ });
    assert.equal(source.files, 3);
  });

  const GO_MODS: readonly [what: string, inZip: string | undefined, mod: string, fit: boolean][] = [
    ['the same', `module ${path}\n`, `module ${path}\n`, true],
    ['the same but for its line ends', `module ${path}\r\n`, `module ${path}\n`, true],
    ['another one', `module ${path}\n\ngo 1.20\n`, `module ${path}\n`, false],
    ['none, and the .mod is made up', undefined, `module ${path}\n`, true],
    ['none, and the .mod is not made up', undefined, `module ${path}\n\ngo 1.20\n`, false],
  ];
  for (const [what, inZip, mod, fit] of GO_MODS)
    for (const order of ['mod first', 'zip first', 'zip first, and the gateway was started anew'] as const)
      it(`the go.mod in a zip: ${what}; ${order}: ${fit ? 'both are stored' : 'the second is refused'}`, async () => {
        const files = [{ name: 'a.go', data: Buffer.from('package a\n') }];
        source.zip = createZip(
          m,
          inZip === undefined ? files : [...files, { name: 'go.mod', data: Buffer.from(inZip) }],
        );
        source.mod = mod;
        const kinds = order === 'mod first' ? (['mod', 'zip'] as const) : (['zip', 'mod'] as const);
        const [first, second] = kinds.map((kind) => async () => whole(await ask({ kind, m })));
        await first?.();
        if (order.endsWith('anew')) {
          await gateway.close();
          gateway = gatewayOver(source);
        }
        if (fit) await second?.();
        else await assert.rejects(async () => second?.(), { code: 'CHECKSUM_MISMATCH' });
        const [, refused] = kinds;
        const stored = await tree.open(keys.file(m, refused));
        await stored?.close();
        assert.equal(stored !== undefined, fit);
      });

  for (const kind of ['mod', 'zip'] as const)
    it(`stores what a file was made of before the file, and not the file where another was first: ${kind}`, async () => {
      const info = Buffer.from(`{"Version":"v1.0.0","Origin":{"Hash":"b"}}`);
      const held: string[] = [];
      const hold = (stored: Buffer) => void held.push(stored.toString());
      source.origin = { info, hold };
      await whole(await ask({ kind, m }));
      const first = await whole(await ask({ kind: 'info', m }));
      assert.deepEqual([first, held], [info, [info.toString()]]);
      await tree.delete(keys.file(m, kind));
      const moved = new ModgateError('TAG_MOVED', 'moved');
      source.origin = {
        info: Buffer.from(`{"Version":"v1.0.0","Origin":{"Hash":"c"}}`),
        hold: (stored) => {
          held.push(stored.toString());
          throw moved;
        },
      };
      await assert.rejects(async () => whole(await ask({ kind, m })), moved);
      assert.deepEqual(held, [info.toString(), info.toString()], 'held to the one that was first');
      assert.equal(await tree.open(keys.file(m, kind)), undefined);
    });

  it('gives nobody the end of a zip before it is admitted', async () => {
    const latch = new Latch();
    mayAdopt = latch.opened;
    const reply = await askZip();
    assert.equal(reply.kind, 'transfer');
    if (reply.kind !== 'transfer') return;
    await adopting.opened;
    const buffer = Buffer.alloc(zip.length);
    const early = await reply.reader.read(buffer, 0, new AbortController().signal);
    assert.ok(early > 0 && early <= zip.length - (64 << 10), `${early} of ${zip.length}`);
    latch.open();
    assert.deepEqual(await whole(reply), zip);
  });

  it('does not take the answer to a query for a stored version', async () => {
    await ask({ kind: 'query', path, query: 'v2.0.0' });
    await ask({ kind: 'info', m });
    const list = await whole(await ask({ kind: 'list', path }));
    assert.equal(list.toString(), 'v1.0.0\n');
  });

  it('keeps a version in the list that arrives while the list is fetched', async () => {
    const latch = new Latch();
    source.beforeList = latch.opened;
    const list = ask({ kind: 'list', path });
    await ask({ kind: 'info', m: { path, version: version('v1.5.0') } });
    latch.open();
    assert.equal((await whole(await list)).toString(), 'v1.0.0\nv1.5.0\n');
  });

  it('says hit where absence is known and what is stored answers', async () => {
    await ask({ kind: 'info', m });
    source.list = () => Promise.reject(new ModgateError('NOT_FOUND', 'gone'));
    const cached = [];
    for (let i = 0; i < 2; i++) {
      const reply = await ask({ kind: 'list', path });
      assert.equal((await whole(reply)).toString(), 'v1.0.0\n');
      cached.push(reply.cached);
    }
    assert.deepEqual(cached, ['miss', 'hit']);
  });

  it('writes into the tree a list of what is stored, and of nothing else', async () => {
    await ask({ kind: 'list', path });
    await ask({ kind: 'info', m: { path, version: version('v1.5.0') } });
    await ask({ kind: 'info', m: { path, version: version('v1.6.0') } });
    await ask({ kind: 'mod', m: { path, version: version('v1.6.0') } });
    await gateway.close();
    const kept = await tree.open(keys.list(path));
    assert.equal((await kept?.bytes())?.toString(), 'v1.6.0\n');
    await kept?.close();
  });

  it('names in the list what is stored while it closes', async () => {
    const latch = new Latch();
    const m15 = { path, version: version('v1.5.0') };
    await ask({ kind: 'mod', m: m15 });
    source.beforeBody = latch.opened;
    const info = ask({ kind: 'info', m: m15 });
    // The fetch has begun.
    while (source.files < 2) await new Promise((resolve) => setImmediate(resolve));
    const closed = gateway.close();
    latch.open();
    await Promise.all([info, closed]);
    const kept = await tree.open(keys.list(path));
    assert.equal((await kept?.bytes())?.toString(), 'v1.5.0\n');
    await kept?.close();
  });

  it('calls nothing absent that only cannot be asked for', async () => {
    await whole(await askZip());
    source.query = () => Promise.reject(new ModgateError('UPSTREAM_UNREACHABLE', 'down'));
    await assert.rejects(ask({ kind: 'latest', path }), { code: 'UPSTREAM_UNREACHABLE' });
    await ask({ kind: 'info', m });
    assert.equal((await whole(await ask({ kind: 'latest', path }))).toString(), '{"Version":"v1.0.0"}');
  });

  it('lets a healthy source answer while another hangs with all its places taken', async () => {
    const latch = new Latch();
    source.beforeList = latch.opened;
    const hung = ['a', 'b', 'c', 'd'].map((name) =>
      ask({ kind: 'list', path: parseModulePath(`example.com/${name}`) }),
    );
    const reply = await ask({ kind: 'list', path: parseModulePath('other.example/x') });
    assert.equal((await whole(reply)).toString(), 'v1.0.0\n');
    latch.open();
    await Promise.all(hung);
  });
});
