import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { type Pair, pairFor } from '../kit/gateway.ts';
import { CLI, cleanEnv, type LogLine } from '../kit/modgate.ts';
import { hangUp, next, TAKEN } from '../kit/reload.ts';
import { bounded, until } from '../kit/wait.ts';

test('a token in a file is changed: the source is shown the new one, without a signal', async (t) => {
  const secrets = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-secrets-'));
  t.after(() => fs.rmSync(secrets, { recursive: true, force: true }));
  const token = path.join(secrets, 'token');
  fs.writeFileSync(token, 'the-first-token\n');
  const { modgate, upstream } = await pairFor(t, {
    source: { auth: { bearer: { token: { file: token } } } },
  });
  await modgate.ask('/example.com/cold/a/@v/v1.0.0.mod');
  assert.equal(upstream.requests.at(-1)?.headers.authorization, 'Bearer the-first-token');
  const taken = next(modgate, TAKEN);
  fs.writeFileSync(token, 'the-second-token\n');
  assert.equal((await taken).why, 'a file has changed');
  await modgate.ask('/example.com/cold/b/@v/v1.0.0.mod');
  assert.equal(upstream.requests.at(-1)?.headers.authorization, 'Bearer the-second-token');
});

describe('the listener', () => {
  let ca: Authority;
  let folder: string;
  before(async () => {
    ca = await authority();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-certs-'));
    await identity();
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function identity(): Promise<void> {
    const { cert, key } = await ca.issue({ host: '127.0.0.1' });
    fs.writeFileSync(path.join(folder, 'tls.pem'), cert);
    fs.writeFileSync(path.join(folder, 'tls.key'), key);
  }

  for (const workers of [1, 2]) {
    test(`shows a new certificate when its file changes (${workers})`, async (t) => {
      const tls = { cert: path.join(folder, 'tls.pem'), key: path.join(folder, 'tls.key') };
      const { modgate } = await pairFor(t, { config: { tls, workers } });
      const old = await shown(modgate.url);
      // The key of another certificate stands there for a moment: that is refused, or not seen at all.
      await identity();
      await until(async () => ((await shown(modgate.url)) !== old ? true : undefined), 'the new certificate');
    });
  }
});

/** It leaves a TLS handshake 60 s. */
async function patientPair(t: TestContext, preload = ''): Promise<Pair> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-handshake-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const { cert, key } = await (await authority()).issue({ host: '127.0.0.1' });
  const tls = { cert: path.join(folder, 'tls.pem'), key: path.join(folder, 'tls.key') };
  fs.writeFileSync(tls.cert, cert);
  fs.writeFileSync(tls.key, key);
  const early = path.join(folder, 'early.mjs');
  fs.writeFileSync(early, preload);
  const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${early}` };
  return pairFor(t, { config: { tls, limits: { header_time: '60s' } }, env });
}

test('the time for a TLS handshake changes for connections from now on', async (t) => {
  const { modgate } = await patientPair(t);
  const told = modgate.logs.length;
  modgate.configure({ limits: { header_time: '200ms' } });
  await hangUp(modgate);
  assert.deepEqual(modgate.logs.slice(told).filter(isWarning), []);
  const { hostname, port } = new URL(modgate.url);
  const silent = net.connect(Number(port), hostname);
  t.after(() => silent.destroy());
  silent.resume();
  await bounded(once(silent, 'close'), 'the end of a connection that begins no handshake');
});

/** What a Node would be that names its field otherwise. */
const OTHER_NODE = `import tls from 'node:tls';
import { syncBuiltinESMExports } from 'node:module';
const create = tls.createServer;
tls.createServer = (...given) => {
  const server = create(...given);
  for (const key of Object.getOwnPropertySymbols(server))
    if (key.description === 'handshake-timeout') delete server[key];
  return server;
};
syncBuiltinESMExports();
`;

test('a Node that does not let it change: the log says so where it was to change', async (t) => {
  const { modgate } = await patientPair(t, OTHER_NODE);
  const told = modgate.logs.length;
  for (const time of ['60s', '200ms', '200ms']) {
    modgate.configure({ limits: { header_time: time } });
    await hangUp(modgate);
  }
  const lines = modgate.logs.slice(told).filter(isWarning);
  assert.equal(lines.length, 1);
  assert.match(String(lines[0]?.msg), /TLS handshake.*restart/);
});

function isWarning({ level }: LogLine): boolean {
  return level === 'warn';
}

async function shown(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const fingerprint = new Promise<string>((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
  return bounded(fingerprint, 'a TLS handshake');
}

test('limits of the listener change for connections from now on', async (t) => {
  const { modgate } = await pairFor(t);
  const headers = { 'x-large': 'x'.repeat(20_000) };
  assert.equal((await modgate.ask('/healthz', { headers })).status, 431);
  modgate.configure({ limits: { header: '64KiB' } });
  await hangUp(modgate);
  assert.equal((await modgate.ask('/healthz', { headers })).status, 200);
});

test('the level of the log and the access records', async (t) => {
  const { modgate } = await pairFor(t);
  modgate.configure({ log: { access: false } });
  await hangUp(modgate);
  await modgate.ask('/healthz', { headers: { 'x-request-id': 'unrecorded' } });
  modgate.configure({});
  await hangUp(modgate);
  await modgate.ask('/healthz', { headers: { 'x-request-id': 'recorded' } });
  await modgate.log((line) => line.request === 'recorded', 'the second record');
  assert.equal(modgate.logs.filter((line) => line.request === 'unrecorded').length, 0);
});

test('SIGHUP without any file: what flags and variables say stays', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-bare-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [CLI, 'serve', '--listen', '127.0.0.1:0', '--chain', 'off'], {
    cwd: folder,
    env: { ...cleanEnv(), MODGATE_LOG_FORMAT: 'json' },
  });
  t.after(() => void child.kill('SIGKILL'));
  let text = '';
  child.stderr.on('data', (piece: Buffer) => (text += piece.toString()));
  await until(() => (text.includes('"listening"') ? true : undefined), 'listening');
  child.kill('SIGHUP');
  await until(() => (text.includes(TAKEN) ? true : undefined), 'the reload');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  assert.equal(await bounded(ended, 'its end'), 0);
});
