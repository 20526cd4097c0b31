/**
 * Module paths that tell where their repository is: those of a few well-known hosts, and those with the suffix of a
 * version control system in them. Rules: cmd/go/internal/vcs/vcs.go, vcsPaths.
 */
import type { ModulePath } from '../../module/index.ts';

export type System = 'git' | 'hg' | 'svn' | 'bzr' | 'fossil';

export interface FixedRoot {
  readonly path: string;
  readonly vcs: System;
  readonly url: string;
}

interface Host {
  /** leading elements that it speaks for */
  readonly prefix: string;
  /** the whole path; the root is its first group */
  readonly shape: RegExp;
  readonly vcs: System;
  /** a root with the suffix of a system is a mistake */
  readonly bare?: boolean;
}

const HOSTS: readonly Host[] = [
  { prefix: 'github.com', shape: /^(github\.com(?:\/[\w.-]+){2})(?:\/[\w.-]+)*$/, vcs: 'git', bare: true },
  {
    prefix: 'bitbucket.org',
    shape: /^(bitbucket\.org(?:\/[\w.-]+){2})(?:\/[\w.-]+)*$/,
    vcs: 'git',
    bare: true,
  },
  {
    prefix: 'hub.jazz.net/git',
    shape: /^(hub\.jazz\.net\/git\/[a-z0-9]+\/[\w.-]+)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    bare: true,
  },
  {
    prefix: 'git.apache.org',
    shape: /^(git\.apache\.org\/[a-z0-9_.-]+\.git)(?:\/[\w.-]+)*$/,
    vcs: 'git',
  },
  {
    prefix: 'git.openstack.org',
    shape: /^(git\.openstack\.org(?:\/[\w.-]+){2})(?:\/[\w.-]+)*$/,
    vcs: 'git',
  },
  {
    prefix: 'chiselapp.com',
    shape: /^(chiselapp\.com\/user\/[A-Za-z0-9]+\/repository\/[\w.-]+)$/,
    vcs: 'fossil',
  },
];

const SYSTEMS: readonly System[] = ['git', 'hg', 'svn', 'bzr', 'fossil'];
const SUFFIX = /^(~?[\w.-]+)\.(git|hg|svn|bzr|fossil)$/;

export function isSystem(name: string): name is System {
  return SYSTEMS.some((system) => system === name);
}

/** The root that a path tells by itself; what is wrong with it, where the host is known; undefined: its host must tell. */
export function fixedRoot(path: ModulePath): FixedRoot | { readonly fault: string } | undefined {
  const host = HOSTS.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
  if (host === undefined) return suffixedRoot(path);
  const root = host.shape.exec(path)?.[1];
  if (root === undefined) return { fault: `no repository of ${host.prefix} has such a path` };
  const suffix = host.bare === true && SYSTEMS.find((system) => root.endsWith(`.${system}`));
  if (suffix) return { fault: `paths of ${host.prefix} have no suffix ".${suffix}"` };
  return { path: root, vcs: host.vcs, url: `https://${root}` };
}

/**
 * `host/path.git/sub`: the first element with a suffix ends the root. The repository has no suffix in its URL, since
 * servers take both. Of the schemes that the go command tries out, only the first is taken: what is reached in another
 * way has a rewriting or a mapping in the configuration.
 */
function suffixedRoot(path: ModulePath): FixedRoot | undefined {
  const [host = '', ...elements] = path.split('/');
  if (!/^[a-z0-9.-]+$/.test(host) || !/.\../.test(host)) return undefined;
  if (elements.some((element) => !/^~?[\w.-]+$/.test(element))) return undefined;
  for (const [i, element] of elements.entries()) {
    const [, name, system = ''] = SUFFIX.exec(element) ?? [];
    if (name === undefined || !isSystem(system)) continue;
    const before = [host, ...elements.slice(0, i)];
    return {
      path: [...before, element].join('/'),
      vcs: system,
      url: `https://${[...before, name].join('/')}`,
    };
  }
  return undefined;
}

const LAUNCHPAD =
  /^launchpad\.net\/(?:[\w.-]+(?:\/[\w.-]+)?|~[\w.-]+\/(?:\+junk|[\w.-]+)\/[\w.-]+)(?:\/[\w.-]+)*$/;

/** What stands for a path whose host told nothing (vcsPathsAfterDynamic): Bazaar, so nobody is asked which root. */
export function isLaunchpad(path: ModulePath): boolean {
  return LAUNCHPAD.test(path);
}
