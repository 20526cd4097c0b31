/**
 * Runs in the thread of a ThreadWriter. The thread does nothing but write, so it makes most system calls itself:
 * handing each one to libuv's pool and waking up for its answer costs many times the call. Only fsync goes there,
 * since files are flushed side by side.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { errorData } from '../errors/index.ts';
import { CatalogWriter } from './catalog-writer.ts';
import { blockingOps } from './fs-ops.ts';
import type { StoreLog } from './temps.ts';
import { DirectWriter } from './writer.ts';
import { perform, type WriterReply, type WriterRequest, type WriterThreadData } from './writer-messages.ts';

function post(reply: WriterReply): void {
  parentPort?.postMessage(reply);
}

const log: StoreLog = {
  info: (fields, message) => post({ kind: 'log', level: 'info', fields: plain(fields), message }),
  warn: (fields, message) => post({ kind: 'log', level: 'warn', fields: plain(fields), message }),
};

/** An error loses its `code` when it is cloned, but not its message, which has it too. */
function plain(fields: object): Record<string, unknown> {
  return { ...fields };
}

// workerData is `any`; ThreadWriter is the only one that starts this file.
const given = workerData as WriterThreadData;
const catalog = new CatalogWriter(given.data, log);
const clock = { now: () => Date.now() };
const writer = new DirectWriter({ ...given, ops: blockingOps, log, clock, catalog });

parentPort?.on('message', ({ id, call }: WriterRequest) => {
  perform(writer, call).then(
    (value) => post({ kind: 'done', id, value }),
    (error: unknown) => post({ kind: 'failed', id, error: errorData(error) }),
  );
});
