/** Node's and OpenSSL's codes of a failed handshake, in plain words with a next step. */
import { graphic } from './text.ts';

export interface TlsWords {
  readonly what: string;
  readonly next: string;
}

const UNKNOWN_AUTHORITY: TlsWords = {
  what: 'its certificate is not signed by an authority that is trusted here',
  next: "put the authority's certificate (PEM) into tls.ca of the source, or into the file NODE_EXTRA_CA_CERTS",
};
const NOT_TLS: TlsWords = {
  what: 'it does not speak TLS on this port',
  next: 'check scheme and port in the URL of the source',
};
const CLIENT_CERTIFICATE: TlsWords = {
  what: 'it did not accept our client certificate, or wants one',
  next: 'check tls.cert and tls.key of the source: who signed the certificate, and until when it is valid',
};
const NO_COMMON: TlsWords = {
  what: 'no TLS version or cipher in common',
  next: 'check tls.min_version of the source against what the upstream speaks',
};

const CODES: Readonly<Record<string, TlsWords>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  INVALID_CA: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: {
    what: 'its certificate has expired',
    next: "have it renewed; check this machine's clock",
  },
  CERT_NOT_YET_VALID: {
    what: 'its certificate is not valid yet',
    next: "check this machine's clock",
  },
  CERT_REVOKED: { what: 'its certificate has been revoked', next: 'ask whoever runs the upstream' },
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_HTTP_REQUEST: NOT_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON,
  ERR_SSL_NO_SHARED_CIPHER: NO_COMMON,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NO_COMMON,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: CLIENT_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_CERTIFICATE,
};

/** undefined where the error has nothing to do with TLS. */
export function tlsWords(code: string, error: unknown): TlsWords | undefined {
  const words = CODES[code];
  if (words !== undefined) return words;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherHost(error);
  if (!/^(ERR_SSL_|ERR_TLS_|CERT_|CRL_)/.test(code)) return undefined;
  return {
    what: `the TLS handshake failed (${code})`,
    next: 'try openssl s_client against the host and port of the source',
  };
}

function otherHost(error: unknown): TlsWords {
  // The names come from the certificate, so from the other side.
  const reason = typeof error === 'object' && error !== null && 'reason' in error ? String(error.reason) : '';
  return {
    what: `its certificate is for another host${reason === '' ? '' : `: ${graphic(reason).slice(0, 200)}`}`,
    next: 'use a host name in the URL of the source that the certificate has, or replace the certificate',
  };
}
