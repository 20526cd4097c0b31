/** Rows of repositories: `direct` beside the go command, which asks the same git server itself. */
import { GitServer } from '../../test/kit/git-http.ts';
import { Go } from '../../test/kit/go.ts';
import type { Piece } from '../../test/kit/modgate.ts';
import { read } from '../client.ts';
import { freshModgate } from '../fresh.ts';
import { historyFolder, TAGS, tagOf, tagsFolder } from '../history.ts';
import { version } from '../machine.ts';
import { memory } from '../proc.ts';
import { type Bench, type Contender, LeftOut, type Row, type Sample, type Scope } from '../row.ts';
import type { Server } from '../servers.ts';

/** A host whose repositories the path alone names, so that nobody looks for meta tags. */
const OWNER = 'github.com/bench';
const HISTORY = `${OWNER}/history`;
const MANY = `${OWNER}/tags`;
const MANY_TAGS = 2000;
/** what is asked for first, and then */
const VERSIONS = [tagOf(TAGS - 100), tagOf(TAGS - 99)] as const;
/** ms */
const LIMIT = 120_000;

export const directRows: readonly Row[] = [
  {
    name: 'direct',
    title: 'repository of 500 tags and 50 MB of history, against `go mod download` in direct mode',
    rounds: 5,
    measures: [
      {
        key: 'first',
        title: 'list, `.info`, `.mod`, `.zip` of one version, cold',
        unit: 's',
        aim: { of: 'ratio', bound: 'at most', limit: 1 },
      },
      { key: 'second', title: '`.info`, `.mod`, `.zip` of the next version', unit: 's' },
      {
        key: 'secondToFirst',
        title: "the same, against the go command's cold one",
        unit: 's',
        aim: { of: 'ratio', bound: 'at most', limit: 0.2 },
      },
      { key: 'requests', title: 'requests at the git server, both versions', unit: 'requests' },
      { key: 'peak', title: 'peak memory, without git', unit: 'MB' },
    ],
    contenders: async (bench, scope) => {
      needed();
      const git = await gitServer(scope, await historyFolder(bench, 'history', HISTORY));
      const requests = counted(git);
      return [
        directModgate(bench, git, async (modgate) => {
          const [first, second] = [
            await fetchAll(modgate.url, VERSIONS[0], true),
            await fetchAll(modgate.url, VERSIONS[1], false),
          ];
          return {
            first,
            second,
            secondToFirst: second,
            requests: requests(),
            peak: memory(modgate.pid, 'VmHWM'),
          };
        }),
        {
          name: 'go',
          round: async () => {
            const [first = Number.NaN, second] = await goDownloads('direct', rewriting(git));
            return { first, second: second ?? Number.NaN, secondToFirst: first, requests: requests() };
          },
        },
        throughModgate(bench, git),
      ];
    },
  },
  {
    name: 'direct-tags',
    title: 'repository of 2,000 tags, against `go list -m -versions` in direct mode',
    rounds: 5,
    measures: [
      { key: 'seconds', title: 'list', unit: 's', aim: { of: 'ratio', bound: 'at most', limit: 1 } },
      {
        key: 'lists',
        title: 'lists of refs asked of the git server',
        unit: 'requests',
        aim: { of: 'value', bound: 'at most', limit: 1 },
      },
      {
        key: 'fetches',
        title: 'fetches',
        unit: 'requests',
        aim: { of: 'value', bound: 'at most', limit: 0 },
      },
    ],
    contenders: async (bench, scope) => {
      needed();
      const git = await gitServer(scope, await tagsFolder(bench, 'tags', MANY, MANY_TAGS));
      const sample = (seconds: number): Sample => {
        const [lists, fetches] = [git.count('ls-refs'), git.count('fetch')];
        git.forget();
        return { seconds, lists, fetches };
      };
      return [
        directModgate(bench, git, async (modgate) =>
          sample((await read(modgate.url, `/${MANY}/@v/list`)).seconds),
        ),
        {
          name: 'go',
          round: async () =>
            sample(
              await goSeconds('direct', rewriting(git), [['list', '-m', '-versions', MANY]]).then(
                ([one = Number.NaN]) => one,
              ),
            ),
        },
      ];
    },
  },
];

function needed(): void {
  for (const [program, args] of [
    ['go', ['version']],
    ['git', ['version']],
  ] as const) {
    if (version(program, args) === undefined) throw new LeftOut(`there is no ${program} command`);
  }
}

async function gitServer(scope: Scope, folder: string): Promise<GitServer> {
  const server = await GitServer.start({ folder });
  scope.defer(() => server.close());
  return server;
}

/** How many requests came since the last call. */
function counted(git: GitServer): () => number {
  return () => {
    const count = git.count();
    git.forget();
    return count;
  };
}

/** Seconds until a version's three files, and the list before them, are there. */
async function fetchAll(url: string, wanted: string, list: boolean): Promise<number> {
  const files = [...(list ? ['list'] : []), `${wanted}.info`, `${wanted}.mod`, `${wanted}.zip`];
  let seconds = 0;
  for (const file of files) seconds += (await read(url, `/${HISTORY}/@v/${file}`)).seconds;
  return seconds;
}

function directModgate(
  bench: Bench,
  git: GitServer,
  measure: (modgate: Server) => Promise<Sample>,
): Contender {
  const route: Piece = {
    match: `${OWNER}/*`,
    chain: 'direct',
    instead_of: { [`${git.url}/`]: `https://${OWNER}/` },
  };
  const config = { routes: [route], vcs: { insecure: `127.0.0.1:${git.port}/*` } };
  return freshModgate(bench, { config }, measure);
}

/** The go command behind a new modgate: what a build waits for. */
function throughModgate(bench: Bench, git: GitServer): Contender {
  const contender = directModgate(bench, git, async (modgate) => {
    const [first = Number.NaN, second = Number.NaN] = await goDownloads(modgate.url, {});
    git.forget();
    return { first, second, secondToFirst: second };
  });
  return { ...contender, name: 'go through modgate' };
}

function goDownloads(proxy: string, env: Readonly<Record<string, string>>): Promise<number[]> {
  return goSeconds(
    proxy,
    env,
    VERSIONS.map((wanted) => ['mod', 'download', '-json', `${HISTORY}@${wanted}`]),
  );
}

/** Seconds of each of the commands, one after the other, over one module cache that is empty at first. */
async function goSeconds(
  proxy: string,
  env: Readonly<Record<string, string>>,
  commands: readonly (readonly string[])[],
): Promise<number[]> {
  const go = new Go();
  try {
    const cwd = go.project();
    const seconds: number[] = [];
    for (const args of commands) {
      const start = performance.now();
      const result = await go.run(args, { proxy, cwd, env, limit: LIMIT });
      seconds.push((performance.now() - start) / 1000);
      if (result.code !== 0)
        throw new Error(`go ${args.join(' ')} failed:\n${result.stderr}${result.stdout}`);
    }
    return seconds;
  } finally {
    go.remove();
  }
}

/** Leads the go command's git to the server on this machine. */
function rewriting(git: GitServer): Record<string, string> {
  return {
    GOVCS: '*:all',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `url.${git.url}/.insteadOf`,
    GIT_CONFIG_VALUE_0: `https://${OWNER}/`,
  };
}
