/** deploy/Dockerfile, carried out line by line, and its program as the container runs it: read-only, without rights. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Engine, type Instruction, isOfDistribution, readDockerfile, type Stage } from '../kit/dockerfile.ts';
import { GitFolder } from '../kit/git.ts';
import { GitServer } from '../kit/git-http.ts';
import { cleanEnv } from '../kit/modgate.ts';
import { bounded } from '../kit/wait.ts';

const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED|ENETUNREACH|ECONNRESET|network/;

/** What the container has: no writable place but the volume, no root, no capability, no new privileges. */
const CONTAINER = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /opt && mkdir /opt/modgate && mount --bind "$IMAGE/opt/modgate" /opt/modgate
mount -t tmpfs tmpfs /mnt && mkdir /mnt/data && mount --bind "$IMAGE/data" /mnt/data
mount -o remount,bind,ro /mnt && mount -o remount,bind,ro /opt && mount -o remount,bind,ro /opt/modgate
for place in $(cut -d' ' -f2 /proc/self/mounts); do
  case "$place" in /mnt/data | /proc* | /sys* | /dev*) ;; *) mount -o remount,bind,ro "$place" || true ;; esac
done
cd /mnt/data
exec setpriv --reuid="$USER_ID" --regid="$USER_ID" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  -- "$@"
`;

function mayUnshare(): boolean {
  return spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
}

describe('the container', () => {
  let root: string;
  let stages: Stage[];
  let image: string;
  let missing: string | undefined;
  let running: ChildProcess | undefined;

  before(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'modgate-image-'));
    fs.chmodSync(root, 0o755);
    stages = readDockerfile(path.join(PROJECT, 'deploy/Dockerfile'));
    // npm itself fetches what its cache lacks, so it runs without the guard.
    const { NODE_OPTIONS: _guard, ...env } = cleanEnv();
    const engine = new Engine({
      context: PROJECT,
      root,
      env: {
        ...env,
        BUILD_COMMIT: COMMIT,
        SOURCE_DATE_EPOCH: '1600000000',
        npm_config_prefer_offline: 'true',
      },
    });
    image = engine.folder(1);
    try {
      engine.build(stages);
    } catch (error) {
      if (!UNREACHABLE.test(String(error))) throw error;
      missing = 'neither npm’s cache nor a package registry has the packages';
    }
  });
  after(() => {
    running?.kill('SIGKILL');
    fs.rmSync(root, { recursive: true, force: true });
  });

  function last(name: string): Instruction | undefined {
    return stages[1]?.instructions.findLast((instruction) => instruction.name === name);
  }

  function user(): string {
    return last('USER')?.words.split(':')[0] ?? '';
  }

  function start(...command: string[]): ChildProcess {
    const env = {
      ...cleanEnv(),
      MODGATE_CONFIG: path.join(root, 'modgate.yaml'),
      IMAGE: image,
      USER_ID: user(),
      MODGATE_DATA: '/mnt/data',
      MODGATE_LISTEN: '127.0.0.1:0',
    };
    return spawn('unshare', ['--mount', 'sh', '-c', CONTAINER, 'sh', ...command], { env });
  }

  test('its user is a number and not root, its stages are pinned', () => {
    assert.match(user(), /^[1-9]\d*$/);
    for (const { base } of stages) assert.match(base, /^node:\d+-[a-z]+-slim$/);
    assert.match(last('HEALTHCHECK')?.words ?? '', /CMD \["modgate", "health"\]/);
  });

  test('it has what direct needs, and an init for what git leaves behind', () => {
    const packages = stages[1]?.instructions.find(isOfDistribution)?.words ?? '';
    for (const name of ['ca-certificates', 'git', 'openssh-client', 'tini'])
      assert.match(packages, new RegExp(`install [^&]* ${name}(?: |$)`));
    // ssh refuses to work for a user without a name.
    assert.match(packages, new RegExp(`useradd --uid ${user()} `));
    assert.equal(last('ENTRYPOINT')?.words, '["tini", "--", "modgate"]');
  });

  test('the image holds the program, its licences and nothing to build it with', (t) => {
    if (missing !== undefined) return t.skip(missing);
    const files = fs.readdirSync(path.join(image, 'opt/modgate'));
    const [build = '', ...others] = files.filter((name) => /^[0-9a-f]{12}$/.test(name));
    assert.deepEqual(others, []);
    assert.deepEqual(files.filter((name) => name !== build).sort(), [
      '.npmignore',
      'LICENSE',
      'main.js',
      'node_modules',
    ]);
    const parts = fs.readdirSync(path.join(image, 'opt/modgate', build));
    for (const name of ['main.js', 'worker.js', 'writer-worker.js', 'LICENSES.txt'])
      assert.ok(parts.includes(name), name);
    assert.deepEqual(
      parts.filter((name) => !/\.(js|json|txt)$/.test(name)),
      [],
    );
    const packages = fs.readdirSync(path.join(image, 'opt/modgate/node_modules'));
    for (const name of ['typescript', 'esbuild', 'fast-check']) assert.ok(!packages.includes(name), name);
    const version = spawnSync(process.execPath, [path.join(image, 'opt/modgate/main.js'), '--version'], {
      encoding: 'utf8',
    });
    assert.match(version.stdout, /\(commit 0123456789ab, 2020-09-13, node v/);
  });

  test('it serves and fetches by git read-only, without rights, is healthy, and ends at SIGTERM', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    if (!mayUnshare()) return t.skip('no right to make a mount namespace (needs root)');
    const modgate = path.join(image, 'usr/local/bin/modgate');
    const folder = new GitFolder();
    t.after(() => folder.remove());
    folder.create('lib').commit({ 'go.mod': 'module corp.example/lib\n' }, { tags: ['v1.0.0'] });
    const git = await GitServer.start({ folder: folder.folder });
    t.after(() => git.close());
    const config = {
      routes: [{ match: 'corp.example', chain: 'direct' }],
      vcs: {
        insecure: '127.0.0.1:*',
        repositories: [{ match: 'corp.example/*', url: `${git.url}/{1}` }],
      },
    };
    fs.writeFileSync(path.join(root, 'modgate.yaml'), JSON.stringify(config));
    running = start(modgate, 'serve');
    let out = '';
    const listening = new Promise<string>((resolve, reject) => {
      for (const stream of [running?.stdout, running?.stderr])
        stream?.on('data', (piece: Buffer) => {
          out += piece.toString();
          const found = /serves Go modules at (http:\S+)/.exec(out)?.[1];
          if (found !== undefined) resolve(found);
        });
      running?.on('exit', (code) => reject(new Error(`it ended with ${code}:\n${out}`)));
    });
    const url = await bounded(listening, 'the container');
    const ready = await fetch(`${url}/readyz`);
    assert.match(await ready.text(), /"status": "ready"/, out);
    const info = await fetch(`${url}/corp.example/lib/@v/v1.0.0.info`);
    assert.match(await info.text(), /"Version":"v1\.0\.0"/, out);
    const zip = await fetch(`${url}/corp.example/lib/@v/v1.0.0.zip`);
    assert.equal(zip.status, 200, await zip.text());
    const health = start(modgate, 'health', '--url', url);
    assert.equal(await ended(health), 0);
    const touch = start('sh', '-c', 'touch /opt/modgate/x || touch /tmp/x || touch /x');
    assert.notEqual(await ended(touch), 0, 'a place outside the volume is writable');
    running.kill('SIGTERM');
    assert.equal(await ended(running), 0, out);
    const unhealthy = start(modgate, 'health', '--url', url);
    assert.equal(await ended(unhealthy), 1);
  });
});

function ended(child: ChildProcess): Promise<number | null> {
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  return bounded(exit, 'the end of a process');
}
