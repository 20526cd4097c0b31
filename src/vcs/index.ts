/**
 * Version control by the git command: one bare copy of each remote below the data folder, its refs, its commits, its
 * files. It knows nothing of modules. Left out: other systems than git, submodules, LFS objects, anything that writes
 * to a remote.
 */
export type { Access, AccessBook } from './access.ts';
export { type BookDeps, type BookOptions, CredentialBook, type CredentialEntry } from './credential-book.ts';
export type { GitTimeouts } from './git.ts';
export { NoGit } from './git-version.ts';
export { openAccess } from './open-access.ts';
export { GitRemotes, type RemotesOptions, type RemotesParts } from './remotes.ts';
export type { Commit, Refs, Remotes, Repository, Rewrites, Terms, TreeFile } from './repository.ts';
export { withoutSecrets } from './secrets.ts';
