import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PathPatterns } from '../module/index.ts';
import { openAccess } from './open-access.ts';
import { rewritten, withoutUserInfo } from './remote-url.ts';

const NEVER: AbortSignal = new AbortController().signal;

describe('URLs of remotes', () => {
  it('the longest begin that matches is replaced', () => {
    const rewrites = new Map([
      ['https://git.corp.example/', 'ssh://git@git.corp.example/'],
      ['https://git.corp.example/public/', 'https://mirror.example/'],
    ]);
    const cases = [
      ['https://git.corp.example/team/lib', 'ssh://git@git.corp.example/team/lib'],
      ['https://git.corp.example/public/lib', 'https://mirror.example/lib'],
      ['https://github.com/a/b', 'https://github.com/a/b'],
    ];
    for (const [from = '', to = ''] of cases) assert.equal(rewritten(from, rewrites), to);
  });

  it('user info goes, the rest stays', () => {
    assert.equal(withoutUserInfo('ssh://git:x@y@host/a@b'), 'ssh://host/a@b');
    assert.equal(withoutUserInfo('https://host/a@b'), 'https://host/a@b');
  });
});

describe('a book without credentials', () => {
  const book = openAccess(new PathPatterns('old.example/*,127.0.0.1:8080'));
  const none = { rewrites: new Map<string, string>(), anonymous: false };

  it('gives http for the patterns only, after rewriting', async () => {
    const { url } = await book.find('http://old.example/x/y', none, NEVER);
    assert.equal(url, 'http://old.example/x/y');
    assert.ok(await book.find('http://127.0.0.1:8080/x', none, NEVER));
    const toHttp = { ...none, rewrites: new Map([['https://new.example/', 'http://new.example/']]) };
    for (const [target, terms] of [
      ['http://new.example/x', none],
      ['http://127.0.0.1:8081/x', none],
      ['https://new.example/x', toHttp],
    ] as const) {
      await assert.rejects(book.find(target, terms, NEVER), { code: 'VCS_REFUSED' }, target);
    }
  });

  it('refuses what a rewrite makes of an allowed URL', async () => {
    const evil = { ...none, rewrites: new Map([['https://git.corp.example/', 'file:///etc/']]) };
    await assert.rejects(book.find('https://git.corp.example/x', evil, NEVER), { code: 'VCS_REFUSED' });
  });
});
