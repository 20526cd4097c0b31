import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import type { TraceLinks } from '../source.ts';
import { MemoryRepository, never } from './memory-repository.test.kit.ts';
import { TimedRepository } from './timed-repository.ts';

function bench() {
  const inner = new MemoryRepository();
  inner.commit({ files: { 'go.mod': 'module example.com/a\n' }, tags: ['v1.0.0'] });
  let time = 0;
  const links: TraceLinks = {};
  const repository = new TimedRepository(inner, { now: () => 0, monotonic: () => time }, links);
  const pass = (ms: number) => {
    time += ms;
  };
  return { inner, links, repository, pass };
}

it('what is asked of a repository side by side counts once, one after the other adds up', async () => {
  const { inner, links, repository, pass } = bench();
  const refs = await inner.refs();
  const waiting: (() => void)[] = [];
  inner.refs = () => new Promise((resolve) => waiting.push(() => resolve(refs)));
  const first = repository.refs(never);
  pass(10);
  const second = repository.refs(never);
  pass(20);
  for (const answer of waiting.splice(0)) answer();
  await Promise.all([first, second]);
  assert.equal(links.git, 30);
  pass(1000);
  const third = repository.refs(never);
  pass(5);
  for (const answer of waiting) answer();
  await third;
  assert.deepEqual(links, { git: 35 });
});

it('a call that fails counts too', async () => {
  const { inner, links, repository, pass } = bench();
  inner.resolve = async () => {
    pass(7);
    throw new Error('down');
  };
  await assert.rejects(repository.resolve('v1.0.0', never), /down/);
  assert.deepEqual(links, { git: 7 });
});

it('an archive is a body from its first byte to its end', async () => {
  const { inner, links, repository, pass } = bench();
  inner.archive = async () => {
    pass(3);
    return Readable.from(['zip']);
  };
  const commit = await repository.resolve('v1.0.0', never);
  const stream = await repository.archive(commit, '', never);
  pass(40);
  const closed = once(stream, 'close');
  stream.resume();
  await closed;
  assert.deepEqual(links, { git: 3, body: 40 });
});
