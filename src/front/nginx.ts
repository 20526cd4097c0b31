import { accelRedirect, header } from './header.ts';
import { block, type Part, quoted, render } from './lines.ts';
import { listen, nginxMaps, nginxServer } from './nginx-server.ts';
import { allNames, dialled, type FrontOptions, sites } from './options.ts';

/** A file for the http context of nginx 1.18 or later; for the main context where TLS is passed through. */
export function nginx(options: FrontOptions): string {
  return render(options.variant === 'passthrough' ? stream(options) : http(options), '    ');
}

const INSTALLED = { test: 'nginx -t', reload: 'nginx -s reload' };

function http(options: FrontOptions): Part[] {
  const about = { ...INSTALLED, program: 'nginx 1.18 or later', file: '/etc/nginx/conf.d/modgate.conf' };
  const own = ['Of nginx 1.25.1 and later: "http2" of "listen" still works and is a line "http2 on;" now.'];
  const notes = options.variant === 'tls' ? ['', ...own] : [];
  const servers = sites(options).flatMap((site, n) => ['', ...nginxServer(options, site, n)]);
  return [
    ...header(options, { ...about, sendfile: accelRedirect(options), notes }),
    '',
    ...block('upstream modgate', [
      `server ${server(options)};`,
      // modgate keeps an idle connection for longer (limits.idle), so that it is never the one that closes.
      'keepalive 64;',
      'keepalive_timeout 60s;',
    ]),
    ...nginxMaps(options),
    ...servers,
  ];
}

/** The TLS handshake goes to modgate itself, with the client's certificate if it has one. */
function stream(options: FrontOptions): Part[] {
  const { address } = options;
  const about = {
    ...INSTALLED,
    program: 'nginx 1.18 or later with its stream module (Debian: libnginx-mod-stream)',
    file: '/etc/nginx/modules-enabled/90-modgate.conf (it belongs into the main context, not below conf.d)',
    notes: [
      '',
      'modgate has the certificate (tls.cert, tls.key) and speaks TLS and HTTP/2 itself; every client has the',
      'address of this front there. A connection for another name is closed: add names to the map.',
    ],
  };
  return [
    ...header(options, about),
    '',
    ...block('stream', [
      ...block('upstream modgate_tls', [`server ${server(options)};`]),
      ...block('map $ssl_preread_server_name $modgate_backend', [
        ...allNames(options).map((name) => `${name} modgate_tls;`),
        'default "";',
      ]),
      ...block('server', [
        ...listen(address).map((one) => `listen ${one};`),
        'ssl_preread on;',
        'preread_timeout 10s;',
        'proxy_connect_timeout 3s;',
        `proxy_timeout ${options.timeout}s;`,
        'proxy_pass $modgate_backend;',
      ]),
    ]),
  ];
}

function server({ upstream }: FrontOptions): string {
  return upstream.kind === 'unix'
    ? quoted(`unix:${upstream.path}`)
    : `${dialled(upstream.host)}:${upstream.port}`;
}
