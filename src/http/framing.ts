/** What of a request's header says where it ends, and to whom it goes. */
import { ModgateError } from '../errors/index.ts';
import type { Incoming, Outgoing } from './message.ts';

/**
 * Anything but one Host is 400 (RFC 9112, 3.2): a server before this one may have believed another of them. HTTP/1.0 needs
 * none, and HTTP/2 has a field of its own for it. The connection ends with the refusal.
 */
export function checkHost(req: Incoming, res: Outgoing): void {
  const { rawHeaders, httpVersionMajor, httpVersionMinor } = req;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (isHost(rawHeaders[i] ?? '')) hosts++;
  if (hosts === 1 || (hosts === 0 && (httpVersionMajor !== 1 || httpVersionMinor === 0))) return;
  if (res.shouldKeepAlive !== undefined) res.shouldKeepAlive = false;
  if (hosts === 0)
    throw new ModgateError('BAD_REQUEST', 'the request has no Host field', {
      next: 'send one: HTTP/1.1 demands it',
    });
  throw new ModgateError('BAD_REQUEST', 'the request has more than one Host field', {
    next: 'look what stands between the caller and this gateway; it may be an attack',
  });
}

export function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}

/** Nothing here wants a body. */
export function hasBody({ headers }: Incoming): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
