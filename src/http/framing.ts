/** What of a request's header says where it ends, to whom it goes, and what its sender demands. */
import { ModgateError } from '../errors/index.ts';
import type { Incoming, Outgoing } from './message.ts';

/** characters of a header field in a refusal */
const MAX_SHOWN = 80;

/** Throws what is wrong with the header, whatever is asked for. */
export function checkHeader(req: Incoming, res: Outgoing): void {
  checkHost(req, res);
  checkExpect(req);
}

/**
 * Anything but one Host is 400 (RFC 9112, 3.2): a server before this one may have believed another of them. HTTP/1.0 needs
 * none, and HTTP/2 has a field of its own for it. The connection ends with the refusal.
 */
function checkHost(req: Incoming, res: Outgoing): void {
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

/** Nobody waits for a body here, so that "go on" need not be said (RFC 9110, 10.1.1); anything else cannot be kept. */
function checkExpect({ headers: { expect } }: Incoming): void {
  if (expect === undefined || expect.toLowerCase() === '100-continue') return;
  const shown = expect.slice(0, MAX_SHOWN);
  throw new ModgateError('EXPECTATION_FAILED', `nothing here does what "Expect: ${shown}" asks for`, {
    next: 'leave that field out',
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
