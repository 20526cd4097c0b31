/** Runs in a worker thread of ZipChecker: one request, one reply. */
import { parentPort } from 'node:worker_threads';
import { errorData } from '../errors/index.ts';
import { parseModulePath, parseVersion } from '../module/index.ts';
import { checkZip } from './check.ts';
import type { CheckReply, CheckRequest } from './messages.ts';

function answer({ file, path, version }: CheckRequest): CheckReply {
  try {
    const modulePath = parseModulePath(path);
    return {
      ok: true,
      result: checkZip(file, { path: modulePath, version: parseVersion(modulePath, version) }),
    };
  } catch (error) {
    return { ok: false, error: errorData(error) };
  }
}

parentPort?.on('message', (request: CheckRequest) => parentPort?.postMessage(answer(request)));
