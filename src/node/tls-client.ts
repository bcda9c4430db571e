// TLS on a client's connections (RFC 3207, RFC 8314 §3): the same for STARTTLS and for TLS at once.
//
// Rule 1: TLS 1.2 and later (RFC 8996).
// Rule 2: the handshake is carried through with any certificate; whether it is good is a fact, and what follows from it is the
//         session's to say (RFC 3207 §4.1). It is checked for the name by which the host was asked for (RFC 4954 §14).
// Left out: DANE (RFC 7672), for which Node tells no authentic answers of the DNS; certificates of the client's own.

import type { Duplex } from 'node:stream';
import type { PeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';
import { checkNames, checkObject, UsageError } from '../wire/usage.ts';
import type { ClientTls } from '../protocol/client/action.ts';
import { errorCode, errorText } from './error-text.ts';
import { readBeforeEnd } from './last-read.ts';
import { nodeTls } from './on-demand.ts';
import { authoritiesText, pemFault } from './pem.ts';

/** The options of TLS on the client's side. */
export interface TlsClientOptions {
  /** PEM: authorities to be trusted, instead of those that Node brings along. */
  readonly ca?: string | Uint8Array;
}

/** Makes TLS of connections to any number of servers. */
export class TlsClient {
  readonly #context: SecureContext;

  /** Throws UsageError for authorities that cannot be read. */
  constructor(options: TlsClientOptions = {}) {
    checkObject(options);
    checkNames(options, { ca: true });
    const { ca } = options;
    try {
      this.#context = nodeTls().createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca: authoritiesText(ca) }) });
    } catch (cause) {
      throw new UsageError(`the certificates of authorities cannot be used: ${pemFault(cause, 'authorities')}`);
    }
  }

  /**
   * Shakes hands over the socket, and returns the one that is TLS. `settle` is told once, and at once, what came of it: an
   * Error's message is one line; `broken` is told what TLS itself breaks by after that, an alert of the server's for example: in TLS 1.3
   * it may refuse what was the end of the handshake to us. `name`: of the host that is meant, or its address.
   * @internal
   */
  secure(socket: Duplex, name: string, settle: (result: ClientTls | Error) => void, broken: (why: string) => void = () => undefined): Duplex {
    const address = parseIpv4(name) !== undefined || parseIpv6(name) !== undefined;
    const { checkServerIdentity, connect } = nodeTls();
    const tls = connect({
      socket,
      secureContext: this.#context,
      rejectUnauthorized: false,
      ...(address || name === '' ? {} : { servername: name }), // RFC 6066 §3: no addresses
      // What Node would check is the name that was sent, which an address is not.
      checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate),
    });
    readBeforeEnd(tls);
    let settled = false;
    const once = (result: () => ClientTls | Error): void => {
      if (settled) return;
      settled = true;
      settle(result());
    };
    tls.on('secureConnect', () => once(() => factsOf(tls)));
    tls.on('error', (error) => {
      if (settled && errorCode(error)?.startsWith('ERR_SSL_') === true) broken(tlsErrorText(error));
      once(() => new Error(tlsErrorText(error)));
    });
    for (const end of ['end', 'close'] as const) tls.on(end, () => once(() => new Error('the connection was closed')));
    if (socket.destroyed) tls.destroy(); // meanwhile: Node tells nothing of it
    return tls;
  }
}

/** Returns what makes TLS of a client's connections: itself, or one made with the options. */
export function tlsClientOf(tls: TlsClientOptions | TlsClient | undefined): TlsClient | undefined {
  return tls === undefined || tls instanceof TlsClient ? tls : new TlsClient(tls);
}

function factsOf(tls: TLSSocket): ClientTls {
  const { fingerprint256 = '' } = tls.getPeerCertificate();
  const { authorized, authorizationError: error } = tls;
  return {
    version: tls.getProtocol() ?? '',
    cipher: tls.getCipher().name,
    verified: authorized,
    ...(authorized ? {} : { fault: FAULTS[String(error ?? '')] ?? tlsErrorText(error) }),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** What OpenSSL and Node call it, in words; others stand as they are. */
const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate\'s authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate\'s authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate\'s authority is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate\'s authority is not known here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is not for this host',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what came is no TLS',
};

/** What went wrong, in one line: OpenSSL's own have file names and line feeds. */
export function tlsErrorText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? FAULTS[String(error.code)] : undefined;
  if (code !== undefined) return code;
  const [first = ''] = errorText(error).split('\n');
  return /:SSL routines:[^:]*:([^:]+)/.exec(first)?.[1] ?? first;
}
