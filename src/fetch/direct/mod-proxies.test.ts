import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { createLogger } from '../../observe/index.ts';
import { ModProxies } from './mod-proxies.ts';

const NEAR = { isPrivate: false, near: true };

describe('proxies of mod entries', () => {
  const proxies = new ModProxies(
    {
      headers: {},
      auth: { kind: 'none' },
      tls: {
        ca: undefined,
        cert: undefined,
        key: undefined,
        pins: [],
        minVersion: 'TLSv1.2',
        insecure: false,
      },
      http2: false,
      proxy: 'none',
      timeouts: { connect: 1000, firstByte: 1000, idle: 1000, total: 1000 },
      concurrency: 1,
      queue: 1,
      retry: { attempts: 1, base: 1, cap: 1, budget: 1 },
      breaker: { failures: 5, open: 1000 },
    },
    1000,
    createLogger({ level: 'silent', format: 'json' }),
  );
  after(() => proxies.close());
  const url = (i: number) => `https://proxy-${i}.example/base`;

  it('one for each URL and each kind of route', () => {
    const first = proxies.get(url(0), NEAR);
    assert.equal(proxies.get(url(0), NEAR), first);
    for (const rules of [
      { ...NEAR, near: false },
      { ...NEAR, isPrivate: true },
    ])
      assert.notEqual(proxies.get(url(0), rules), first);
  });

  it('anybody may name any number: those that were used last are kept', () => {
    const [used, unused] = [proxies.get(url(1), NEAR), proxies.get(url(2), NEAR)];
    for (let i = 3; i < 100; i++) {
      proxies.get(url(i), NEAR);
      assert.equal(proxies.get(url(1), NEAR), used);
    }
    assert.notEqual(proxies.get(url(2), NEAR), unused);
  });

  it('none is made after the end, which would have closed it', async () => {
    await proxies.close();
    for (const i of [1, 200]) assert.throws(() => proxies.get(url(i), NEAR), { code: 'SHUTTING_DOWN' });
  });
});
