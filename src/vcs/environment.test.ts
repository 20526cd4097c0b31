import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Access } from './access.ts';
import { gitEnvironment } from './environment.ts';

const SURROUNDINGS = {
  home: '/data/vcs/home',
  env: {
    PATH: '/usr/bin',
    HOME: '/root',
    https_proxy: 'http://proxy.example:3128',
    SSL_CERT_FILE: '/etc/ca.pem',
    SSH_AUTH_SOCK: '/run/agent',
    GIT_DIR: '/elsewhere',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.sshCommand',
    GIT_CONFIG_VALUE_0: 'evil',
    GIT_SSH_COMMAND: 'evil',
    GIT_TRACE: '/tmp/trace',
    MODGATE_TOKEN: 's3cret',
    LD_PRELOAD: 'evil.so',
  },
};
const ACCESS: Access = {
  url: 'ssh://git@git.corp.example/lib.git',
  env: { GIT_SSH_COMMAND: 'ssh -F none' },
  config: [['http.sslCAInfo', '/ca.pem']],
  secrets: [],
};

describe('the environment of git', () => {
  it('has nothing of ours but path, proxies and certificates, and allows no transport', () => {
    const env = gitEnvironment(SURROUNDINGS, '/data/vcs/x/content.git', undefined, [['core.eol', 'lf']]);
    const own = Object.entries(env).filter(([name]) => !name.startsWith('GIT_'));
    assert.deepEqual(Object.fromEntries(own), {
      PATH: '/usr/bin',
      SSL_CERT_FILE: '/etc/ca.pem',
      https_proxy: 'http://proxy.example:3128',
      LC_ALL: 'C',
      TZ: 'UTC',
      HOME: '/data/vcs/home',
      XDG_CONFIG_HOME: '/data/vcs/home',
      SSH_ASKPASS: '',
      GCM_INTERACTIVE: 'never',
    });
    assert.equal(env.GIT_ALLOW_PROTOCOL, '');
    assert.equal(env.GIT_DIR, '/data/vcs/x/content.git');
    assert.deepEqual(
      [env.GIT_SSH_COMMAND, env.GIT_TRACE, env.GIT_TERMINAL_PROMPT],
      [undefined, undefined, '0'],
    );
    const config = configOf(env);
    assert.equal(config.get('core.eol'), 'lf');
    assert.equal(config.get('core.hooksPath'), '/dev/null');
    // Refs too: an empty one is a tag that silently is not there.
    assert.equal(config.get('core.fsync'), 'reference,pack,pack-metadata');
    assert.equal(config.has('remote.origin.url'), false);
  });

  it('allows the scheme of the remote alone, and has what the book gives', () => {
    const env = gitEnvironment(SURROUNDINGS, undefined, ACCESS, []);
    assert.equal(env.GIT_ALLOW_PROTOCOL, 'ssh');
    assert.equal(env.GIT_SSH_COMMAND, 'ssh -F none');
    const config = configOf(env);
    assert.equal(config.get('remote.origin.url'), ACCESS.url);
    assert.equal(config.get('http.sslCAInfo'), '/ca.pem');
    assert.equal(config.get('http.followRedirects'), 'false');
  });

  it('git takes the proxy that the rest of modgate takes, whatever curl makes of NO_PROXY', async (t) => {
    const asked: string[] = [];
    const proxy = http.createServer((request, response) => {
      asked.push(`${request.url}`);
      response.writeHead(502).end();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    t.after(() => proxy.close());
    const address = proxy.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-environment-'));
    t.after(() => fs.rmSync(home, { recursive: true }));
    // For Go ".corp.test" is what lies below that name; for curl it is the name too.
    const env = { PATH: process.env.PATH, HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '.corp.test' };
    const ask = async (url: string) => {
      const own = gitEnvironment({ home, env }, undefined, { ...ACCESS, url, env: {} }, []);
      await once(spawn('git', ['ls-remote', url], { env: own, stdio: 'ignore' }), 'close');
    };
    await ask('http://corp.test/lib.git');
    assert.match(asked.join(), /^http:\/\/corp\.test\/lib\.git\/info\/refs/);
    asked.length = 0;
    await ask(`http://127.0.0.1:${port}/lib.git`);
    assert.match(asked.join(), /^\/lib\.git\/info\/refs/, 'dialed straight');
  });
});

function configOf(env: Readonly<Record<string, string>>): Map<string, string> {
  const count = Number(env.GIT_CONFIG_COUNT);
  return new Map(
    Array.from({ length: count }, (_, i) => [
      env[`GIT_CONFIG_KEY_${i}`] ?? '',
      env[`GIT_CONFIG_VALUE_${i}`] ?? '',
    ]),
  );
}
