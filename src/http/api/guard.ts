import { ModgateError } from '../../errors/index.ts';
import type { Incoming } from '../message.ts';
import { checkBearer } from '../secret.ts';

/** Who may ask: whoever has the token, or, where there is none, programs of this machine that are no browser. */
export type Guard =
  | { readonly kind: 'token'; readonly token: string }
  /** hosts: false on a unix socket, where a Host header says nothing */
  | { readonly kind: 'open'; readonly hosts: boolean };

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Throws UNAUTHORIZED or FORBIDDEN. Without a token a page in a browser of this machine could ask too: by a form or a
 * script (which an Origin header tells), or under a name of its own that resolves to this machine (which Host tells).
 */
export function checkCaller({ headers }: Pick<Incoming, 'headers'>, guard: Guard): void {
  if (guard.kind === 'token') {
    checkBearer({ headers }, guard.token, 'admin.token');
    return;
  }
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    throw forbidden('the request comes from a page in a browser');
  if (guard.hosts && !LOOPBACK.test(headers.host ?? ''))
    throw forbidden('the Host header names no address of this machine');
}

function forbidden(why: string): ModgateError {
  return new ModgateError('FORBIDDEN', `${why}; without admin.token only programs of this machine may ask`, {
    next: 'set admin.token, or ask http://localhost with a program such as curl',
  });
}
