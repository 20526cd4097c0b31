/** TLS that goes through nginx to modgate's own listener. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { certificates, HOST, OLD_HOST, without } from '../kit/front.ts';
import { behind, download } from '../kit/front-tests.ts';
import { withoutGo } from '../kit/go.ts';
import { bounded } from '../kit/wait.ts';

test('nginx passes TLS through by name; modgate speaks HTTP/2 itself', {
  skip: without('nginx') || withoutGo,
}, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-tls-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const { ca, cert, key } = await certificates(folder);
  const all = await behind(t, {
    program: 'nginx',
    variant: 'passthrough',
    flags: ['--take-over', OLD_HOST],
    config: { tls: { cert, key } },
  });
  const known = { ...all, env: { ...all.env, SSL_CERT_FILE: ca } };
  await download(known, all.front.url());
  await download(known, all.front.url(OLD_HOST));
  const connect = (servername: string) => {
    const session = http2.connect(`https://127.0.0.1:${all.front.port}`, {
      servername,
      ca: fs.readFileSync(ca),
    });
    t.after(() => session.destroy());
    const over = new Promise<string>((resolve) => {
      session.once('connect', () => resolve(session.alpnProtocol ?? ''));
      session.once('error', () => resolve('refused'));
    });
    return bounded(over, `a connection for ${servername}`);
  };
  assert.equal(await connect(HOST), 'h2');
  assert.equal(await connect('stranger.corp.test'), 'refused');
});
