/** Private modules of the tests' own, a modgate that serves them from repositories, and a search for secrets everywhere. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Authority, authority } from '../../src/net/certificates.test.kit.ts';
import { GitFolder } from './git.ts';
import { Go } from './go.ts';
import type { Reply } from './http.ts';
import { Modgate, type Piece } from './modgate.ts';

export const PRIVATE_HOST = 'corp.example';
/** in team/lib.git */
export const LIB = `${PRIVATE_HOST}/team/lib`;
/** in other/tool.git */
export const TOOL = `${PRIVATE_HOST}/other/tool`;

export interface PrivateSetting {
  /** of the repositories, with {1} and {2} */
  readonly url: string;
  readonly credentials?: Piece;
  /** more keys of vcs */
  readonly vcs?: Readonly<Record<string, Piece>>;
  /** more keys of the route */
  readonly route?: Readonly<Record<string, Piece>>;
  /** default: all of PRIVATE_HOST */
  readonly matches?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class PrivateBench {
  readonly folder = new GitFolder();
  readonly scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-private-'));
  readonly ca: Authority;
  readonly #go = new Go();
  readonly #running: Modgate[] = [];
  readonly #replies: Reply[] = [];

  private constructor(ca: Authority) {
    this.ca = ca;
  }

  static async make(): Promise<PrivateBench> {
    const bench = new PrivateBench(await authority());
    fs.writeFileSync(path.join(bench.scratch, 'ca.pem'), bench.ca.cert);
    for (const [name, module] of [
      ['team/lib.git', LIB],
      ['other/tool.git', TOOL],
    ] as const) {
      const files = { 'go.mod': `module ${module}\n\ngo 1.20\n`, 'a.go': 'package a\n\nconst Value = 1\n' };
      bench.folder.create(name).commit(files, { tags: ['v1.0.0'] });
    }
    return bench;
  }

  /** A modgate that logs all it does. */
  async start(setting: PrivateSetting): Promise<Modgate> {
    const { credentials = [], url, matches = [PRIVATE_HOST], env = {} } = setting;
    const route = { chain: 'direct', private: true, ...setting.route };
    const modgate = await Modgate.start({
      config: {
        log: { level: 'trace' },
        chain: 'off',
        routes: matches.map((match) => ({ match, ...route })),
        vcs: {
          ca: path.join(this.scratch, 'ca.pem'),
          repositories: [{ match: `${PRIVATE_HOST}/*/*`, url }],
          credentials,
          ...setting.vcs,
        },
      },
      env,
    });
    this.#running.push(modgate);
    return modgate;
  }

  async builds(modgate: Modgate, module: string): Promise<void> {
    const main = `package main\n\nimport _ "${module}"\n\nfunc main() {}\n`;
    const cwd = this.#go.project([`${module} v1.0.0`], { 'main.go': main });
    // Another cache each time: all of it comes from this modgate.
    const env = { GOMODCACHE: path.join(cwd, 'cache') };
    const built = await this.#go.run(['build', '-mod=mod', './...'], { proxy: modgate.url, cwd, env });
    assert.equal(built.code, 0, built.stderr + modgate.stderr);
  }

  /** The text of a refusal that is no absence. */
  async refuses(modgate: Modgate, module: string): Promise<string> {
    const reply = await modgate.ask(`/${module}/@v/v1.0.0.info`);
    this.#replies.push(reply);
    const text = String(reply.body);
    assert.ok(reply.status >= 400 && reply.status !== 404, `${reply.status} ${text}`);
    assert.ok(text.trimEnd().split('\n').length <= 8, text);
    return text;
  }

  /** No secret in anything that modgate wrote or said. */
  async tellsNobody(modgate: Modgate, ...secrets: readonly string[]): Promise<void> {
    for (const below of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v9.9.9.info', 'nothing.info'])
      for (const module of [LIB, TOOL]) this.#replies.push(await modgate.ask(`/${module}/@v/${below}`));
    for (const page of ['/metrics', '/readyz']) this.#replies.push(await modgate.ask(page));
    const texts = this.#replies.map((reply) => JSON.stringify(reply.headers) + String(reply.body));
    const files = modgate.files().map((file) => fs.readFileSync(path.join(modgate.data, file), 'latin1'));
    assert.ok(files.length > 0);
    for (const text of [...texts, ...files, modgate.stdout, modgate.stderr]) {
      for (const secret of secrets) assert.ok(!holds(text, secret), text.slice(0, 2000));
    }
  }

  /** After each test. */
  async clear(): Promise<void> {
    for (const modgate of this.#running.splice(0)) await modgate.remove();
    this.#replies.length = 0;
  }

  remove(): void {
    this.#go.remove();
    this.folder.remove();
    fs.rmSync(this.scratch, { recursive: true });
  }
}

/** Whether a text has a secret, in any form that programs give it. */
export function holds(text: string, secret: string): boolean {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  // Behind a user name of any length the base64 of a text stands at one of three offsets.
  const shifted = [1, 2].map((n) =>
    Buffer.from('x'.repeat(n) + secret)
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, encodeURIComponent(secret), base64, ...shifted].some((form) => text.includes(form));
}
