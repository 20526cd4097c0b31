/** nginx without modgate, for another proxy's name, in front of TLS and of a socket. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Front, without } from '../kit/front.ts';
import { authorizeTests, fallbackTests, frontCases } from '../kit/front-cases.ts';
import { pairFor } from '../kit/gateway.ts';

describe('nginx', { skip: without('nginx') }, () => {
  frontCases('nginx', ['auth-request', 'accel']);
  fallbackTests('nginx', 'proxy');
  fallbackTests('nginx', 'try-files');
  authorizeTests('nginx');

  test('accel: a file that nginx cannot read comes from modgate, and never looks absent', async (t) => {
    const pair = await pairFor(t, { config: { trusted_proxies: '127.0.0.1' } });
    const front = await Front.start(t, pair.modgate, {
      program: 'nginx',
      flags: ['--mode', 'accel'],
      edit: (text) => text.replace(/alias .*;/, 'alias /no/such/folder/;'),
    });
    const zip = '/example.com/medium/@v/v1.0.0.zip';
    const stored = await pair.modgate.ask(zip);
    const reply = await front.ask(zip);
    assert.equal(reply.status, 200, reply.text.slice(0, 300));
    assert.deepEqual(reply.body, stored.body);
  });
});
