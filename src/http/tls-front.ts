import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createSecureContext, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { ListenTls } from '../config/index.ts';
import { ModgateError, systemCode } from '../errors/index.ts';
import { endWith } from './not-http.ts';

/** bytes of the keys that session tickets are sealed with (node:tls, server.setTicketKeys) */
const TICKET_KEYS = 48;

/**
 * Accepts TLS connections. A client whose certificate is missing or does not count gets through the handshake all the
 * same, so that it can be told why it gets nothing else: a handshake that fails says nothing that the go command shows.
 */
export class TlsFront {
  readonly server: Server;
  readonly #clientCerts: ListenTls['clientCerts'];
  readonly #refusals = new WeakMap<object, ModgateError>();

  /** @param handshake ms */
  constructor(tls: ListenTls, handshake: number, take: (socket: TLSSocket) => void) {
    this.#clientCerts = tls.clientCerts;
    this.server = createServer({
      ...contextOf(tls),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshake,
      requestCert: tls.clientCerts !== 'off',
      rejectUnauthorized: false,
      noDelay: true,
    });
    this.server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy());
      const refusal = this.#judge(socket);
      if (refusal !== undefined) this.#refusals.set(socket, refusal);
      take(socket);
    });
  }

  set(tls: ListenTls): void {
    this.server.setSecureContext(contextOf(tls));
    // A session that was begun under the old authorities is not taken up again.
    this.server.setTicketKeys(randomBytes(TICKET_KEYS));
  }

  /**
   * For connections from now on.
   * @param time ms
   * @returns false where this Node does not let it change
   */
  setHandshakeTime(time: number): boolean {
    // Node reads it for each connection, and has no other name for it; a test of reloads holds that it has this one.
    const key = Object.getOwnPropertySymbols(this.server).find(
      ({ description }) => description === 'handshake-timeout',
    );
    if (key === undefined) return false;
    Object.assign(this.server, { [key]: time });
    return true;
  }

  /** Why a connection may ask for nothing; undefined where it may. */
  refusal(socket: object): ModgateError | undefined {
    return this.#clientCerts === 'off' ? undefined : this.#refusals.get(socket);
  }

  #judge(socket: TLSSocket): ModgateError | undefined {
    if (this.#clientCerts === 'off' || socket.authorized) return undefined;
    const shown = socket.getPeerX509Certificate() !== undefined;
    if (!shown && this.#clientCerts === 'optional') return undefined;
    const code = String(socket.authorizationError);
    const words = WORDS[code];
    const why = shown
      ? `your client certificate does not count here: ${words?.what ?? code}`
      : 'a client certificate is needed here, and none was shown';
    return new ModgateError('CLIENT_CERTIFICATE', why, {
      next: (shown ? words?.next : undefined) ?? OTHER_CERTIFICATE,
    });
  }
}

const OTHER_CERTIFICATE =
  'use a certificate of the authority that the administrator of this gateway names (tls.client_ca)';
const FOREIGN = { what: 'it is not signed by an authority that is named here', next: OTHER_CERTIFICATE };

/** OpenSSL's codes (openssl-verification-options(1)) in plain words. */
const WORDS: Readonly<Record<string, { readonly what: string; readonly next: string }>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: FOREIGN,
  SELF_SIGNED_CERT_IN_CHAIN: FOREIGN,
  DEPTH_ZERO_SELF_SIGNED_CERT: FOREIGN,
  CERT_SIGNATURE_FAILURE: FOREIGN,
  CERT_UNTRUSTED: FOREIGN,
  CERT_HAS_EXPIRED: {
    what: 'it has expired',
    next: 'have it renewed, and look at the clocks of both machines',
  },
  CERT_NOT_YET_VALID: { what: 'it is not valid yet', next: 'look at the clocks of both machines' },
  INVALID_PURPOSE: {
    what: 'it is not for clients',
    next: 'have one issued whose extended key usage has client authentication',
  },
  CERT_CHAIN_TOO_LONG: { what: 'its chain is too long', next: 'have one issued with a shorter chain' },
};

/** Throws CONFIG_INVALID where no connection could be secured with it. */
export function checkTls(tls: ListenTls): void {
  try {
    createSecureContext(contextOf(tls));
  } catch (cause) {
    throw new ModgateError(
      'CONFIG_INVALID',
      `tls: the certificate or its key cannot be used: ${systemCode(cause)}`,
      {
        cause,
        next: 'look whether the key is the one of the certificate, and whether both are PEM',
      },
    );
  }
}

function contextOf({ cert, key, minVersion, clientCa }: ListenTls): TlsOptions {
  return { cert, key: key.reveal(), minVersion, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** Node keeps the connection below a TLSSocket in this field; the TLSSocket itself can say nothing any more. */
function below(socket: TLSSocket): Duplex | undefined {
  return '_parent' in socket && socket._parent instanceof Duplex ? socket._parent : undefined;
}

const PLAIN = new ModgateError('BAD_REQUEST', 'this port speaks HTTPS, and the request is plain HTTP', {
  next: 'write https:// instead of http://',
});

/**
 * Who speaks HTTP here has forgotten an "s", and is told so in the one way that it understands.
 * @returns what the client was told; undefined: nothing
 */
export function refuseHandshake(error: Error, socket: TLSSocket): ModgateError | undefined {
  const plain = systemCode(error) === 'ERR_SSL_HTTP_REQUEST' ? below(socket) : undefined;
  if (plain === undefined) {
    socket.destroy();
    return undefined;
  }
  plain.on('error', () => plain.destroy());
  endWith(plain, PLAIN);
  return PLAIN;
}
