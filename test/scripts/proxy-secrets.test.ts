/** The user info of a corporate proxy's URL: shown to the proxy, and to nobody else. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { sourceSettings } from '../kit/gateway.ts';
import { CLI, cleanEnv, Modgate, type Piece } from '../kit/modgate.ts';
import type { Ending } from '../kit/scope.ts';

const execute = promisify(execFile);

const USER = 'proxyuser7f3';
/** with what a URL has to escape */
const PASSWORD = 'hunter2/@:%';
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
const USER_INFO = `${USER}:${encodeURIComponent(PASSWORD)}`;
const SHOWN = new RegExp(
  ['hunter2', USER, BASIC, BASIC.slice(0, 12)].map((text) => text.replaceAll('+', '\\+')).join('|'),
);

/** What a proxy does with whatever it is asked; it repeats what it was shown, as pages of proxies may. */
const PROXIES: readonly (readonly [what: string, status: number | undefined, said: RegExp])[] = [
  ['wants other credentials', 407, /code: UPSTREAM_/],
  ['refuses', 403, /code: UPSTREAM_/],
  ['fails', 502, /code: UPSTREAM_/],
  ['is not there', undefined, /the proxy http:\/\/127\.0\.0\.1:\d+\/? cannot be reached/],
];

/** How its URL is told, and what is asked through it: a tunnel for https, a forwarded request for http. */
const WAYS: readonly (readonly [
  what: string,
  source: (proxy: URL) => Piece,
  env: (proxy: URL) => Readonly<Record<string, string>>,
])[] = [
  ['a URL of the source', (proxy) => withUserInfo(proxy), () => ({})],
  [
    'url, username and password',
    ({ href }) => ({ url: href, username: USER, password: { env: 'PROXY_PASSWORD' } }),
    () => ({ PROXY_PASSWORD: PASSWORD }),
  ],
  [
    'the environment',
    () => 'env',
    (proxy) => ({ HTTP_PROXY: withUserInfo(proxy), HTTPS_PROXY: withUserInfo(proxy), NO_PROXY: '' }),
  ],
];

function withUserInfo({ host }: URL): string {
  return `http://${USER_INFO}@${host}`;
}

interface Proxy {
  readonly url: URL;
  /** what it was shown */
  readonly seen: Set<string>;
}

async function startProxy(t: Ending, status: number | undefined): Promise<Proxy> {
  const seen = new Set<string>();
  const note = ({ headers }: http.IncomingMessage): string => {
    const shown = headers['proxy-authorization'] ?? 'nothing';
    seen.add(shown);
    return shown;
  };
  const server = http.createServer((request, response) => {
    response.writeHead(status ?? 0, { 'content-type': 'text/plain' }).end(`not with ${note(request)}`);
  });
  server.on('connect', (request, socket) => {
    socket.on('error', () => socket.destroy());
    const text = `not with ${note(request)}`;
    socket.end(`HTTP/1.1 ${status} ${text}\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Net servers of Node have an object here while they listen on a port.
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  if (status === undefined) await close();
  else
    t.after(() => {
      server.closeAllConnections();
      return close();
    });
  return { url: new URL(`http://127.0.0.1:${port}/`), seen };
}

/** Texts of a failure by either way, and of every page. */
async function answersOf(modgate: Modgate, said: RegExp): Promise<string[]> {
  const shown: string[] = [];
  for (const host of ['tunnel.example', 'forward.example'])
    for (const file of ['list', 'v1.0.0.mod', 'v1.0.0.zip']) {
      const reply = await modgate.ask(`/${host}/m/@v/${file}`);
      assert.match(reply.text, said);
      shown.push(JSON.stringify(reply.headers), reply.text);
    }
  for (const page of ['/', '/healthz', '/readyz', '/version', '/metrics'])
    shown.push((await modgate.ask(page)).text);
  return shown;
}

/** What commands print that read the same configuration. */
async function outputsOf(modgate: Modgate, more: Readonly<Record<string, string>>): Promise<string[]> {
  const shown: string[] = [];
  for (const args of [
    ['config', 'print'],
    ['config', 'check', '--json'],
    ['prefetch', '--json', '--log-level', 'trace', 'tunnel.example/m@v1.0.0', 'forward.example/m@v1.0.0'],
  ]) {
    // Not in this thread, which the proxy answers in. Prefetch fails, and tells that too.
    const run = await execute(process.execPath, [CLI, ...args, '--config', modgate.file], {
      env: { ...cleanEnv(), ...more },
    }).catch((failed: { stdout: string; stderr: string }) => failed);
    assert.notEqual(run.stdout, '', run.stderr);
    // A user name of its own is printed, as each value is that is no secret.
    shown.push(run.stdout.replaceAll(`username: ${USER}`, ''), run.stderr);
  }
  return shown;
}

describe('the user info of a proxy is shown to nobody else', () => {
  for (const [what, status, said] of PROXIES)
    for (const [way, source, env] of WAYS)
      test(`a proxy that ${what}, told by ${way}`, async (t) => {
        const proxy = await startProxy(t, status);
        const settings = {
          config: {
            chain: 'tunnel,off',
            sources: Object.fromEntries(
              ['http', 'https'].map((scheme) => [
                scheme === 'https' ? 'tunnel' : 'forward',
                { ...sourceSettings(`${scheme}://source.example`), proxy: source(proxy.url) },
              ]),
            ),
            routes: [{ match: 'forward.example/*', chain: 'forward' }],
            log: { level: 'trace' },
          },
          env: env(proxy.url),
        };
        const modgate = await Modgate.start(settings);
        t.after(() => modgate.remove());
        const shown = [...(await answersOf(modgate, said)), ...(await outputsOf(modgate, env(proxy.url)))];
        assert.equal(await modgate.stop(), 0);
        for (const text of [...shown, modgate.stderr, modgate.stdout]) assert.doesNotMatch(text, SHOWN);
        assert.deepEqual([...proxy.seen], status === undefined ? [] : [`Basic ${BASIC}`]);
      });

  test('a password that is not escaped, so that the URL seems to have a path: no part of it is told', async (t) => {
    const modgate = await Modgate.start({
      config: {
        chain: 'corp',
        sources: { corp: { ...sourceSettings('https://source.example'), proxy: 'env' } },
      },
      env: { HTTPS_PROXY: 'http://user:12/hunter2@proxy.example:3128', NO_PROXY: '' },
    });
    t.after(() => modgate.remove());
    const reply = await modgate.ask('/example.com/m/@v/list');
    assert.match(reply.text, /HTTPS_PROXY is no http or https URL/);
    assert.equal(await modgate.stop(), 0);
    for (const text of [reply.text, modgate.stderr]) assert.doesNotMatch(text, SHOWN);
  });
});
