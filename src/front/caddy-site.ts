import { block, type Part, quoted, when } from './lines.ts';
import { dialled, type FrontOptions, remaps, type Site, setUpFor } from './options.ts';
import { below, FILES, ODD, PAGES, ROUTES, STORED, UPLOAD_MIB, UPLOADS } from './routes.ts';

const NO_ROUTE = 'not a URL of the Go module proxy protocol';
const DOWN = 'the front cannot reach modgate';

export function caddySite(options: FrontOptions, site: Site): Part[] {
  const { certificate, variant, address, mode, pages } = options;
  const prefix = `^${below(site.prefixes)}`;
  const files = mode === 'try-files' || mode === 'auth-request';
  const proxied = reverseProxy(options, site);
  return block(addresses(options, site), [
    ...when(address.host !== '', `bind ${address.host}`),
    ...when(
      variant === 'tls' && certificate !== undefined,
      `tls ${quoted(certificate?.cert ?? '')} ${quoted(certificate?.key ?? '')}`,
    ),
    ...block('route', [
      ...block('@other', ['not method GET HEAD', ...when(options.uploads, ...block('not', upload(prefix)))]),
      'respond @other "the Go module proxy protocol has GET and HEAD only" 405',
      // Decoded they would be another's name.
      `@odd expression \`{http.request.uri}.matches("${ODD}")\``,
      `respond @odd "${NO_ROUTE}" 404`,
      // Before the bound of all others, which would count too.
      ...when(
        options.uploads,
        ...block('@upload', upload(prefix)),
        ...block('handle @upload', [...block('request_body', [`max_size ${UPLOAD_MIB}MiB`]), ...proxied]),
      ),
      ...block('request_body', ['max_size 1']),
      ...when(files, ...matched('file', `${prefix}(/${FILES})$`, fileHandler(options, proxied))),
      ...matched('route', `${prefix}/${ROUTES}$`, proxied),
      ...when(pages, ...matched('page', `${prefix}/${PAGES}$`, proxied)),
      `respond "${NO_ROUTE}" 404`,
    ]),
    ...block('handle_errors', errorHandlers(options, site, prefix)),
  ]);
}

function upload(prefix: string): Part[] {
  return ['method PUT', `path_regexp ${prefix}/${UPLOADS}$`];
}

function addresses({ variant, address }: FrontOptions, { names }: Site): string {
  return names.map((name) => `${variant === 'tls' ? 'https' : 'http'}://${name}:${address.port}`).join(', ');
}

function matched(name: string, pattern: string, body: readonly Part[]): Part[] {
  return [`@${name} path_regexp ${name} ${pattern}`, ...block(`handle @${name}`, body)];
}

/** What is stored is sent by Caddy itself, where modgate allows it if it must be asked. */
function fileHandler(options: FrontOptions, proxied: readonly Part[]): Part[] {
  const asked = block(`forward_auth ${upstream(options)}`, [
    `uri ${options.prefix}/authorize`,
    'header_up -X-Original-URI',
    'header_up -X-Original-Method',
    // By modgate's own path, whatever the client's is: the path of the very file that is sent.
    `header_up X-Forwarded-Uri ${options.prefix}{re.file.1}`,
    ...transport(options),
  ]);
  return [
    ...block('route', [
      ...when(options.mode === 'auth-request', ...asked),
      `root * ${quoted(options.tree)}`,
      '@stored file {re.file.1}',
      ...block('handle @stored', sendStored('file')),
      ...block('handle', proxied),
    ]),
  ];
}

/** In `route`, since Caddy would sort the lines. */
function sendStored(pattern: string, status: readonly Part[] = []): Part[] {
  return block('route', [
    '@forever path_regexp \\.(?:mod|zip)$',
    'header Cache-Control no-cache',
    'header @forever Cache-Control "public, max-age=31536000, immutable"',
    'header Content-Type "text/plain; charset=utf-8"',
    'header ?X-Content-Type-Options nosniff',
    '@zip path_regexp \\.zip$',
    'header @zip Content-Type application/zip',
    '@json path_regexp (?:\\.info|@latest)$',
    'header @json Content-Type application/json',
    `rewrite * {re.${pattern}.1}`,
    ...(status.length === 0 ? ['file_server'] : block('file_server', status)),
  ]);
}

