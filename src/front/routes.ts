/**
 * The URLs of the GOPROXY protocol below a prefix, as regular expressions that PCRE and RE2 read alike. A front
 * compares them with the decoded path; modgate itself checks the undecoded one, and more strictly.
 */

/** characters of escaped module paths and versions (x/mod module.EscapePath, EscapeVersion) */
const PATH = '[A-Za-z0-9._~!-]+(?:/[A-Za-z0-9._~!-]+)*';
const VERSION = '[A-Za-z0-9._~!+-]+';
/** Look-ups, tiles and what the tree says in the place of `supported`. */
const SUMDB = 'sumdb/[A-Za-z0-9._~:/-]+/(?:supported|latest|(?:lookup|tile)/.+)';

/** All that reaches modgate. A query of an `.info` may be the name of any branch. */
export const ROUTES = `(?:[^@]+/@(?:latest|v/(?:list|[^/@]+\\.info|${VERSION}\\.(?:mod|zip)))|${SUMDB})`;

/**
 * Files that never change once they are there. `.info` is not among them: v2.0.0.info of a path without /v2 is the
 * answer to a query, lies in the same folder, and names another version when the answer changes.
 */
export const FILES = `${PATH}/@v/${VERSION}\\.(?:mod|zip)`;

/** In an undecoded target: elements that are empty, hide a slash or mean another folder. modgate refuses them, so a front does. */
export const ODD = '//|%2[fF]|/(?:[.]|%2[eE])(?:[.]|%2[eE])?(?:/|$)';

/** What the tree can say for modgate when modgate does not answer: all but branches and commits. */
export const STORED = `(?:${PATH}/@(?:latest|v/(?:list|v[0-9]${VERSION}\\.info|${VERSION}\\.(?:mod|zip)))|${SUMDB})`;

/** Where modules are published to, by PUT; `Uploads` of http. */
export const UPLOADS = `-/modules/${PATH}/@v/${VERSION}\\.zip`;

/** MiB of a module zip: x/mod zip.MaxZipFile */
export const UPLOAD_MIB = 500;

/** Pages for health checks and people; never /metrics. */
export const PAGES = '(?:healthz|readyz|version)?';

/** Path prefixes as the beginning of a regular expression; the first one that fits counts. */
export function below(prefixes: readonly string[]): string {
  const literals = prefixes.map((prefix) => prefix.replaceAll('.', '\\.'));
  return literals.length === 1 ? `${literals[0]}` : `(?:${literals.join('|')})`;
}
