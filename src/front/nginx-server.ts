import { block, type Part, quoted, when } from './lines.ts';
import { type FrontOptions, remaps, type Site, setUpFor, sites } from './options.ts';
import { below, FILES, ODD, PAGES, ROUTES, STORED, UPLOAD_MIB, UPLOADS } from './routes.ts';

const NO_ROUTE = 'not a URL of the Go module proxy protocol';
const DOWN = 'the front cannot reach modgate';

/** As `Cache-Control` of modgate's own answers; what may change is asked for again each time. */
const CACHE_MAP = block('map $uri $modgate_cache', [
  String.raw`"~\.(?:mod|zip)$" "public, max-age=31536000, immutable";`,
  'default "no-cache";',
]);

/** Variables that servers share; they stand in the http context. */
export function nginxMaps(options: FrontOptions): Part[] {
  const targets = sites(options).flatMap((site, n) =>
    when(remaps(site, options), ...target(site, n, options)),
  );
  return [...when(sendsFiles(options), '', ...CACHE_MAP), ...targets];
}

/** What modgate is asked for, from the request's own undecoded text: nothing is decoded or encoded anew. */
function target({ prefixes }: Site, n: number, { prefix }: FrontOptions): Part[] {
  const rows = prefixes.map(
    (one) => `"~^${below([one])}(?<modgate_rest_${n}>/.*)$" "${prefix}$modgate_rest_${n}";`,
  );
  return ['', ...block(`map $request_uri $modgate_target_${n}`, rows)];
}

function sendsFiles({ mode, fallback }: FrontOptions): boolean {
  return fallback || mode === 'try-files' || mode === 'auth-request';
}

export function nginxServer(options: FrontOptions, site: Site, n: number): Part[] {
  const uri = remaps(site, options) ? `$modgate_target_${n}` : '';
  const prefix = below(site.prefixes);
  return block('server', [
    ...listening(options, site),
    '',
    // The path stays as the go command wrote it, and only the protocol's requests get through.
    'merge_slashes off;',
    'client_max_body_size 1;',
    'default_type text/plain;',
    ...methods(options, prefix),
    // Decoded they would be another's name.
    ...block(`if ($request_uri ~ "${ODD}")`, [plain(404, NO_ROUTE)]),
    '',
    ...proxying(options),
    '',
    ...when(options.uploads, ...uploadLocation(options, prefix, uri)),
    ...fileLocations(options, prefix),
    ...routeLocations(options, prefix, uri),
    ...when(options.pages, ...location(`~ "^${prefix}/${PAGES}$"`, pass(options, uri))),
    ...named(options, uri),
    ...location('/', [plain(404, NO_ROUTE)]),
  ]);
}

function methods({ uploads }: FrontOptions, prefix: string): Part[] {
  const other = '$request_method !~ "^(?:GET|HEAD)$"';
  const refusal = plain(405, 'the Go module proxy protocol has GET and HEAD only');
  if (!uploads) return block(`if (${other})`, [refusal]);
  // An "if" has one condition: these three are "neither of both, and no PUT of a module".
  return [
    'set $modgate_method "";',
    ...block(`if (${other})`, ['set $modgate_method $request_method;']),
    ...block(`if ($uri ~ "^${prefix}/${UPLOADS}$")`, ['set $modgate_method "$modgate_method-module";']),
    ...block('if ($modgate_method !~ "^(?:|-module|PUT-module)$")', [refusal]),
  ];
}

/** The zip goes on while it arrives: modgate refuses what it does not want before the rest is sent. */
function uploadLocation(options: FrontOptions, prefix: string, uri: string): Part[] {
  return location(`~ "^${prefix}/${UPLOADS}$"`, [
    `client_max_body_size ${UPLOAD_MIB}m;`,
    'client_body_timeout 60s;',
    'proxy_request_buffering off;',
    'proxy_pass_request_body on;',
    // A directive here replaces all those of the server.
    ...forwarding(),
    ...pass(options, uri),
  ]);
}

function listening({ variant, certificate, address }: FrontOptions, { names }: Site): Part[] {
  const tls = variant === 'tls';
  return [
    ...listen(address).map((one) => `listen ${one}${tls ? ' ssl http2' : ''};`),
    `server_name ${names.join(' ')};`,
    ...when(
      tls && certificate !== undefined,
      `ssl_certificate ${quoted(certificate?.cert ?? '')};`,
      `ssl_certificate_key ${quoted(certificate?.key ?? '')};`,
      'ssl_protocols TLSv1.2 TLSv1.3;',
      'ssl_session_cache shared:modgate:1m;',
      'ssl_session_tickets off;',
    ),
  ];
}

export function listen({ host, port }: FrontOptions['address']): string[] {
  if (host === '') return [String(port), `[::]:${port}`];
  return [`${host.includes(':') ? `[${host}]` : host}:${port}`];
}

