/**
 * Traefik is not run here: what is written for it is held to a strict reading of the reference of its file provider
 * (version 3), of which every name and type that is not in here would be a fault.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Config, loadConfig } from '../config/index.ts';
import { type FrontFlags, readFront, writeFront } from './index.ts';

const DURATION = z.string().regex(/^-?\d+(?:ms|s|m|h)$/);
const ENTRY_POINTS = z.array(z.string()).min(1);
const DYNAMIC = z.strictObject({
  http: z
    .strictObject({
      routers: z.record(
        z.string().regex(/^[^@]+$/),
        z.strictObject({
          entryPoints: ENTRY_POINTS,
          rule: z.string(),
          middlewares: z.array(z.string()).min(1).optional(),
          service: z.string(),
          tls: z.strictObject({}).optional(),
        }),
      ),
      middlewares: z
        .record(
          z.string(),
          z.union([
            z.strictObject({
              headers: z.strictObject({ customRequestHeaders: z.record(z.string(), z.string()) }),
            }),
            z.strictObject({
              replacePathRegex: z.strictObject({ regex: z.string(), replacement: z.string() }),
            }),
          ]),
        )
        .optional(),
      services: z.record(
        z.string(),
        z.strictObject({
          loadBalancer: z.strictObject({
            servers: z.array(z.strictObject({ url: z.url() })).min(1),
            responseForwarding: z.strictObject({ flushInterval: DURATION }),
            serversTransport: z.string(),
          }),
        }),
      ),
      serversTransports: z.record(
        z.string(),
        z.strictObject({
          serverName: z.string().optional(),
          rootCAs: z.array(z.string()).optional(),
          forwardingTimeouts: z.strictObject({
            dialTimeout: DURATION,
            responseHeaderTimeout: DURATION,
            idleConnTimeout: DURATION,
          }),
        }),
      ),
    })
    .optional(),
  tcp: z
    .strictObject({
      routers: z.record(
        z.string(),
        z.strictObject({
          entryPoints: ENTRY_POINTS,
          rule: z.string().regex(/^HostSNI\(`[a-z0-9.-]+`\)(?: \|\| HostSNI\(`[a-z0-9.-]+`\))*$/),
          service: z.string(),
          tls: z.strictObject({ passthrough: z.literal(true) }),
        }),
      ),
      services: z.record(
        z.string(),
        z.strictObject({
          loadBalancer: z.strictObject({
            servers: z.array(z.strictObject({ address: z.string().regex(/^[^/]+:\d+$/) })).min(1),
          }),
        }),
      ),
    })
    .optional(),
  tls: z
    .strictObject({
      certificates: z.array(z.strictObject({ certFile: z.string(), keyFile: z.string() })),
    })
    .optional(),
});
type Dynamic = z.infer<typeof DYNAMIC>;

const FLAGS: FrontFlags = {
  serverName: ['goproxy.corp.example', 'go.corp.example'],
  variant: 'tls',
  mode: 'proxy',
  cert: '/etc/ssl/c.pem',
  key: '/etc/ssl/k.pem',
  takeOver: [],
  fallback: false,
  pages: false,
};
const PLAIN = { variant: 'plain', cert: undefined, key: undefined } as const;
const PASSTHROUGH = { ...PLAIN, variant: 'passthrough' } as const;
const TLS = {} as NonNullable<Config['tls']>; // only whether it is there counts

function written(flags: Partial<FrontFlags>, prefix = '', tls?: Config['tls']): Dynamic {
  const { config } = loadConfig({ env: {}, flags: { prefix }, cwd: '/srv' });
  const options = readFront('traefik', { ...FLAGS, ...flags }, { ...config, tls }, '/srv');
  return DYNAMIC.parse(parse(writeFront('traefik', options)));
}

/** The conditions of a rule, which are joined by "and". */
function takes(rule: string, host: string, method: string, path: string): boolean {
  const [hosts = '', methods = '', paths = ''] = rule.split(' && ');
  const pattern = /^PathRegexp\(`(.*)`\)$/.exec(paths)?.[1];
  assert.ok(pattern !== undefined, rule);
  return (
    hosts.includes(`Host(\`${host}\`)`) &&
    methods.includes(`Method(\`${method}\`)`) &&
    new RegExp(pattern).test(path)
  );
}

describe('Traefik', () => {
  test('every variant keeps to the reference', () => {
    written({});
    written({ ...PLAIN, pages: true });
    written({ takeOver: ['athens.corp.example/athens'] }, '/goproxy');
    written({ upstreamCa: '/etc/ssl/ca.pem' }, '', TLS);
    written({ ...PASSTHROUGH, takeOver: ['athens.corp.example'] }, '', TLS);
  });

  test('services, transports and middlewares that are named are there', () => {
    const { http } = written({ takeOver: ['athens.corp.example/athens', 'old.corp.example'] }, '/goproxy');
    assert.ok(http !== undefined);
    for (const { service, middlewares = [] } of Object.values(http.routers)) {
      assert.ok(http.services[service] !== undefined, service);
      for (const name of middlewares) assert.ok(http.middlewares?.[name] !== undefined, name);
    }
    for (const { loadBalancer } of Object.values(http.services))
      assert.ok(http.serversTransports[loadBalancer.serversTransport] !== undefined);
  });

  const ROWS: [host: string, method: string, path: string, taken: boolean][] = [
    ['go.corp.example', 'GET', '/goproxy/example.com/!upper/@v/v1.0.0-!r!c1.zip', true],
    ['go.corp.example', 'HEAD', '/goproxy/example.com/m/@v/feature+x.info', true],
    ['go.corp.example', 'GET', '/goproxy/example.com/m/@latest', true],
    ['go.corp.example', 'GET', '/goproxy/sumdb/sum.corp.example/tile/8/0/x001/234.p/56', true],
    ['go.corp.example', 'GET', '/goproxy/sumdb/sum.corp.example/lookup/example.com/m@v1.0.0', true],
    ['go.corp.example', 'POST', '/goproxy/example.com/m/@v/list', false],
    ['go.corp.example', 'GET', '/example.com/m/@v/list', false],
    ['go.corp.example', 'GET', '/goproxy/healthz', false],
    ['go.corp.example', 'GET', '/goproxy/authorize', false],
    ['other.example', 'GET', '/goproxy/example.com/m/@v/list', false],
  ];
  for (const [host, method, path, taken] of ROWS)
    test(`${method} ${host}${path} is ${taken ? '' : 'not '}taken`, () => {
      const { http } = written({}, '/goproxy');
      assert.equal(takes(http?.routers.modgate?.rule ?? '', host, method, path), taken);
    });

  const MOVED = [
    ['/athens/example.com/m/@v/list', '/goproxy/example.com/m/@v/list'],
    ['/example.com/m/@v/list', '/goproxy/example.com/m/@v/list'],
  ] as const;
  for (const [from, to] of MOVED)
    test(`a name that is taken over: ${from} → ${to}`, () => {
      const { http } = written({ takeOver: ['athens.corp.example/athens'] }, '/goproxy');
      const rule = http?.routers['modgate-take-over-1']?.rule ?? '';
      assert.ok(takes(rule, 'athens.corp.example', 'GET', from));
      const middleware = http?.middlewares?.['modgate-take-over-1'];
      assert.ok(middleware !== undefined && 'replacePathRegex' in middleware);
      const { regex, replacement } = middleware.replacePathRegex;
      assert.equal(from.replace(new RegExp(regex), replacement), to);
    });
});
