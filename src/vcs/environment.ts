import { webProxy } from '../net/index.ts';
import type { Access } from './access.ts';

type Pair = readonly [key: string, value: string];

/** All that git takes over from us: where programs and proxies are, and whom TLS trusts. */
const INHERITED = [
  'PATH',
  'TMPDIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
];

/** For every command. Hooks cannot be in our copies anyway; a second lock on that door costs nothing. */
const CONFIG: readonly Pair[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  // After a power failure an empty ref is a branch or tag that silently is not there. What else is spoiled git finds out.
  ['core.fsync', 'reference,pack,pack-metadata'],
  ['credential.helper', ''],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['safe.directory', '*'],
];

const NETWORK_CONFIG: readonly Pair[] = [
  ['protocol.version', '2'],
  // git would carry a header with credentials to another host; redirects are ours to judge.
  ['http.followRedirects', 'false'],
  ['fetch.unpackLimit', '1'],
  ['fetch.recurseSubmodules', 'false'],
  ['remote.origin.tagOpt', '--no-tags'],
];

export interface Surroundings {
  /** an empty folder that only git's HOME and working directory point to */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The environment of one git process: nothing of ours but what INHERITED names, no configuration of the machine or the
 * user, no prompts. Without access no transport is allowed at all, so that nothing can be fetched behind our back.
 */
export function gitEnvironment(
  { home, env }: Surroundings,
  dir: string | undefined,
  access: Access | undefined,
  config: readonly Pair[],
): Record<string, string> {
  const proxy = access === undefined ? [] : proxyOf(env, access.url);
  const inherited = INHERITED.flatMap((name) => {
    const value = env[name];
    const isSettled = proxy.length > 0 && /^no_proxy$/i.test(name);
    return value === undefined || isSettled ? [] : [[name, value] as const];
  });
  const remote: readonly Pair[] =
    access === undefined
      ? []
      : [...NETWORK_CONFIG, ...proxy, ['remote.origin.url', access.url], ...access.config];
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: 'C',
    TZ: 'UTC',
    HOME: home,
    XDG_CONFIG_HOME: home,
    GIT_DIR: dir ?? `${home}/none`,
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GCM_INTERACTIVE: 'never',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_ALLOW_PROTOCOL: access === undefined ? '' : new URL(access.url).protocol.slice(0, -1),
    ...access?.env,
    ...configVariables([...CONFIG, ...remote, ...config]),
  };
}

/**
 * The proxy that takes the remote. curl has rules of its own for NO_PROXY; by those git would dial a host itself that
 * was judged to be asked through the proxy.
 */
function proxyOf(env: NodeJS.ProcessEnv, url: string): readonly Pair[] {
  const proxy = webProxy(new URL(url), env);
  return proxy === undefined ? [] : [['http.proxy', proxy.href]];
}

/** git-config(1), GIT_CONFIG_COUNT: keys and values that no argument list shows. */
function configVariables(pairs: readonly Pair[]): Record<string, string> {
  const variables = pairs.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(pairs.length), ...Object.fromEntries(variables) };
}
