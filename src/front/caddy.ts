import { caddySite } from './caddy-site.ts';
import { accelRedirect, header } from './header.ts';
import { type Part, render } from './lines.ts';
import { type FrontOptions, sites } from './options.ts';

/** A file to import into the Caddyfile of Caddy 2.6 or later. */
export function caddy(options: FrontOptions): string {
  const acme = options.variant === 'tls' && options.certificate === undefined;
  const about = {
    program: 'Caddy 2.6 or later',
    file: '/etc/caddy/modgate.caddyfile, and "import /etc/caddy/modgate.caddyfile" in /etc/caddy/Caddyfile',
    test: 'caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile',
    reload: 'caddy reload --config /etc/caddy/Caddyfile',
    sendfile: accelRedirect(options),
    notes: acme ? ['', 'Caddy gets a certificate by ACME; --cert and --key name one of your own.'] : [],
  };
  const parts: Part[] = [
    ...header(options, about),
    ...sites(options).flatMap((site) => ['', ...caddySite(options, site)]),
  ];
  return render(parts, '\t');
}
