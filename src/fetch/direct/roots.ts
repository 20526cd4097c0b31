import type { ModulePath } from '../../module/index.ts';

/** Where the code of a module lives. */
export type Root =
  | {
      readonly kind: 'repository';
      /** import path of the repository's root, e.g. "golang.org/x/text" */
      readonly path: string;
      readonly vcs: 'git';
      /** of the repository, with its scheme */
      readonly url: string;
      /** folder that the root's path stands for (the 4th field of a meta tag); "" for the repository's own root */
      readonly subdirectory: string;
    }
  /** a `mod` entry: the GOPROXY protocol at that URL */
  | { readonly kind: 'proxy'; readonly path: string; readonly url: string };

/** Finds the root of a module path: by configuration, by the path alone, or by asking its host. */
export interface Roots {
  /**
   * NOT_FOUND where the host answered and names no repository, VCS_UNSUPPORTED for another system than git,
   * VCS_REFUSED for what is not allowed, UPSTREAM_* where the host gave no answer.
   */
  find(path: ModulePath, signal: AbortSignal): Promise<Root>;
}
