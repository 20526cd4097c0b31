import { stringify } from 'yaml';
import { header } from './header.ts';
import { allNames, dialled, type FrontOptions, remaps, type Site, sites } from './options.ts';
import { below, PAGES, ROUTES, UPLOADS } from './routes.ts';

type Node = { readonly [key: string]: Node } | readonly Node[] | string | number | boolean;
type Section = Readonly<Record<string, Node>>;

/** A file for the file provider of Traefik 3. */
export function traefik(options: FrontOptions): string {
  const passthrough = options.variant === 'passthrough';
  const point = entryPoint(options);
  const about = {
    program: 'Traefik 3',
    file: 'a .yaml file in the folder of providers.file.directory',
    test: 'Traefik logs what it cannot read; its dashboard shows the routers named modgate',
    reload: 'none, with providers.file.watch (the default)',
    notes: [
      '',
      `The static configuration needs the entry point "${point}" (${options.address.host}:${options.address.port}).`,
      ...(passthrough
        ? ['modgate has the certificate (tls.cert, tls.key) and speaks TLS and HTTP/2 itself.']
        : [
            'Its transport.respondingTimeouts.writeTimeout must be 0 (the default): a large zip takes its time.',
            ...(options.uploads
              ? [
                  'Its transport.respondingTimeouts.readTimeout (60s by default) must be as long as publishing a zip takes, or 0.',
                ]
              : []),
          ]),
    ],
  };
  const text = stringify(passthrough ? tcp(options, point) : http(options, point), {
    lineWidth: 0,
    defaultStringType: 'QUOTE_SINGLE',
    defaultKeyType: 'PLAIN',
  });
  return `${header(options, about).join('\n')}\n\n${text}`;
}

/** Whatever modgate is configured for: Traefik sends no files. An empty value removes a header. */
const OWN = 'modgate-headers';
const CLEAN = {
  headers: {
    customRequestHeaders: { 'X-Modgate-Sendfile': 'off', Forwarded: '' },
  },
};

function entryPoint({ variant }: FrontOptions): string {
  return variant === 'plain' ? 'web' : 'websecure';
}

function http(options: FrontOptions, point: string): Section {
  const all = sites(options);
  const names = all.map((_, n) => (n === 0 ? 'modgate' : `modgate-take-over-${n}`));
  const entries = <T>(make: (site: Site, name: string) => T): Record<string, T> =>
    Object.fromEntries(all.map((site, n) => [names[n] ?? '', make(site, names[n] ?? '')]));
  return {
    http: {
      routers: entries((site, name) => router(options, site, point, name)),
      middlewares: { [OWN]: CLEAN, ...rewrites(all, names, options) },
      services: { modgate: { loadBalancer: loadBalancer(options) } },
      serversTransports: { modgate: serversTransport(options) },
    },
    ...certificates(options),
  };
}

function router(options: FrontOptions, site: Site, point: string, name: string): Section {
  const prefix = below(site.prefixes);
  const paths = [`${prefix}/${ROUTES}`, ...(options.pages ? [`${prefix}/${PAGES}`] : [])];
  const hosts = site.names.map((host) => `Host(\`${host}\`)`).join(' || ');
  const reads = `(Method(\`GET\`) || Method(\`HEAD\`)) && PathRegexp(\`^(?:${paths.join('|')})$\`)`;
  const writes = `Method(\`PUT\`) && PathRegexp(\`^${prefix}/${UPLOADS}$\`)`;
  const rule = options.uploads ? `(${hosts}) && ((${reads}) || (${writes}))` : `(${hosts}) && ${reads}`;
  return {
    entryPoints: [point],
    rule,
    middlewares: remaps(site, options) ? [OWN, name] : [OWN],
    service: 'modgate',
    ...(options.variant === 'tls' ? { tls: {} } : {}),
  };
}

/** From the path that a client uses to the one that modgate has. */
function rewrites(all: readonly Site[], names: readonly string[], options: FrontOptions): Section {
  const changed = all.flatMap((site, n) => {
    if (!remaps(site, options)) return [];
    const regex = `^${below(site.prefixes)}(/.*)$`;
    const replacement = `${options.prefix}$1`;
    return [[names[n] ?? '', { replacePathRegex: { regex, replacement } }]];
  });
  return Object.fromEntries(changed);
}

function loadBalancer({ upstream: to, upstreamTls }: FrontOptions): Section {
  const address = to.kind === 'tcp' ? `${dialled(to.host)}:${to.port}` : '';
  return {
    servers: [{ url: `${upstreamTls === undefined ? 'http' : 'https'}://${address}` }],
    // The first bytes go on at once.
    responseForwarding: { flushInterval: '-1ms' },
    serversTransport: 'modgate',
  };
}

function serversTransport({ timeout, upstreamTls: tls }: FrontOptions): Section {
  return {
    // modgate keeps an idle connection for longer (limits.idle), so that it is never the one that closes.
    forwardingTimeouts: {
      dialTimeout: '3s',
      responseHeaderTimeout: `${timeout}s`,
      idleConnTimeout: '60s',
    },
    ...(tls === undefined ? {} : { serverName: tls.name, rootCAs: [tls.ca] }),
  };
}

function certificates({ certificate }: FrontOptions): Section {
  if (certificate === undefined) return {};
  return { tls: { certificates: [{ certFile: certificate.cert, keyFile: certificate.key }] } };
}

function tcp(options: FrontOptions, point: string): Section {
  const { upstream: to } = options;
  const address = to.kind === 'tcp' ? `${dialled(to.host)}:${to.port}` : '';
  return {
    tcp: {
      routers: {
        modgate: {
          entryPoints: [point],
          rule: allNames(options)
            .map((name) => `HostSNI(\`${name}\`)`)
            .join(' || '),
          service: 'modgate',
          tls: { passthrough: true },
        },
      },
      services: { modgate: { loadBalancer: { servers: [{ address }] } } },
    },
  };
}
