// TLS on a server's connections (RFC 3207, RFC 8314 §3): the same for STARTTLS and for TLS at once.
//
// Rule 1: TLS 1.2 and later (RFC 8996).
// Rule 2: a client is authorized by a certificate that it has shown, never by a session alone that is taken up again.

import type { Duplex } from 'node:stream';
import type { SecureContext, TLSSocket } from 'node:tls';
import { UsageError } from '../wire/usage.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { destroy } from './destroy.ts';
import { nodeTls } from './on-demand.ts';
import { authoritiesText, pemFault, pemText } from './pem.ts';

/** Milliseconds for a handshake, whoever is to begin it. */
export const HANDSHAKE: Milliseconds = seconds(60);

/** Certificate, key and the other options of TLS. */
export interface TlsOptions {
  /** PEM: the certificate with its chain, and its key. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** PEM: authorities for client certificates. */
  readonly ca?: string | Uint8Array;
  /** Asks clients for a certificate; the facts tell whether it was good. Default: false. */
  readonly requestCert?: boolean;
  /** Other certificates, by the host name that the client asks for (RFC 6066 §3). */
  readonly names?: Readonly<Record<string, { readonly cert: string | Uint8Array; readonly key: string | Uint8Array }>>;
}

/** What is known of TLS at work. */
export interface TlsFacts {
  /** For example `TLSv1.3`. */
  readonly version: string;
  readonly cipher: string;
  /** The same by its registered name, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
  readonly cipherSuite: string;
  /** The host name that the client asked for. */
  readonly serverName: string | undefined;
  /** The client's certificate was asked for, given, and is good. */
  readonly authorized: boolean;
  /** The certificate that the client gave, good or not: its common name, and SHA-256 in hexadecimal digits. */
  readonly certificate: { readonly commonName: string | undefined; readonly fingerprint: string } | undefined;
}

/** Makes TLS of a server's connections. Its certificates can be changed while it serves. */
export class TlsServer {
  #options: TlsOptions;
  #context: SecureContext;
  #names: ReadonlyMap<string, SecureContext>;
  #available = true;
  readonly #choose = (name: string, found: (error: null, context: SecureContext) => void): void => found(null, this.#names.get(name.toLowerCase()) ?? this.#context);

  /** Throws UsageError for a certificate or key that cannot be used. */
  constructor(options: TlsOptions) {
    this.#options = options;
    [this.#context, this.#names] = contextsOf(options);
  }

  /** Takes other certificates for the connections to come. Throws UsageError and keeps the old ones where they cannot be used. */
  reload(options: TlsOptions): void {
    [this.#context, this.#names] = contextsOf(options);
    this.#options = options;
    this.#available = true;
  }

  /** Takes the certificates out of service until the next `reload`: on connections to come STARTTLS gets 454 (RFC 3207 §4), and TLS at once is closed. */
  withdraw(): void {
    this.#available = false;
  }

  get available(): boolean {
    return this.#available;
  }

  /** @internal Shakes hands over the socket; `done` rejects where that fails. From now on it is the socket that is TLS which can be destroyed. */
  secure(socket: Duplex): { readonly socket: TLSSocket; readonly done: Promise<TlsFacts> } {
    const { TLSSocket } = nodeTls();
    const tls = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context,
      requestCert: this.#options.requestCert ?? false,
      rejectUnauthorized: false,
      SNICallback: this.#choose,
    });
    tls.on('error', destroy);
    tls.on('_tlsError', destroy); // a bad record behind the handshake: only a server of Node's own makes 'error' of it
    const done = new Promise<TlsFacts>((resolve, reject) => {
      const fail = (): void => reject(new Error('the connection was closed in the handshake'));
      for (const end of ENDS) tls.on(end, fail); // half of it is no use
      tls.once('secure', () => {
        for (const end of ENDS) tls.removeListener(end, fail);
        resolve(factsOf(tls));
      });
    });
    if (socket.destroyed) tls.destroy(); // meanwhile: Node tells nothing of it, and the handshake would have all its time
    return { socket: tls, done };
  }
}

/** Returns what makes TLS of a server's connections: itself, or one made with the options. */
export function tlsServerOf(tls: TlsOptions | TlsServer | undefined): TlsServer | undefined {
  return tls === undefined || tls instanceof TlsServer ? tls : new TlsServer(tls);
}

const ENDS = ['end', 'close'] as const;

/** Not documented, and in no types: what tls.Server itself sets `authorized` by. */
type Verified = TLSSocket & { readonly ssl: { verifyError(): Error | null } };

function factsOf(tls: TLSSocket): TlsFacts {
  const { fingerprint256, subject } = tls.getPeerCertificate();
  return {
    version: tls.getProtocol() ?? '',
    cipher: tls.getCipher().name,
    cipherSuite: tls.getCipher().standardName,
    serverName: tls.servername || undefined,
    // What Node's own server asks, since `authorized` is set by that server alone. A session taken up again is good by itself.
    authorized: fingerprint256 !== undefined && (tls as Verified).ssl.verifyError() === null,
    certificate: fingerprint256 === undefined ? undefined : { commonName: typeof subject?.CN === 'string' ? subject.CN : undefined, fingerprint: fingerprint256.replaceAll(':', '').toLowerCase() },
  };
}

function contextsOf(options: TlsOptions): [SecureContext, ReadonlyMap<string, SecureContext>] {
  const { cert, key, ca, names = {} } = options ?? {}; // null, say
  return [
    contextOf(ca === undefined ? { cert, key } : { cert, key, ca }),
    new Map(Object.entries(names).map(([name, pair]) => [name.toLowerCase(), contextOf(ca === undefined ? pair : { ...pair, ca })])),
  ];
}

/** Where clients are asked for certificates, OpenSSL takes a session up again only where it has a context of its own. */
const SESSION_CONTEXT = 'ehlo';

function contextOf(pair: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array; readonly ca?: string | Uint8Array }): SecureContext {
  if (pair.cert === undefined || pair.key === undefined) throw new UsageError('tls needs cert and key, in PEM'); // as a program without types may have it
  try {
    return nodeTls().createSecureContext({ cert: pemText(pair.cert), key: pemText(pair.key), ...(pair.ca === undefined ? {} : { ca: authoritiesText(pair.ca) }), minVersion: 'TLSv1.2', sessionIdContext: SESSION_CONTEXT });
  } catch (cause) {
    throw new UsageError(`the TLS certificate and key cannot be used: ${pemFault(cause)}`);
  }
}
