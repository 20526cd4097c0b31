import type { ModulePath, ModuleVersion, Version } from '../module/index.ts';
import { escapePath, escapeVersion } from '../module/index.ts';
import type { UpstreamClient } from '../net/index.ts';
import { readBody } from '../net/index.ts';
import { MAX_INFO_BYTES, parseList, parseQueryInfo } from './answers.ts';
import { askTwice } from './file.ts';
import type { FileKind, Source, SourceFile, SumdbSource, Traced, VersionInfo } from './source.ts';

/** What is asked over HTTP, below one base URL. */
class Remote {
  readonly name: string;
  protected readonly client: UpstreamClient;
  /** bytes of a list or of an answer of a checksum database */
  protected readonly metadata: number;
  readonly #base: string;

  constructor(name: string, base: URL, client: UpstreamClient, metadata: number) {
    this.name = name;
    this.client = client;
    this.metadata = metadata;
    this.#base = base.href.replace(/\/+$/, '');
  }

  get state(): 'closed' | 'half-open' | 'open' {
    return this.client.state;
  }

  close(): Promise<void> {
    return this.client.close();
  }

  protected get(path: string, limit: number, signal: AbortSignal): Promise<Traced<Buffer>> {
    return fetchSmall(this.name, this.client, this.url(path), limit, signal);
  }

  /** "!" goes out percent-encoded, as the go command sends it (modfetch/proxy.go pathEscape). */
  protected url(path: string): URL {
    return new URL(`${this.#base}/${path.replaceAll('!', '%21')}`);
  }
}

/** A module proxy. */
export class ProxySource extends Remote implements Source {
  async list(path: ModulePath, signal: AbortSignal): Promise<Traced<readonly Version[]>> {
    const answer = await this.get(`${escapePath(path)}/@v/list`, this.metadata, signal);
    return { ...answer, value: parseList(path, answer.value, this.name) };
  }

  async query(path: ModulePath, query: string, signal: AbortSignal): Promise<Traced<VersionInfo>> {
    const file = query === 'latest' ? '@latest' : `@v/${escapeVersion(query)}.info`;
    const answer = await this.get(`${escapePath(path)}/${file}`, MAX_INFO_BYTES, signal);
    return { ...answer, value: parseQueryInfo(path, query, answer.value, this.name) };
  }

  async file(m: ModuleVersion, kind: FileKind, signal: AbortSignal): Promise<SourceFile> {
    const asked = this.url(`${escapePath(m.path)}/@v/${escapeVersion(m.version)}.${kind}`);
    const { body, length, links, url } = await this.client.get(asked, { signal });
    return { body, length, source: this.name, url, trace: { source: this.name, links } };
  }

  sumdb(name: string, endpoint: string, signal: AbortSignal): Promise<Traced<Buffer>> {
    return this.get(`sumdb/${name}/${endpoint}`, this.metadata, signal);
  }
}

/** A checksum database that is asked directly, not below a proxy's `/sumdb/`. */
export class SumdbOrigin extends Remote implements SumdbSource {
  sumdb(_name: string, endpoint: string, signal: AbortSignal): Promise<Traced<Buffer>> {
    return this.get(endpoint, this.metadata, signal);
  }
}

function fetchSmall(
  source: string,
  client: UpstreamClient,
  url: URL,
  limit: number,
  signal: AbortSignal,
): Promise<Traced<Buffer>> {
  return askTwice(
    () => client.get(url, { signal }),
    async (answer) => ({ value: await readBody(answer, limit), trace: { source, links: answer.links } }),
    signal,
  );
}
