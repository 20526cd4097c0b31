import type { IncomingHttpHeaders } from 'node:http';

/** name and value */
export type Header = [string, string];

/** Printable ASCII without what separates mappings: nothing that could end a header. */
const TARGET = /^\/[\x21-\x2b\x2d-\x7e]*$/;

/**
 * How a reverse proxy is told to send a file in modgate's place, by the convention of Rack::Sendfile: it names the
 * header that it understands in X-Sendfile-Type, and for X-Accel-Redirect what its URLs are for which files in
 * X-Accel-Mapping, as `/data/tree/=/internal/`. Both count only from a proxy that is trusted.
 * @param file absolute path
 * @returns the header's name and value; undefined where the proxy has not asked, or has no URL for the file
 */
export function handover(headers: IncomingHttpHeaders, file: string): Header | undefined {
  switch (headers['x-sendfile-type']) {
    case 'X-Sendfile':
      return ['X-Sendfile', encoded(file)];
    case 'X-Accel-Redirect': {
      const url = mapped(headers['x-accel-mapping'], file);
      return url === undefined ? undefined : ['X-Accel-Redirect', url];
    }
    default:
      return undefined;
  }
}

function mapped(mapping: string | string[] | undefined, file: string): string | undefined {
  if (typeof mapping !== 'string') return undefined;
  for (const one of mapping.split(',')) {
    const at = one.lastIndexOf('=');
    const [folder, url] = [one.slice(0, at).trim(), one.slice(at + 1).trim()];
    if (at > 0 && folder.endsWith('/') && file.startsWith(folder) && TARGET.test(url))
      return url + encoded(file.slice(folder.length));
  }
  return undefined;
}

/** Some who read these headers decode what is percent-encoded and some do not: only what must be is (RFC 3986, 3.3). */
function encoded(path: string): string {
  return encodeURI(path).replace(/[?#]/g, encodeURIComponent);
}
