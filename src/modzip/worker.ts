/** Runs in a worker thread of ZipChecker: one reply for each check and each step ahead. */
import { parentPort } from 'node:worker_threads';
import { errorData } from '../errors/index.ts';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { AheadDigests } from './ahead.ts';
import { checkZip } from './check.ts';
import type { CheckReply, CheckRequest } from './messages.ts';

/** by their number; undefined where the file could not be read */
const ahead = new Map<number, AheadDigests | undefined>();

function check({
  file,
  path,
  version,
  ahead: id,
  goMod,
}: Extract<CheckRequest, { kind: 'check' }>): CheckReply {
  try {
    const modulePath = parseModulePath(path);
    const m = { path: modulePath, version: parseVersion(modulePath, version) };
    const known = id === undefined ? undefined : ahead.get(id);
    return { kind: 'checked', ok: true, result: checkZip(file, m, known, { goMod }) };
  } catch (error) {
    return { kind: 'checked', ok: false, error: errorData(error) };
  } finally {
    if (id !== undefined) drop(id);
  }
}

/** Whatever goes wrong here is found again, and told, by the check. */
function grow({ ahead: id, file, size }: Extract<CheckRequest, { kind: 'grow' }>): CheckReply {
  try {
    if (!ahead.has(id)) ahead.set(id, new AheadDigests(file));
    return { kind: 'grown', ahead: id, done: ahead.get(id)?.grow(size) ?? true };
  } catch {
    drop(id);
    ahead.set(id, undefined);
    return { kind: 'grown', ahead: id, done: true };
  }
}

function drop(id: number): void {
  ahead.get(id)?.close();
  ahead.delete(id);
}

function answer(request: CheckRequest): CheckReply | undefined {
  switch (request.kind) {
    case 'check':
      return check(request);
    case 'grow':
      return grow(request);
    case 'drop':
      drop(request.ahead);
      return undefined;
  }
}

parentPort?.on('message', (request: CheckRequest) => {
  const reply = answer(request);
  if (reply !== undefined) parentPort?.postMessage(reply);
});
