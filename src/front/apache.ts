import { header } from './header.ts';
import { type Part, quoted, render, when } from './lines.ts';
import { dialled, type FrontOptions, type Site, sites } from './options.ts';
import { below, FILES, ODD, PAGES, ROUTES, UPLOAD_MIB, UPLOADS } from './routes.ts';

/** A site for Apache httpd 2.4.52 or later. */
export function apache(options: FrontOptions): string {
  const modules = [
    'proxy_http rewrite headers reqtimeout',
    ...(options.variant === 'tls' ? ['ssl http2'] : []),
    ...(options.mode === 'accel' ? ['xsendfile'] : []),
  ];
  const about = {
    program: 'Apache httpd 2.4.52 or later',
    file: '/etc/apache2/sites-available/modgate.conf, then: a2ensite modgate',
    test: 'apachectl configtest',
    reload: 'apachectl graceful',
    sendfile: '{ type: x-sendfile }',
    notes: [
      '',
      `Modules:  a2enmod ${modules.join(' ')}`,
      `Listens:  where "Listen ${listening(options)}" stands in /etc/apache2/ports.conf`,
      ...(options.mode === 'accel' ? ['xsendfile is the Debian package libapache2-mod-xsendfile.'] : []),
    ],
  };
  return render(
    [...header(options, about), ...sites(options).flatMap((site) => ['', ...virtualHost(options, site)])],
    '    ',
  );
}

function listening({ address: { host, port } }: FrontOptions): string {
  return host === '' ? String(port) : `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function section(head: string, body: readonly Part[]): Part[] {
  const [name = ''] = head.split(' ', 1);
  return [`<${head}>`, body, `</${name}>`];
}

function virtualHost(options: FrontOptions, site: Site): Part[] {
  const { address, mode, tree } = options;
  const [name = '', ...aliases] = site.names;
  return section(`VirtualHost ${address.host === '' ? '*:' : ''}${listening(options)}`, [
    `ServerName ${name}`,
    ...when(aliases.length > 0, `ServerAlias ${aliases.join(' ')}`),
    ...tls(options),
    '',
    // The path stays as the go command wrote it, and only the protocol's requests get through.
    'AllowEncodedSlashes NoDecode',
    'MergeSlashes Off',
    'LimitRequestBody 1',
    ...when(
      options.uploads,
      ...section(`LocationMatch "^${below(site.prefixes)}/${UPLOADS}$"`, [
        `LimitRequestBody ${UPLOAD_MIB << 20}`,
      ]),
    ),
    ...proxying(options),
    ...when(mode !== 'proxy', ...section(`Directory ${quoted(`${tree}/`)}`, directory())),
    '',
    ...rules(options, site),
    '',
    ...errors(options),
  ]);
}

/** Where internal redirects of Apache's own failures lead; whoever asks for it by its name gets 404. */
const FAILED = '/_modgate_failed';

/**
 * What Apache itself answers, as text; modgate's own errors pass unchanged. A failure of the front is 502 whatever Apache
 * calls it: 404 for a file that it was to send and could not read, 503 where nobody listens.
 */
function errors({ mode }: FrontOptions): Part[] {
  const unread = mode === 'accel' ? `, or cannot read the file that modgate named; its log says which` : '';
  return [
    ...[500, 503, 504].map((status) => `ErrorDocument ${status} ${FAILED}`),
    ...when(
      mode !== 'proxy',
      ...section('If "%{reqenv:modgate_sends} == \'1\'"', [`ErrorDocument 404 ${FAILED}`]),
    ),
    `ErrorDocument 502 "the front cannot reach modgate${unread}\\n"`,
    'ErrorDocument 404 "not a URL of the Go module proxy protocol\\n"',
    'ErrorDocument 405 "the Go module proxy protocol has GET and HEAD only\\n"',
    // Apache would call them HTML. What modgate answers with these statuses is such text already.
    "Header always set Content-Type \"text/plain; charset=utf-8\" \"expr=%{REQUEST_STATUS} in {'404', '405', '502'}\"",
  ];
}

function tls({ variant, certificate }: FrontOptions): readonly Part[] {
  return when(
    variant === 'tls' && certificate !== undefined,
    'SSLEngine on',
    `SSLCertificateFile ${quoted(certificate?.cert ?? '')}`,
    `SSLCertificateKeyFile ${quoted(certificate?.key ?? '')}`,
    'SSLProtocol -all +TLSv1.2 +TLSv1.3',
    'Protocols h2 http/1.1',
  );
}

function proxying(options: FrontOptions): Part[] {
  const { mode, tree, timeout, upstreamTls: tls } = options;
  const accel = mode === 'accel';
  return [
    'ProxyPreserveHost On',
    'ProxyErrorOverride Off',
    `ProxyTimeout ${timeout}`,
    'RequestHeader unset Forwarded',
    'RequestHeader unset X-Forwarded-For',
    'RequestHeader unset X-Forwarded-Host',
    `RequestHeader set X-Forwarded-Proto ${options.variant === 'tls' ? 'https' : 'http'}`,
    // Whatever modgate is configured for by then: no file is named to Apache that it would not send.
    `RequestHeader set X-Modgate-Sendfile ${accel ? 'x-sendfile' : 'off'}`,
    ...when(accel, 'XSendFile On', `XSendFilePath ${quoted(tree)}`),
    ...when(
      tls !== undefined,
      'SSLProxyEngine On',
      `SSLProxyCACertificateFile ${quoted(tls?.ca ?? '')}`,
      'SSLProxyVerify require',
      'SSLProxyCheckPeerName On',
    ),
  ];
}

function directory(): Part[] {
  return [
    'Require all granted',
    'AllowOverride None',
    'ForceType "text/plain; charset=utf-8"',
    'Header set X-Content-Type-Options nosniff',
    ...section('FilesMatch "\\.zip$"', ['ForceType application/zip']),
    'Header set Cache-Control "public, max-age=31536000, immutable"',
  ];
}

function origin({ upstream: to, upstreamTls }: FrontOptions): string {
  const scheme = upstreamTls === undefined ? 'http' : 'https';
  if (to.kind === 'unix') return `unix:${to.path}|${scheme}://modgate`;
  return `${scheme}://${dialled(to.host)}:${to.port}`;
}

