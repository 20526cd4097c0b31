import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ModgateError } from '../errors/index.ts';
import { digestsOf, parseRefs, refOf } from './refs.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(40));
const LONG = 'd'.repeat(64);

const read = (text: string) => parseRefs(Buffer.from(text));

describe('the list of refs', () => {
  it('names HEAD, branches and tags, an annotated tag by its commit', async () => {
    const refs = await read(
      `${A}\tHEAD\n${A}\trefs/heads/main\n${B}\trefs/heads/feature/x\n${C}\trefs/tags/v1.0.0\n${B}\trefs/tags/v1.0.0^{}\n` +
        `${C}\trefs/pull/1/head\n${C}\trefs/heads\n${C}\trefs/remotes/origin/HEAD\n${B}\trefs/tags/sub/v1.0.0\n`,
    );
    assert.deepEqual(refs, {
      head: A,
      branches: new Map([
        ['main', A],
        ['feature/x', B],
      ]),
      tags: new Map([
        ['v1.0.0', B],
        ['sub/v1.0.0', B],
      ]),
    });
    assert.equal(refOf(refs, B ?? ''), 'refs/tags/v1.0.0');
    assert.equal(refOf(refs, A ?? ''), 'refs/heads/main');
    assert.equal(refOf(refs, C ?? ''), undefined);
  });

  const NONE: readonly (readonly [what: string, text: string])[] = [
    ['nothing', ''],
    ['a name that climbs', `${A}\trefs/heads/../../x\n`],
    ['a name with a space', `${A}\trefs/tags/a b\n`],
    ['a name with a colon', `${A}\trefs/tags/a:b\n`],
    ['a pattern', `${A}\trefs/tags/*\n`],
    ['a lock', `${A}\trefs/heads/x.lock\n`],
    ['a hidden element', `${A}\trefs/heads/a/.b\n`],
    ['a peeled tag without its tag', `${A}\trefs/tags/v1^{}\n`],
  ];
  for (const [what, text] of NONE) {
    it(`${what} is passed over`, async () => {
      assert.deepEqual(await read(text), { head: undefined, branches: new Map(), tags: new Map() });
    });
  }

  const BAD: readonly (readonly [what: string, text: string])[] = [
    ['a page', '<html>\n'],
    ['a short hash', `${(A ?? '').slice(1)}\tHEAD\n`],
    ['upper case', `${(A ?? '').toUpperCase()}\tHEAD\n`],
    ['no name', `${A}\t\n`],
    ['two hash lengths', `${A}\tHEAD\n${LONG}\trefs/heads/main\n`],
    ['a name without an end', `${A}\trefs/tags/${'x'.repeat(5000)}\n`],
  ];
  for (const [what, text] of BAD) {
    it(`${what} is refused`, async () => {
      await assert.rejects(read(text), { code: 'UPSTREAM_BAD_ANSWER' });
    });
  }

  it('more lines than any repository has are refused', async () => {
    const line = `${A}\tHEAD\n`;
    await assert.rejects(parseRefs(Buffer.alloc(line.length * 1_000_001, line)), {
      code: 'UPSTREAM_BAD_ANSWER',
    });
  });

  it('a long one is read in slices, so that others get their turn', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `${A}\trefs/tags/v1.0.${i}\n`);
    let turns = 0;
    let reading = true;
    const count = () => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    assert.equal((await read(lines.join(''))).tags.size, 100_000);
    reading = false;
    assert.ok(turns >= 20, `${turns} turns`);
  });

  it('has one digest for the same branches and tags, and one for the same tags', async () => {
    const list = (head: string | undefined, tag: string | undefined, pull: string | undefined) =>
      read(`${head}\trefs/heads/main\n${pull}\trefs/pull/1/head\n${tag}\trefs/tags/v1\n`);
    const [first, pulled, pushed, tagged] = await Promise.all([
      list(A, A, A),
      list(A, A, B),
      list(B, A, A),
      list(A, B, A),
    ]).then((all) => all.map(digestsOf));
    assert.deepEqual(pulled, first);
    assert.equal(pushed?.tags, first?.tags);
    assert.equal(new Set([first, pushed, tagged].map((one) => one?.all)).size, 3);
    assert.notEqual(tagged?.tags, first?.tags);
  });

  it('any bytes give refs that git would take, or a coded error', async () => {
    const hash = fc.constantFrom(A, B, LONG, 'x');
    const name = fc.oneof(
      fc.constantFrom('HEAD', 'refs/heads/main', 'refs/tags/v1', 'refs/tags/v1^{}', 'refs/pull/1'),
      fc.string({ unit: 'binary' }).map((text) => `refs/tags/${text}`),
    );
    const line = fc.tuple(hash, fc.constantFrom('\t', ' '), name).map((parts) => parts.join(''));
    const text = fc.oneof(
      fc.array(line).map((lines) => lines.join('\n')),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (output) => {
        try {
          const { tags } = await read(output);
          for (const [tag, at] of tags) {
            assert.match(at, /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
            assert.doesNotMatch(tag, /[\n\t :*?[\\]|\.\.|^$/);
          }
        } catch (error) {
          assert.ok(error instanceof ModgateError && error.code === 'UPSTREAM_BAD_ANSWER', String(error));
        }
      }),
    );
  });
});
