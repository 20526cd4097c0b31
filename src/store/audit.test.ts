import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Audit, type AuditEntry } from './audit.ts';

const ENTRY: AuditEntry = {
  action: 'delete',
  module: 'corp.test/lib',
  version: 'v1.0.0',
  h1: null,
  reason: 'a "secret"',
  who: 'admin',
  remote: null,
  request: null,
};

function folderFor(t: { after(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'modgate-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('each entry is one line of JSON, in the order of the calls, whoever makes them', async (t) => {
  const folder = folderFor(t);
  const [one, two] = [new Audit(folder), new Audit(folder)];
  const now = Date.parse('2026-01-02T03:04:05.678Z');
  await one.append(ENTRY, now);
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? one : two).append({ ...ENTRY, version: `v1.${n}.0` }, now),
    ),
  );
  const lines = readFileSync(join(folder, 'audit.jsonl'), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 21);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { time: '2026-01-02T03:04:05.678Z', ...ENTRY });
  const versions = new Set(lines.map((line) => JSON.parse(line).version));
  assert.equal(versions.size, 20);
});

test('a line that a crash has cut spoils no other one', async (t) => {
  const folder = folderFor(t);
  const audit = new Audit(folder);
  await audit.append(ENTRY, 0);
  appendFileSync(join(folder, 'audit.jsonl'), '{"time":"1970');
  await audit.append({ ...ENTRY, version: 'v1.1.0' }, 0);
  const lines = readFileSync(join(folder, 'audit.jsonl'), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 3);
  assert.equal(JSON.parse(lines[2] ?? '').version, 'v1.1.0');
});

test('where it cannot be written the caller is told, without the path of the machine', async (t) => {
  const folder = folderFor(t);
  const missing = new Audit(join(folder, 'gone'));
  await assert.rejects(missing.append(ENTRY, 0), (error: Error) => {
    assert.match(error.message, /writing audit\.jsonl/);
    assert.doesNotMatch(error.message, /modgate-audit-/);
    return true;
  });
});
