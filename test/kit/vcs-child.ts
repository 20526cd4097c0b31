/**
 * A process of its own that resolves a revision, as another worker does:
 *
 *     node vcs-child.js <data folder> <URL> <revision>
 *
 * Prints one line: the commit's hash, or the code of the failure.
 */
import { ModgateError } from '../../src/errors/index.ts';
import { PathPatterns } from '../../src/module/index.ts';
import { createLogger, Metrics, systemClock } from '../../src/observe/index.ts';
import { GitRemotes, openAccess } from '../../src/vcs/index.ts';

const [, , data = '', url = '', revision = ''] = process.argv;
const remotes = new GitRemotes(
  data,
  {
    git: 'git',
    access: openAccess(new PathPatterns('127.0.0.1:*')),
    timeouts: { idle: 30_000, total: 60_000 },
    refs: 10_000,
    cap: 0,
    largest: 0,
  },
  {
    logger: createLogger({ level: 'silent', format: 'json' }),
    metrics: new Metrics({ process: false }),
    clock: systemClock,
  },
);
const answer = remotes
  .open(url, { rewrites: new Map(), anonymous: false })
  .resolve(revision, new AbortController().signal)
  .then(
    ({ hash }) => hash,
    (error: unknown) => (error instanceof ModgateError ? error.code : String(error)),
  );
process.stdout.write(`${await answer}\n`);
await remotes.close();