function proxying(options: FrontOptions): Part[] {
  const { mode, upstreamTls: tls, timeout, prefix } = options;
  const accel = mode === 'accel';
  return [
    ...when(accel, `set $modgate_sendfile ${quoted(setUpFor(options))};`),
    'proxy_http_version 1.1;',
    ...forwarding(),
    // Whatever modgate is configured for by then: no file is named to nginx that it would not send.
    `proxy_set_header X-Modgate-Sendfile ${accel ? '$modgate_sendfile' : 'off'};`,
    ...when(
      mode === 'auth-request',
      // By modgate's own path, whatever the client's is: the path of the very file that is sent.
      `proxy_set_header X-Original-URI "${prefix}$modgate_file";`,
      'proxy_set_header X-Original-Method $request_method;',
    ),
    'proxy_set_header Content-Length "";',
    'proxy_pass_request_body off;',
    'proxy_connect_timeout 3s;',
    // modgate itself ends a wait, with its reason, before this.
    `proxy_read_timeout ${timeout}s;`,
    // The first bytes go on at once, and a zip that is cut off is never made whole by a buffer.
    'proxy_buffering off;',
    // Once more only where a kept connection was closed meanwhile.
    'proxy_next_upstream error;',
    // What modgate answers is what the go command shows; the pages below are for its absence.
    'proxy_intercept_errors off;',
    'recursive_error_pages on;',
    ...when(
      tls !== undefined,
      `proxy_ssl_trusted_certificate ${quoted(tls?.ca ?? '')};`,
      `proxy_ssl_name ${tls?.name};`,
      'proxy_ssl_server_name on;',
      'proxy_ssl_verify on;',
      'proxy_ssl_verify_depth 4;',
    ),
    'sendfile on;',
  ];
}

function forwarding(): Part[] {
  return [
    'proxy_set_header Connection "";',
    'proxy_set_header Host $http_host;',
    'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_set_header X-Forwarded-Host $http_host;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    'proxy_set_header Forwarded "";',
  ];
}

function location(head: string, body: readonly Part[]): Part[] {
  return block(`location ${head}`, body);
}

function plain(status: number, text: string): string {
  return `return ${status} "${text}\\n";`;
}

function pass({ upstreamTls }: FrontOptions, uri: string): Part[] {
  return ['error_page 502 504 = @modgate_down;', `proxy_pass ${origin(upstreamTls)}${uri};`];
}

function origin(tls: FrontOptions['upstreamTls']): string {
  return `${tls === undefined ? 'http' : 'https'}://modgate`;
}

/** Files that never change, sent by nginx itself. */
function fileLocations({ mode, tree }: FrontOptions, prefix: string): Part[] {
  if (mode !== 'try-files' && mode !== 'auth-request') return [];
  return location(`~ "^${prefix}(?<modgate_file>/${FILES})$"`, [
    ...when(mode === 'auth-request', 'auth_request /_modgate_authorize;'),
    // Refused, gone meanwhile or unreadable: modgate is asked for the file itself, and its answer has the reason.
    'error_page 401 403 404 500 = @modgate;',
    ...sent(tree),
    'try_files $modgate_file @modgate;',
  ]);
}

function sent(tree: string): Part[] {
  return [
    `root ${quoted(tree)};`,
    ...block('types', ['application/json info;', 'application/zip zip;']),
    'default_type "text/plain; charset=utf-8";',
    'add_header Cache-Control $modgate_cache;',
    'add_header X-Content-Type-Options nosniff;',
  ];
}

function routeLocations(options: FrontOptions, prefix: string, uri: string): Part[] {
  const { fallback, upstreamTls } = options;
  const stored = location(`~ "^${prefix}(?<modgate_file>/${STORED})$"`, [
    'error_page 502 504 = @modgate_stored;',
    `proxy_pass ${origin(upstreamTls)}${uri};`,
  ]);
  return [...when(fallback, ...stored), ...location(`~ "^${prefix}/${ROUTES}$"`, pass(options, uri))];
}

/** Where other locations end up. */
function named(options: FrontOptions, uri: string): Part[] {
  const { mode, fallback, tree } = options;
  return [
    ...when(
      mode !== 'proxy',
      ...location('@modgate', [
        // Otherwise a file that nginx cannot read would be named again and again.
        ...when(mode === 'accel', 'set $modgate_sendfile off;'),
        // nginx is at the file's own place by then, which is no URL of modgate's: asked so, it would answer 404.
        ...pass(options, mode === 'accel' && uri === '' ? '$request_uri' : uri),
      ]),
    ),
    ...when(
      mode === 'auth-request',
      ...location('= /_modgate_authorize', [
        'internal;',
        `proxy_pass ${origin(options.upstreamTls)}${options.prefix}/authorize;`,
      ]),
    ),
    ...when(
      mode === 'accel',
      ...location(`^~ ${options.internal}`, [
        'internal;',
        `alias ${quoted(`${tree}/`)};`,
        'add_header X-Cache $upstream_http_x_cache;',
        'add_header X-Content-Type-Options nosniff;',
        'add_header X-Request-Id $upstream_http_x_request_id;',
        'error_page 403 404 = @modgate;',
      ]),
    ),
    ...when(
      fallback,
      ...location('@modgate_stored', [...sent(tree), 'try_files $modgate_file @modgate_down;']),
    ),
    ...location('@modgate_down', [
      plain(502, fallback ? `${DOWN}, and this is not among its stored files` : DOWN),
    ]),
  ];
}