/** In the order in which they are tried; the first that fits ends it. */
function rules(options: FrontOptions, site: Site): Part[] {
  const { mode, tree, pages } = options;
  const prefix = below(site.prefixes);
  const paths = [
    `${prefix}/${ROUTES}`,
    ...(pages ? [`${prefix}/${PAGES}`] : []),
    ...(options.uploads ? [`${prefix}/${UPLOADS}`] : []),
  ];
  const files = [
    `RewriteCond %{REQUEST_URI} "^${prefix}(/${FILES})$"`,
    `RewriteCond ${quoted(`${tree}%1`)} -f`,
    `RewriteRule "^${prefix}(/${FILES})$" ${quoted(`${tree}$1`)} [L,E=modgate_sends:1]`,
  ];
  return [
    'RewriteEngine On',
    // Set by Apache alone, in a request that it redirects internally.
    'RewriteCond %{ENV:REDIRECT_STATUS} .',
    `RewriteRule ^${FAILED}$ - [R=502,L]`,
    'RewriteCond %{REQUEST_METHOD} "!^(?:GET|HEAD)$"',
    ...when(options.uploads, `RewriteCond "%{REQUEST_METHOD} %{REQUEST_URI}" "!^PUT ${prefix}/${UPLOADS}$"`),
    'RewriteRule ^ - [R=405,L]',
    // Decoded they would be another's name.
    `RewriteCond %{THE_REQUEST} "^[A-Z]+ (?>(?:https?://)?)[^ ]*(?:${ODD.replace('$', '[ ]')})"`,
    'RewriteRule ^ - [R=404,L]',
    ...when(mode === 'try-files', ...files),
    `RewriteCond %{REQUEST_URI} "!^(?:${paths.join('|')})$"`,
    'RewriteRule ^ - [R=404,L]',
    // The request's own undecoded text, without what stands in front of modgate's path.
    `RewriteCond %{THE_REQUEST} "^[A-Z]+ (?:https?://[^/ ]+)?${prefix}(/[^ ?]*)"`,
    `RewriteRule ^ ${quoted(`${origin(options)}${options.prefix}%1`)} [P,NE,L${mode === 'accel' ? ',E=modgate_sends:1' : ''}]`,
  ];
}
