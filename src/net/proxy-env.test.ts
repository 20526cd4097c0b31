import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyEnvironment } from './proxy-env.ts';

const HTTP = { HTTP_PROXY: 'http://p1.example:3128' };
const HTTPS = { HTTPS_PROXY: 'http://p2.example:3128' };

const CHOICES: readonly [env: NodeJS.ProcessEnv, url: string, expected: string | undefined][] = [
  [{}, 'http://corp.example/', undefined],
  [HTTP, 'http://corp.example/', 'http://p1.example:3128/'],
  [HTTP, 'https://corp.example/', undefined],
  [HTTPS, 'https://corp.example/', 'http://p2.example:3128/'],
  [HTTPS, 'http://corp.example/', undefined],
  [{ http_proxy: 'http://low.example:1' }, 'http://corp.example/', 'http://low.example:1/'],
  [{ ...HTTP, http_proxy: 'http://low.example:1' }, 'http://corp.example/', 'http://p1.example:3128/'],
  [{ HTTP_PROXY: '', http_proxy: 'http://low.example:1' }, 'http://corp.example/', 'http://low.example:1/'],
  [{ HTTPS_PROXY: 'p.example:8080' }, 'https://corp.example/', 'http://p.example:8080/'],
  [{ HTTPS_PROXY: 'p.example' }, 'https://corp.example/', 'http://p.example/'],
  [{ HTTPS_PROXY: '10.0.0.1:8080' }, 'https://corp.example/', 'http://10.0.0.1:8080/'],
  [{ HTTPS_PROXY: 'https://p.example' }, 'https://corp.example/', 'https://p.example/'],
  [{ HTTPS_PROXY: 'socks5://p.example:1080' }, 'https://corp.example/', 'unusable'],
  [{ HTTPS_PROXY: 'http://' }, 'https://corp.example/', 'unusable'],
  [{ HTTPS_PROXY: ':: no' }, 'https://corp.example/', 'unusable'],
  [HTTP, 'http://localhost/', undefined],
  [HTTP, 'http://localhost:8080/', undefined],
  [HTTP, 'http://127.0.0.1/', undefined],
  [HTTP, 'http://127.8.9.1:81/', undefined],
  [HTTP, 'http://[::1]/', undefined],
  [HTTP, 'http://[::ffff:127.0.0.1]/', undefined],
  [HTTP, 'http://128.0.0.1/', 'http://p1.example:3128/'],
  [HTTP, 'http://localhost.example/', 'http://p1.example:3128/'],
];

test('the proxy of a URL', async (t) => {
  for (const [env, url, expected] of CHOICES) {
    await t.test(`${JSON.stringify(env)} ${url}`, () => {
      const choice = new ProxyEnvironment(env).choose(new URL(url));
      assert.equal(choice instanceof URL ? choice.href : choice, expected);
    });
  }
});

/** NO_PROXY, URL, whether the proxy is used */
const EXCLUSIONS: readonly [string, string, boolean][] = [
  ['corp.example', 'http://corp.example/', false],
  ['corp.example', 'http://a.b.corp.example/', false],
  ['corp.example', 'http://notcorp.example/', true],
  ['corp.example', 'http://corp.example.org/', true],
  ['CORP.Example', 'http://corp.example/', false],
  ['.corp.example', 'http://corp.example/', true],
  ['.corp.example', 'http://a.corp.example/', false],
  ['*.corp.example', 'http://corp.example/', true],
  ['*.corp.example', 'http://a.corp.example/', false],
  ['*corp.example', 'http://acorp.example/', true],
  ['corp.example:8080', 'http://corp.example:8080/', false],
  ['corp.example:8080', 'http://corp.example/', true],
  ['corp.example:80', 'http://corp.example/', false],
  ['corp.example:443', 'https://corp.example/', false],
  ['corp.example:', 'http://corp.example:99/', false],
  [':8080', 'http://corp.example:8080/', true],
  ['*', 'http://corp.example/', false],
  ['a.example, *', 'http://10.1.2.3/', false],
  [' a.example , corp.example ', 'http://corp.example/', false],
  [',,', 'http://corp.example/', true],
  ['10.0.0.0/8', 'http://10.200.3.4/', false],
  ['10.0.0.0/8', 'http://11.0.0.1/', true],
  ['10.1.2.3/33', 'http://10.1.2.3/', true],
  ['10.1.2.3/x', 'http://10.1.2.3/', true],
  ['10.1.2.3', 'http://10.1.2.3/', false],
  ['10.1.2.3', 'http://10.1.2.4/', true],
  ['10.1.2.3:81', 'http://10.1.2.3:81/', false],
  ['10.1.2.3:81', 'http://10.1.2.3/', true],
  ['10.1.2.3', 'http://[::ffff:10.1.2.3]/', false],
  ['2001:db8::/32', 'http://[2001:db8::5]/', false],
  ['2001:db8::/32', 'http://[2001:db9::5]/', true],
  ['2001:db8::5', 'http://[2001:db8:0::5]:8080/', false],
  ['[2001:db8::5]:81', 'http://[2001:db8::5]:81/', false],
  ['[2001:db8::5]:81', 'http://[2001:db8::5]/', true],
  ['bücher.example', 'http://xn--bcher-kva.example/', false],
];

test('NO_PROXY', async (t) => {
  for (const [list, url, used] of EXCLUSIONS) {
    await t.test(`${list} | ${url}`, () => {
      const env = { HTTP_PROXY: 'http://p.example', HTTPS_PROXY: 'http://p.example', NO_PROXY: list };
      assert.equal(new ProxyEnvironment(env).choose(new URL(url)) !== undefined, used);
    });
  }
});
