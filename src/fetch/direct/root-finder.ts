import { ModgateError, toModgateError } from '../../errors/index.ts';
import { type ModulePath, RemotePatterns, type RemotePlace } from '../../module/index.ts';
import { nearObjection } from '../../net/index.ts';
import { systemClock } from '../../observe/index.ts';
import { type FixedRoot, fixedRoot, isLaunchpad, isSystem, type System } from './fixed-roots.ts';
import { MappedRoots, type Mapping } from './mapping.ts';
import { MetaPages, type PageDeps, pageUrl, type RootRules, tooNear } from './meta-pages.ts';
import { holds, type MetaTag } from './meta-tags.ts';
import type { Root, Roots } from './roots.ts';

export interface RootOptions {
  /** where modules live by configuration; the first match counts */
  readonly mappings: readonly Mapping[];
  /** patterns on host[:port]/path of pages and repositories that may use http, and of pages with any certificate */
  readonly insecure: string;
  /** PEM, trusted for pages beside the system's */
  readonly ca: string | undefined;
}

export type RootDeps = Omit<PageDeps, 'clock'> & { readonly clock?: PageDeps['clock'] };

/**
 * Finds roots as the go command does (cmd/go/internal/vcs RepoRootForImportPath): by configuration, by the path
 * itself, by the tags of its host. One for all routes, so that they share pages and connections.
 */
export class RootFinder {
  readonly #mapped: MappedRoots;
  readonly #insecure: RemotePatterns;
  readonly #pages: MetaPages;
  readonly #deps: RootDeps;

  constructor(options: RootOptions, deps: RootDeps) {
    this.#mapped = new MappedRoots(options.mappings);
    this.#insecure = new RemotePatterns(options.insecure);
    this.#pages = new MetaPages(
      { ca: options.ca, insecure: this.#insecure },
      { ...deps, clock: deps.clock ?? systemClock },
    );
    this.#deps = deps;
  }

  /** What one route finds by it. */
  for(rules: RootRules): Roots {
    return { find: (path, signal) => this.#find(path, rules, signal) };
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#pages.close();
  }

  async #find(path: ModulePath, rules: RootRules, signal: AbortSignal): Promise<Root> {
    const mapped = this.#mapped.find(path);
    // Whoever wrote the mapping down means that place, wherever it is.
    if (mapped !== undefined) return checkMapped(path, mapped);
    if (!URL.canParse(pageUrl('https', path)))
      throw new ModgateError('NOT_FOUND', `${path} is no module: no host can have such a name`, {
        source: 'direct',
        next: 'check the module path',
      });
    const fixed = fixedRoot(path);
    const root = fixed === undefined ? await this.#tagged(path, rules, signal) : rootOf(path, fixed);
    if (!rules.near) await this.#checkNear(root.url, path, signal);
    return root;
  }

  /** Throws VCS_REFUSED for a URL that leads to a private network or this machine, UPSTREAM_UNREACHABLE. */
  async #checkNear(url: string, what: string, signal: AbortSignal): Promise<void> {
    const { env = process.env, lookup } = this.#deps;
    const objection = await nearObjection(new URL(url), { env, lookup }, signal);
    if (objection !== undefined) throw tooNear(what, objection);
  }

  async #tagged(path: ModulePath, rules: RootRules, signal: AbortSignal): Promise<Root> {
    try {
      const tag = await this.#tag(path, rules, signal);
      return this.#check(path, tag, rules);
    } catch (thrown) {
      const error = toModgateError(thrown);
      if (error.absent && isLaunchpad(path)) throw unsupported(path, 'bzr');
      throw error;
    }
  }

  /** The tag that counts; the page of its prefix must say the same, or anybody could speak for all of a host. */
  async #tag(path: ModulePath, rules: RootRules, signal: AbortSignal): Promise<MetaTag> {
    const tag = await this.#matching(path, path, rules, signal);
    if (tag.prefix === path) return tag;
    const prefix = tag.prefix.replace(/\/+$/, '');
    const above = await this.#matching(prefix, path, rules, signal).catch((thrown: unknown) => {
      const error = toModgateError(thrown);
      if (error.absent) return undefined;
      throw error;
    });
    if (above !== undefined && sameTag(tag, above)) return tag;
    const [here, there] = [pageUrl('https', path), pageUrl('https', prefix)];
    throw badTag(path, `${here} and ${there} do not say the same about ${JSON.stringify(tag.prefix)}`);
  }

  async #matching(page: string, path: ModulePath, rules: RootRules, signal: AbortSignal): Promise<MetaTag> {
    const { tags, fault, url } = await this.#pages.get(page, rules, signal).catch((thrown: unknown) => {
      const error = toModgateError(thrown);
      throw error.absent ? noTag(path, error.message, error) : error;
    });
    const matching = tags.filter(({ prefix }) => holds(prefix, path));
    const [first, second] = matching;
    if (first === undefined) throw noTag(path, `${url} ${whyNone(tags, fault)}`);
    // Entries for the protocol of module proxies come first and make all others void.
    if (second !== undefined && !(first.vcs === 'mod' && second.vcs !== 'mod'))
      throw badTag(path, `${url} has several go-import tags for it`);
    return first;
  }

  #check(path: ModulePath, tag: MetaTag, rules: RootRules): Root {
    const { prefix, vcs, subdirectory } = tag;
    if (!isFolder(subdirectory))
      throw badTag(path, `its go-import tag names the folder ${shown(subdirectory)}`);
    if (vcs !== 'mod' && vcs !== 'git') {
      if (isSystem(vcs)) throw unsupported(path, vcs);
      throw badTag(path, `its go-import tag names ${shown(vcs)}, which is no version control system`);
    }
    const url = this.#checkUrl(path, tag);
    if (vcs === 'git') return { kind: 'repository', path: prefix, vcs, url: url.text, subdirectory };
    if (rules.isPrivate && url.hostname !== path.split('/', 1)[0])
      throw refused(
        path,
        `its go-import tag leads to a module proxy at ${url.hostname}, another host, and its route is private`,
      );
    return { kind: 'proxy', path: prefix, url: url.text };
  }

  #checkUrl(path: ModulePath, { url: text, vcs }: MetaTag): { text: string; hostname: string } {
    const url = URL.canParse(text) && /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? new URL(text) : undefined;
    if (url === undefined) throw badTag(path, `its go-import tag names ${shown(text)}, which is no URL`);
    const schemes = vcs === 'mod' ? ['https:'] : ['https:', 'ssh:', 'git+ssh:'];
    if (url.protocol === 'http:' && this.#insecure.matches(placeOf(url)))
      return { text, hostname: url.hostname };
    if (!schemes.includes(url.protocol))
      throw refused(path, `its go-import tag names a ${url.protocol}// URL, which is not asked`);
    if (url.host === '' || url.search !== '' || url.hash !== '')
      throw badTag(path, 'its go-import tag names a URL without a host, or with a query or fragment');
    if (!URL.canParse(`http://${url.hostname}`))
      throw refused(path, `its go-import tag names a URL of ${shown(url.hostname)}, which is no host`);
    if (url.password !== '' || (url.username !== '' && url.protocol === 'https:'))
      throw refused(path, 'its go-import tag names a URL with credentials in it');
    return { text: text.replace(/^git\+/i, ''), hostname: url.hostname };
  }
}

