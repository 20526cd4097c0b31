import { PassThrough, type Readable } from 'node:stream';
import { toModgateError } from '../errors/index.ts';
import { localFault } from './fault.ts';
import type { Running } from './git.ts';

/**
 * The stdout of git as a stream that ends well only where git did; destroying it ends git. Resolves with the first bytes:
 * until then a failure is a rejection. undefined where git says that there is no such commit.
 */
export async function archiveStream(running: Running, url: string): Promise<Readable | undefined> {
  const out = new PassThrough({ highWaterMark: 1 << 18 });
  // Not by pipeline(): stdout ends before git's exit status is known, and a cut archive must not end well.
  running.stdout.pipe(out, { end: false });
  out.on('close', () => running.stop('stopped', new Error('nobody reads the archive any more')));
  const over = running.end.then((end) => {
    if (end.code === 0) return undefined;
    return localFault(url, 'archive', { ...end, stdout: Buffer.alloc(0) });
  }, toModgateError);
  // Before the stream is handed out nobody listens to its errors; afterwards a second listener does no harm.
  out.on('error', () => undefined);
  const failed = over.then((fault) => {
    if (fault === undefined) out.end();
    else out.destroy(fault);
    return fault;
  });
  const first = new Promise<undefined>((resolve) => out.once('readable', () => resolve(undefined)));
  const winner = await Promise.race([first, failed]);
  if (winner === undefined) return out;
  if (/not a (?:tree object|valid object name)|not a git repository/i.test(winner.message)) return undefined;
  throw winner;
}
