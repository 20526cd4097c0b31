import type { ModulePath } from '../module/index.ts';

/**
 * Hosts where no module lives above `host/owner/repository` (cmd/go vcs/vcs.go, vcsPaths). The go command probes each
 * prefix of an import path at once, so `github.com/@v/list` is asked for with every unknown package.
 */
const ELEMENTS_OF_A_REPOSITORY: ReadonlyMap<string, number> = new Map([
  ['github.com', 3],
  ['bitbucket.org', 3],
]);

/** True where no module can have this path, so that nobody need be asked. */
export function isAboveRepositories(path: ModulePath): boolean {
  const elements = path.split('/');
  return elements.length < (ELEMENTS_OF_A_REPOSITORY.get(elements[0] ?? '') ?? 0);
}