/** What no program takes for an option, and what stays in the repository. */
function isFolder(subdirectory: string): boolean {
  return !/^[/-]/.test(subdirectory) && !subdirectory.split('/').includes('..');
}

/** Its elements come from the path, which anybody names. */
function checkMapped(path: ModulePath, root: Root): Root {
  if (root.kind !== 'repository' || isFolder(root.subdirectory)) return root;
  throw new ModgateError(
    'NOT_FOUND',
    `${path} is no module: its mapping would lead to the folder ${shown(root.subdirectory)}`,
    {
      source: 'direct',
      next: 'check the module path, and its mapping under vcs.repositories of the gateway',
    },
  );
}

function rootOf(path: ModulePath, found: FixedRoot | { readonly fault: string }): Root {
  if ('fault' in found)
    throw new ModgateError('NOT_FOUND', `${path} is no module: ${found.fault}`, {
      source: 'direct',
      next: 'check the module path',
    });
  if (found.vcs !== 'git') throw unsupported(path, found.vcs);
  return { kind: 'repository', path: found.path, vcs: 'git', url: found.url, subdirectory: '' };
}

function placeOf({ protocol, hostname, port, pathname }: URL): RemotePlace {
  const path = pathname.replace(/^\/+|\/+$/g, '');
  return { scheme: protocol.slice(0, -1), host: hostname.toLowerCase(), port, path };
}

function sameTag(a: MetaTag, b: MetaTag): boolean {
  return a.prefix === b.prefix && a.vcs === b.vcs && a.url === b.url && a.subdirectory === b.subdirectory;
}

/** Foreign text in a message. */
function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function whyNone(tags: readonly MetaTag[], fault: string | undefined): string {
  if (tags.length === 0)
    return `has no go-import tag${fault === undefined ? '' : ` (it cannot be read further: ${fault})`}`;
  const others = tags.slice(0, 3).map(({ prefix }) => shown(prefix));
  return `has go-import tags for other paths only: ${others.join(', ')}${tags.length > 3 ? ', …' : ''}`;
}

function noTag(path: ModulePath, why: string, cause?: ModgateError): ModgateError {
  return new ModgateError('NOT_FOUND', `nobody says where the code of ${path} is: ${why}`, {
    cause,
    source: 'direct',
    next: 'check the module path; if it is private, map it to its repository under vcs.repositories of the gateway',
  });
}

function badTag(path: ModulePath, why: string): ModgateError {
  return new ModgateError('UPSTREAM_BAD_ANSWER', `where the code of ${path} is cannot be told: ${why}`, {
    source: 'direct',
    next: 'tell whoever runs that host, or map the path to its repository under vcs.repositories of the gateway',
  });
}

function refused(path: ModulePath, why: string): ModgateError {
  return new ModgateError('VCS_REFUSED', `the code of ${path} is not fetched: ${why}`, {
    source: 'direct',
    next: 'map the path to a repository that is reached by https or ssh under vcs.repositories of the gateway',
  });
}

const PROGRAMS: Readonly<Record<System, string>> = {
  git: 'Git',
  hg: 'Mercurial (hg)',
  svn: 'Subversion (svn)',
  bzr: 'Bazaar (bzr)',
  fossil: 'Fossil',
};

function unsupported(path: ModulePath, system: System): ModgateError {
  return new ModgateError(
    'VCS_UNSUPPORTED',
    `the code of ${path} is kept with ${PROGRAMS[system]}, and modgate fetches from Git only`,
    {
      source: 'direct',
      next: `ask a module proxy that serves it, or publish its versions on the gateway`,
    },
  );
}
