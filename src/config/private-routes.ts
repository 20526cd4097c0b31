import { parseChain } from './chain.ts';
import type { Context } from './context.ts';
import type { Path } from './document.ts';
import type { SourceConfig } from './types.ts';

export interface PrivateRoute {
  /** the patterns of its list */
  readonly patterns: readonly string[];
  /** its chain as the file has it */
  readonly text: string;
  /** the same with names of sources in place of URLs */
  readonly chain: string;
  /** of the route */
  readonly path: Path;
}

export interface Sources {
  readonly all: ReadonlyMap<string, SourceConfig>;
  /** those below `sources` */
  readonly named: ReadonlySet<string>;
}

/** Tells what about a private route would let others learn of its modules. */
export function checkPrivateRoute(route: PrivateRoute, sources: Sources, context: Context): void {
  checkChain(route, sources, context);
  for (const above of namesAbove(route.patterns))
    context.findings.warn(
      [...route.path, 'match'],
      `the go command also asks for ${above} itself, which the patterns of this private route leave to others; write ${above} without "/*"`,
    );
}

/** Whether all that a chain has is what is published here. */
export function isPublishedOnly(chain: string): boolean {
  const elements = parseChain(chain).map(({ element }) => element);
  return elements.includes('published') && elements.every((one) => one === 'published' || one === 'off');
}

/** Where others are asked too, they and the checksum database learn the names of what is published here. */
export function warnOfPublished(
  { chain, path }: PrivateRoute,
  isPrivate: boolean | undefined,
  { findings }: Context,
): void {
  if (isPrivate === false || !parseChain(chain).some(({ element }) => element === 'published')) return;
  findings.warn(
    [...path, 'chain'],
    'checksum databases, and the sources of the chain, learn the names of what is published here; say "private: true", or "private: false" where they may',
  );
}

/** Only folders, version control, and sources that say so may be asked about private modules. */
function checkChain(
  { text, chain, path }: PrivateRoute,
  { all, named }: Sources,
  { findings }: Context,
): void {
  const here = [...path, 'chain'];
  if (findings.faulted(here)) return;
  for (const [i, { element }] of parseChain(chain).entries()) {
    const source = all.get(element);
    if (source === undefined || source.kind === 'file' || source.isPrivate) continue;
    // A password with a comma in it falls into two elements, each a piece of it: then neither is shown.
    const shown = source.implicit || text.includes('@') ? `element ${i + 1}` : JSON.stringify(element);
    const what = named.has(element)
      ? `say "private: true" at sources.${element} if it may be asked about them`
      : 'give it a name below sources, and "private: true" there, if it may be asked about them';
    findings.fault(here, `the route is private, and ${shown} of its chain is not: ${what}`);
  }
}

/** What `x/*` is below, where no other pattern of the list matches that too. */
function namesAbove(patterns: readonly string[]): string[] {
  return (
    patterns
      .filter((pattern) => /^[^*?[\\]+\/\*$/.test(pattern))
      .map((pattern) => pattern.slice(0, -'/*'.length))
      .filter((above) => !patterns.some((one) => above === one || above.startsWith(`${one}/`)))
      // Nothing is a module there, so nobody is asked.
      .filter((above) => !/^(?:github\.com|bitbucket\.org)(?:\/[^/]+)?$/.test(above))
  );
}
