import fs from 'node:fs';
import path from 'node:path';
import { type Bench, type Contender, type Sample, Scope } from './row.ts';
import { type ModgateOptions, type Server, startModgate } from './servers.ts';

/**
 * modgate with an empty data folder, and as a new process, in each round. The folders are removed at the end of the run:
 * on some file systems (ext4 without a journal) a new file costs the more the more were removed in the last minutes.
 */
export function freshModgate(
  bench: Bench,
  options: Omit<ModgateOptions, 'data'>,
  measure: (modgate: Server) => Promise<Sample>,
): Contender {
  return {
    name: 'modgate',
    round: async () => {
      const scope = new Scope();
      const folder = fs.mkdtempSync(path.join(bench.folder, 'fresh-'));
      try {
        return await measure(await startModgate(scope, folder, options));
      } finally {
        await scope.close();
      }
    },
  };
}
