/** Modules that are published to a modgate: their zips, and the upload. */
import http from 'node:http';
import { type Pair, type PairOptions, pairFor } from './gateway.ts';
import { readAll } from './http.ts';
import type { Modgate } from './modgate.ts';
import type { Ending } from './scope.ts';
import { bounded } from './wait.ts';
import { writeZip } from './zip.ts';

export const TOKEN = 'a-token-of-the-publisher-0123456789';
export const MODULE = 'corp.test/lib';

/** Published modules on one route; everything else comes from the upstream. */
export function publishingPair(t: Ending, options: PairOptions = {}): Promise<Pair> {
  const config = {
    routes: [{ match: 'corp.test', chain: 'published' }],
    publish: { token: TOKEN },
    ...options.config,
  };
  return pairFor(t, { ...options, config });
}

export interface Upload {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface UploadOptions {
  /** default TOKEN; null: none */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  /** of the URL before /-/modules */
  readonly prefix?: string;
  /** ms */
  readonly limit?: number;
}

/** The escaped path is the path itself: no module of the tests has an upper-case letter. */
export function uploadPath(version: string, module = MODULE): string {
  return `/-/modules/${module}/@v/${version}.zip`;
}

/** PUT with a length, on a connection of its own. */
export function put(base: string, path: string, body: Buffer, options: UploadOptions = {}): Promise<Upload> {
  const { token = TOKEN, headers = {}, method = 'PUT', prefix = '', limit } = options;
  const { hostname, port } = new URL(base);
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = http.request({
      hostname,
      port,
      method,
      path: prefix + path,
      agent: false,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        'content-length': String(body.length),
        ...headers,
      },
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
  const whole = answer.then(async (response) => ({
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: (await readAll(response)).toString('utf8'),
  }));
  return bounded(whole, `the answer to ${method} ${path}`, limit);
}

export function publish(
  { url }: Pick<Modgate, 'url'>,
  version: string,
  zip: Buffer,
  options: UploadOptions & { module?: string } = {},
): Promise<Upload> {
  return put(url, uploadPath(version, options.module), zip, options);
}

/** A module zip with one package that says its version; files are added, or replace its own. */
export function libZip(
  version: string,
  files: Readonly<Record<string, string>> = {},
  module = MODULE,
): Buffer {
  const all = {
    'go.mod': `module ${module}\n\ngo 1.20\n`,
    'lib.go': `package lib\n\nconst Version = "${version}"\n`,
    ...files,
  };
  const entries = Object.entries(all).map(([name, text]) => ({
    name: `${module}@${version}/${name}`,
    data: Buffer.from(text),
    method: 'deflate' as const,
  }));
  return writeZip(entries);
}