function upstream({ upstream: to, upstreamTls }: FrontOptions): string {
  if (to.kind === 'unix') return quoted(`unix/${to.path}`);
  return `${upstreamTls === undefined ? 'http' : 'https'}://${dialled(to.host)}:${to.port}`;
}

function transport({ timeout, upstreamTls: tls }: FrontOptions): Part[] {
  return block('transport http', [
    'dial_timeout 3s',
    // modgate itself ends a wait, with its reason, before this.
    `response_header_timeout ${timeout}s`,
    // modgate keeps an idle connection for longer (limits.idle), so that it is never the one that closes.
    'keepalive 60s',
    // What modgate compresses is compressed by it, and its bytes go on as they are.
    'compression off',
    ...when(
      tls !== undefined,
      'tls',
      `tls_trusted_ca_certs ${quoted(tls?.ca ?? '')}`,
      `tls_server_name ${tls?.name}`,
    ),
  ]);
}

function reverseProxy(options: FrontOptions, site: Site, accel = options.mode === 'accel'): Part[] {
  // In `route`, since Caddy would sort the lines.
  return block('route', [
    ...rewritten(options, site),
    ...block(`reverse_proxy ${upstream(options)}`, [
      'flush_interval -1',
      'header_up -Forwarded',
      // Caddy 2.6 passes an answer without a length on as whole where it is cut off.
      'header_up X-Modgate-Length required',
      // Whatever modgate is configured for by then: no file is named to Caddy that it would not send.
      `header_up X-Modgate-Sendfile ${accel ? quoted(setUpFor(options)) : 'off'}`,
      ...transport(options),
      ...when(accel, ...accelHandler(options)),
    ]),
  ]);
}

/** From the path that a client uses to the one that modgate has. */
function rewritten(options: FrontOptions, site: Site): Part[] {
  if (!remaps(site, options)) return [];
  const old = site.prefixes.filter((one) => one !== '');
  return [
    ...old.map((one) => `uri strip_prefix ${one}`),
    ...when(options.prefix !== '', `rewrite * ${options.prefix}{uri}`),
  ];
}

function accelHandler({ tree, internal }: FrontOptions): Part[] {
  return [
    '@accel header X-Accel-Redirect *',
    ...block(
      'handle_response @accel',
      block('route', [
        `root * ${quoted(tree)}`,
        // Only with the file: where Caddy cannot read it, the answer for its bytes brings its own.
        ...block('header', [
          'defer',
          ...['Content-Type', 'Cache-Control', 'X-Cache', 'X-Request-Id'].map(
            (name) => `${name} {rp.header.${name}}`,
          ),
          'X-Content-Type-Options nosniff',
        ]),
        'rewrite * {rp.header.X-Accel-Redirect}',
        `uri strip_prefix ${internal.slice(0, -1)}`,
        'file_server',
      ]),
    ),
  ];
}

/** Only where Caddy itself failed: what modgate answers is passed on as it is. */
function errorHandlers(options: FrontOptions, site: Site, prefix: string): Part[] {
  const { fallback, tree, mode } = options;
  const stored = [
    `root * ${quoted(tree)}`,
    '@there file {re.stored.1}',
    ...block('handle @there', [
      // The status below is written over every other, so nothing may ask for a part or for a comparison.
      'request_header -Range',
      'request_header -If-*',
      ...sendStored('stored', ['status 200']),
    ]),
  ];
  const down = '@down expression `{err.status_code} in [502, 503, 504]`';
  const said = fallback ? `${DOWN}, and this is not among its stored files` : DOWN;
  // A stored file that Caddy cannot read, or that is gone meanwhile: modgate is asked for it, and not to name it again.
  const unread = [
    '@unread expression `{err.status_code} in [403, 404]`',
    ...block('handle @unread', reverseProxy(options, site, false)),
  ];
  return [
    ...when(mode !== 'proxy', ...unread),
    down,
    ...block('handle @down', [
      ...when(
        fallback,
        ...block('route', [...matched('stored', `${prefix}(/${STORED})$`, block('route', stored))]),
      ),
      `respond "${said}" 502`,
    ]),
    'respond "{err.status_code} {err.status_text}" {err.status_code}',
  ];
}
