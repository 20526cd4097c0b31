import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemotePatterns, type RemotePlace } from './remote-patterns.ts';

function place(text: string): RemotePlace {
  const { protocol, hostname, port, pathname } = new URL(text);
  return { scheme: protocol.slice(0, -1), host: hostname, port, path: pathname.slice(1) };
}

const CASES: [list: string, url: string, elements: number | undefined][] = [
  ['git.corp.example', 'https://git.corp.example/a/b.git', 0],
  ['git.corp.example/*', 'https://git.corp.example/a/b.git', 1],
  ['git.corp.example/*', 'https://git.corp.example', undefined],
  ['git.corp.example/a', 'https://git.corp.example/a/b.git', 1],
  ['git.corp.example/a', 'https://git.corp.example/ab/c.git', undefined],
  ['git.corp.example/A', 'https://git.corp.example/a/b.git', undefined],
  ['Git.Corp.Example/a', 'https://git.corp.example/a/b.git', 1],
  ['git.corp.example', 'https://git.corp.example:8443/a', undefined],
  ['git.corp.example:8443', 'https://git.corp.example:8443/a', 0],
  ['git.corp.example:8443', 'https://git.corp.example/a', undefined],
  ['git.corp.example:443', 'https://git.corp.example/a', 0],
  ['git.corp.example:22', 'ssh://git.corp.example/a', 0],
  ['git.corp.example', 'ssh://git.corp.example:2222/a', undefined],
  ['git.corp.example:2222', 'ssh://git.corp.example:2222/a', 0],
  ['*', 'https://a.example/x', 0],
  ['*', 'https://a.example:1/x', undefined],
  ['*:*', 'https://a.example:1/x', 0],
  ['*.example', 'https://a.example/x', 0],
  ['a.example/x/y,a.example', 'https://a.example/x', 0],
  ['a.example/x/y,a.example', 'https://a.example/x/y/z', 2],
  ['\\[::1\\]:80', 'http://[::1]/x', 0],
  ['\\[::1\\]', 'http://[::1]/x', 0],
  ['', 'https://a.example/x', undefined],
];

for (const [list, url, elements] of CASES) {
  test(`"${list}" and ${url}: ${elements ?? 'no match'}`, () => {
    assert.equal(new RemotePatterns(list).pathElements(place(url)), elements);
    assert.equal(new RemotePatterns(list).matches(place(url)), elements !== undefined);
  });
}
