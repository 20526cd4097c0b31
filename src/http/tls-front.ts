import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
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
    this.server.on('tlsClientError', handshakeFailed);
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

  /** Why a connection may ask for nothing; undefined where it may. */
  refusal(socket: object): ModgateError | undefined {
    return this.#clientCerts === 'off' ? undefined : this.#refusals.get(socket);
  }

  #judge(socket: TLSSocket): ModgateError | undefined {
    if (this.#clientCerts === 'off' || socket.authorized) return undefined;
    const shown = socket.getPeerX509Certificate() !== undefined;
    if (!shown && this.#clientCerts === 'optional') return undefined;
    const why = shown
      ? `your client certificate does not count here: ${String(socket.authorizationError)}`
      : 'a client certificate is needed here, and none was shown';
    return new ModgateError('CLIENT_CERTIFICATE', why, {
      next: 'use a certificate of the authority that the administrator of this gateway names (tls.client_ca)',
    });
  }
}

function contextOf({ cert, key, minVersion, clientCa }: ListenTls): TlsOptions {
  return { cert, key: key.reveal(), minVersion, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** Node keeps the connection below a TLSSocket in this field; the TLSSocket itself can say nothing any more. */
function below(socket: TLSSocket): Duplex | undefined {
  return '_parent' in socket && socket._parent instanceof Duplex ? socket._parent : undefined;
}

/** Who speaks HTTP here has forgotten an "s", and is told so in the one way that it understands. */
function handshakeFailed(error: Error, socket: TLSSocket): void {
  const plain = systemCode(error) === 'ERR_SSL_HTTP_REQUEST' ? below(socket) : undefined;
  if (plain === undefined) {
    socket.destroy();
    return;
  }
  plain.on('error', () => plain.destroy());
  endWith(plain, '400 Bad Request', 'this port speaks HTTPS: write https:// instead of http://');
}
