import { ModgateError } from '../errors/index.ts';
import type { Gateway } from '../gateway/index.ts';
import type { Exchange } from './exchange.ts';
import { originForm, parseTarget, type TargetRules } from './route.ts';

/** By nginx's custom, and as Caddy and Traefik send them. */
const TARGETS = ['x-original-uri', 'x-forwarded-uri'] as const;
const METHODS = ['x-original-method', 'x-forwarded-method'] as const;

/**
 * Tells a reverse proxy that sends stored files itself whether the caller of another request may have its answer: 204,
 * or the refusal that the other request would get. The headers are the caller's own text as far as the proxy does not
 * check it, and are read as a request's target and method are.
 */
export async function authorize(
  exchange: Exchange,
  gateway: Pick<Gateway, 'allow'>,
  targets: TargetRules,
): Promise<void> {
  const { headers } = exchange.req;
  const target = only(TARGETS.map((name) => headers[name]));
  if (target === undefined)
    throw new ModgateError('BAD_REQUEST', 'the request does not name the one that it asks about', {
      next: 'let the reverse proxy send X-Original-URI once: modgate config nginx shows how',
    });
  const method = only(METHODS.map((name) => headers[name])) ?? 'GET';
  if (method !== 'GET' && method !== 'HEAD')
    throw new ModgateError('METHOD_NOT_ALLOWED', 'the method is not allowed here', {
      next: 'use GET or HEAD',
    });
  const route = parseTarget(originForm(target), targets);
  if (route.kind === 'authorize')
    throw new ModgateError('BAD_ROUTE', 'no such page: it is for reverse proxies');
  if (route.kind === 'ask') {
    exchange.module = 'm' in route.ask ? route.ask.m.path : '';
    await gateway.allow(route.ask);
  }
  exchange.send(204, ['Cache-Control', 'no-store'], '');
}

/** The one value that is there; undefined where there is none, or more than one, which might contradict. */
function only(values: readonly (string | string[] | undefined)[]): string | undefined {
  const given = values.filter((value) => value !== undefined);
  const [value] = given;
  return given.length === 1 && typeof value === 'string' ? value : undefined;
}
