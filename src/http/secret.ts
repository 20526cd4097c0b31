import { createHash, timingSafeEqual } from 'node:crypto';
import { ModgateError } from '../errors/index.ts';
import type { Incoming } from './message.ts';

/**
 * Throws UNAUTHORIZED where the request shows another bearer token (RFC 6750), or none.
 * @param name of the setting, for who has to be told where it is
 */
export function checkBearer({ headers }: Pick<Incoming, 'headers'>, token: string, name: string): void {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (given !== '' && sameSecret(given, token)) return;
  throw new ModgateError('UNAUTHORIZED', given === '' ? 'the request has no token' : 'the token is wrong', {
    next: `send the header "Authorization: Bearer <${name}>"`,
  });
}

/** In a time that says nothing about how much of it is right. */
function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
