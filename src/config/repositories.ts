import * as z from 'zod';
import { PathPatterns } from '../module/index.ts';
import type { Context } from './context.ts';
import type { Path } from './document.ts';
import { covers } from './routes.ts';
import { section, text } from './schema-parts.ts';

/** Where modules live, so that no host is asked. */
export interface RepositoryMapping {
  /** list of patterns in the syntax of GOPRIVATE; what one matches of a path is the module's root */
  readonly match: string;
  /** of the repository; `{n}` stands for the path's element at the n-th element of the pattern that holds a glob */
  readonly url: string;
  /** folder of the root in it, with `{n}` too; "" for the repository's own root */
  readonly subdirectory: string;
}

const mapping = section('Where some modules live; no page of their host is asked.', {
  match: text('Patterns of module paths, in the syntax of GOPRIVATE; what matches is the path of the root.'),
  url: text(
    'URL of the repository, https:// or ssh://; {1} stands for what the first element with a glob matched, and so on.',
  ),
  subdirectory: text('Folder of the root in the repository; may hold {1} too.').optional(),
});

export const repositoriesSchema = z
  .array(mapping.optional())
  .meta({ description: 'Repositories by module path; the first match counts.' })
  .optional();

const PATH: Path = ['vcs', 'repositories'];

export function readRepositories(
  raw: z.output<typeof repositoriesSchema>,
  { findings }: Context,
): readonly RepositoryMapping[] {
  const found: RepositoryMapping[] = [];
  const before: string[] = [];
  for (const [i, one] of (raw ?? []).entries()) {
    if (one === undefined) continue;
    const path = [...PATH, i];
    const tell = (key: string, fault: string | undefined) => {
      if (fault !== undefined) findings.fault([...path, key], fault);
    };
    const patterns = patternsOf(one.match);
    if (typeof patterns === 'string') {
      tell('match', patterns);
      continue;
    }
    if (patterns.every((pattern) => before.some((earlier) => covers(earlier, pattern))))
      tell('match', 'is never reached: the mappings before it match all of it');
    before.push(...patterns);
    const { url, subdirectory = '' } = one;
    tell('url', placeholderFault(url, patterns) ?? urlFault(url));
    tell('subdirectory', placeholderFault(subdirectory, patterns) ?? folderFault(subdirectory));
    found.push({ match: one.match, url, subdirectory });
  }
  return found;
}

/** What is wrong with the list, where something is. */
function patternsOf(list: string): readonly string[] | string {
  try {
    new PathPatterns(list);
  } catch (error) {
    return error instanceof Error ? error.message : 'is not a list of patterns';
  }
  const patterns = list
    .split(',')
    .map((pattern) => pattern.trim().replace(/\/$/, ''))
    .filter((pattern) => pattern !== '');
  return patterns.length === 0 ? 'match holds no pattern' : patterns;
}

/** Every pattern of the list must have what a placeholder stands for. */
function placeholderFault(template: string, patterns: readonly string[]): string | undefined {
  for (const [whole, inside = ''] of template.matchAll(/\{([^}]*)\}?/g)) {
    if (!/^[1-9][0-9]?$/.test(inside) || !whole.endsWith('}'))
      return `${JSON.stringify(whole)} is no placeholder; they are {1}, {2} and so on`;
    const short = patterns.find((pattern) => globsOf(pattern) < Number(inside));
    if (short !== undefined)
      return `${whole} stands for nothing: ${JSON.stringify(short)} has ${countOf(globsOf(short))} with a glob`;
  }
  return undefined;
}

function globsOf(pattern: string): number {
  return pattern.split('/').filter((element) => /[*?[\\]/.test(element)).length;
}

function countOf(n: number): string {
  return n === 0 ? 'no element' : n === 1 ? 'one element' : `${n} elements`;
}

function urlFault(template: string): string | undefined {
  // What a placeholder stands for has only characters that any part of a URL may hold.
  const filled = template.replace(/\{\d+\}/g, 'x');
  if (!/^(?:https?|ssh):\/\//.test(filled))
    return `the URL of a repository starts with https://, ssh:// or http://${scpHint(template)}`;
  if (!URL.canParse(filled)) return 'is no URL';
  const url = new URL(filled);
  if (url.password !== '' || (url.username !== '' && url.protocol !== 'ssh:'))
    return 'the URL of a repository cannot hold credentials; name them under vcs.credentials';
  if (url.search !== '' || url.hash !== '') return 'the URL of a repository has no query and no fragment';
  return url.pathname.replace(/\/+/g, '') === '' ? 'the URL names a host, but no repository' : undefined;
}

/** The form that hosts offer to copy, such as git@git.corp.example:team/lib.git, as a URL. */
function scpHint(template: string): string {
  const [, user = '', host = '', path = ''] =
    /^([\w.-]+@)?([\w.-]+):(?!\/\/)\/?([^:/].*)$/.exec(template) ?? [];
  return host === '' ? '' : `; write it as ssh://${user}${host}/${path}`;
}

function folderFault(folder: string): string | undefined {
  if (folder === '') return undefined;
  const bad = folder.split('/').some((element) => element === '' || element === '.' || element === '..');
  if (bad || folder.startsWith('-'))
    return 'must be a folder below the root of the repository, such as go/src';
  return undefined;
}
