import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { systemClock } from '../observe/index.ts';
import { parseAddress } from './address.ts';
import { GithubAppIssuer } from './github-app.ts';

const HOSTS: readonly [api: string, repository: string, asked: boolean][] = [
  ['https://api.github.com', 'https://github.com/corp/lib', true],
  ['https://api.github.com', 'https://GitHub.com/corp/lib.git', true],
  ['https://api.github.com', 'https://gitlab.com/corp/lib', false],
  ['https://api.github.com', 'https://github.com.evil.example/corp/lib', false],
  ['https://api.github.com', 'https://com/corp/lib', false],
  ['https://api.github.com', 'https://evil-github.com/corp/lib', false],
  ['https://api.corp.ghe.com', 'https://corp.ghe.com/corp/lib', true],
  ['https://github.corp.example:8443/api/v3', 'https://github.corp.example/corp/lib', true],
  ['https://github.corp.example/api/v3', 'https://github.com/corp/lib', false],
];
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = String(privateKey.export({ type: 'pkcs1', format: 'pem' }));
const never = new AbortController().signal;

for (const [api, repository, expected] of HOSTS)
  test(`${repository} ${expected ? 'has' : 'has no'} tokens of ${api}`, async () => {
    const asked: string[] = [];
    const ask = async ({ href }: URL) => {
      asked.push(href);
      throw new ModgateError('UPSTREAM_TIMEOUT', 'no answer');
    };
    const issuer = new GithubAppIssuer(
      { id: '1', key, installation: 2, api },
      { client: { get: ask, post: ask }, clock: systemClock },
    );
    const lease = issuer.lease(parseAddress(repository), false, never);
    if (expected) await assert.rejects(lease, { code: 'UPSTREAM_TIMEOUT' });
    else assert.equal(await lease, undefined);
    assert.deepEqual(asked, expected ? [`${api}/app/installations/2/access_tokens`] : []);
  });
