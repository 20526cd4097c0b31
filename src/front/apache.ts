import { header } from './header.ts';
import { type Part, quoted, render, when } from './lines.ts';
import { dialled, type FrontOptions, type Site, sites } from './options.ts';
import { below, FILES, ODD, PAGES, ROUTES } from './routes.ts';

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
    ...proxying(options),
    ...when(mode !== 'proxy', ...section(`Directory ${quoted(`${tree}/`)}`, directory())),
    '',
    ...rules(options, site),
    ...[502, 503, 504].map((status) => `ErrorDocument ${status} "the front cannot reach modgate"`),
  ]);
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
    'RequestHeader unset X-Accel-Mapping',
    // A client's own would make modgate name a file where Apache is to send none.
    accel ? 'RequestHeader set X-Sendfile-Type X-Sendfile' : 'RequestHeader unset X-Sendfile-Type',
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
  const paths = [`${prefix}/${ROUTES}`, ...(pages ? [`${prefix}/${PAGES}`] : [])];
  const files = [
    `RewriteCond %{REQUEST_URI} "^${prefix}(/${FILES})$"`,
    `RewriteCond ${quoted(`${tree}%1`)} -f`,
    `RewriteRule "^${prefix}(/${FILES})$" ${quoted(`${tree}$1`)} [L]`,
  ];
  return [
    'RewriteEngine On',
    'RewriteCond %{REQUEST_METHOD} "!^(?:GET|HEAD)$"',
    'RewriteRule ^ - [R=405,L]',
    // Decoded they would be another's name.
    `RewriteCond %{THE_REQUEST} "^[A-Z]+ (?>(?:https?://)?)[^ ]*(?:${ODD.replace('$', '[ ]')})"`,
    'RewriteRule ^ - [R=404,L]',
    ...when(mode === 'try-files', ...files),
    `RewriteCond %{REQUEST_URI} "!^(?:${paths.join('|')})$"`,
    'RewriteRule ^ - [R=404,L]',
    // The request's own undecoded text, without what stands in front of modgate's path.
    `RewriteCond %{THE_REQUEST} "^[A-Z]+ (?:https?://[^/ ]+)?${prefix}(/[^ ?]*)"`,
    `RewriteRule ^ ${quoted(`${origin(options)}${options.prefix}%1`)} [P,NE,L]`,
  ];
}
