/** What the tests of loading share: a folder with a configuration and files for its secrets. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { ModgateError } from '../errors/index.ts';
import { type Loaded, loadConfig } from './load.ts';

export const folder = mkdtempSync(join(tmpdir(), 'modgate-config-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'empty'));
mkdirSync(join(folder, 'etc'));
const key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
writeFileSync(join(folder, 'etc', 'key.pem'), key.export({ type: 'pkcs8', format: 'pem' }));
writeFileSync(join(folder, 'etc', 'token'), 'from-file\n');
writeFileSync(join(folder, 'etc', 'blank'), '\n');
writeFileSync(join(folder, 'etc', 'binary'), Buffer.from([0xff, 0xfe, 0]));
writeFileSync(join(folder, 'etc', 'large'), Buffer.alloc((1 << 20) + 1, 0x23));

export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly flags?: Record<string, string>;
}

export function load(yaml: string, { env = {}, flags = {} }: Surroundings = {}): Loaded {
  writeFileSync(join(folder, 'etc', 'm.yaml'), yaml);
  return loadConfig({ file: 'etc/m.yaml', env, flags, cwd: folder });
}

/** The lines of the fault, the file's name left out: `3:5: what`. */
export function faults(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ModgateError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID', error.message);
    return error.message.split('\n').map((line) => line.replace(/^etc\/m\.yaml:/, ''));
  }
  return [];
}

export const SOURCE = 'sources:\n  corp:\n    url: https://m.corp.example\n';
