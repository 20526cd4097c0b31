import type { FrontName, FrontOptions } from './options.ts';

const INSTEAD = 'take nginx or Caddy for that';
const INSTEAD_OR_APACHE = 'take nginx, Caddy or Apache httpd for that';

/** What a front cannot do of what is wanted, each with its reason and what to do instead. */
export function unsupported(front: FrontName, options: FrontOptions): string[] {
  const { mode, variant, fallback } = options;
  const found = OF_FRONT[front](options);
  if (fallback && mode === 'auth-request')
    found.push(
      '--fallback with --mode auth-request: the stored files would bypass the policy that modgate knows',
    );
  if (mode === 'accel') found.push(...withOtherHeader(front, options));
  if (variant === 'passthrough') found.push(...withPassthrough(options));
  if (variant === 'plain' && options.certificate !== undefined)
    found.push('--cert and --key mean nothing with --variant plain');
  return found;
}

/** Told by a header that it does not know, a front would pass on an empty answer as the file. */
function withOtherHeader(front: FrontName, { sendfile }: FrontOptions): string[] {
  if (front === 'traefik') return [];
  const known = front === 'apache' ? 'x-sendfile' : 'x-accel-redirect';
  if (sendfile === 'off' || sendfile === known) return [];
  return [
    `--mode accel: modgate.yaml has sendfile.type: ${sendfile}, and ${front} knows ${known} only; set that`,
  ];
}

function withPassthrough({ mode, fallback, takeOver, pages, certificate }: FrontOptions): string[] {
  const blind = 'a front that does not end TLS sees no requests';
  const found: string[] = [];
  if (mode !== 'proxy') found.push(`--mode ${mode} with --variant passthrough: ${blind}`);
  if (fallback) found.push(`--fallback with --variant passthrough: ${blind}`);
  if (pages) found.push(`--pages with --variant passthrough: ${blind}, all of them get through`);
  if (certificate !== undefined)
    found.push(
      '--cert and --key with --variant passthrough: modgate has the certificate (tls.cert, tls.key)',
    );
  if (takeOver.some(({ prefix }) => prefix !== ''))
    found.push(`--take-over with a path and --variant passthrough: ${blind}; set prefix in modgate.yaml`);
  return found;
}

const OF_FRONT: Readonly<Record<FrontName, (options: FrontOptions) => string[]>> = {
  nginx: needsCertificate,
  caddy: ({ variant }) =>
    variant === 'passthrough'
      ? ['Caddy without the plug-in caddy-l4 cannot pass TLS through; take nginx or Traefik for that']
      : [],
  traefik: ({ mode, fallback, upstream }) => {
    const found: string[] = [];
    const others = mode === 'auth-request' ? INSTEAD : INSTEAD_OR_APACHE;
    if (mode !== 'proxy') found.push(`--mode ${mode}: Traefik sends no files; ${others}`);
    if (fallback) found.push(`--fallback: Traefik sends no files; ${INSTEAD}`);
    if (upstream.kind === 'unix')
      found.push('Traefik reaches no unix socket: let modgate listen on host:port');
    return found;
  },
  apache: (options) => {
    const { mode, fallback, variant } = options;
    const found = needsCertificate(options);
    if (variant === 'passthrough')
      found.push('Apache httpd cannot pass TLS through; take nginx or Traefik for that');
    if (mode === 'auth-request')
      found.push(`--mode auth-request: Apache httpd has no such request; ${INSTEAD}`);
    if (fallback)
      found.push(
        `--fallback: what Apache httpd sends in place of an error keeps the error's status; ${INSTEAD}`,
      );
    return found;
  },
};

function needsCertificate({ variant, certificate }: FrontOptions): string[] {
  return variant === 'tls' && certificate === undefined ? ['--variant tls needs --cert and --key'] : [];
}
