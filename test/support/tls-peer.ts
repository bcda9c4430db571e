// A client that speaks TLS, over a connection that a test holds; and the certificates of fixtures/tls.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TlsClient, type TlsClientOptions } from 'node:tls';
import { RawPeer } from './raw-peer.ts';

/** The certificate and key of `NAME.test`. */
export function certificate(name: 'mx' | 'other' | 'client'): { readonly cert: Uint8Array; readonly key: Uint8Array } {
  const folder = join(import.meta.dirname, '../../fixtures/tls');
  return { cert: readFileSync(join(folder, `${name}.pem`)), key: readFileSync(join(folder, `${name}-key.pem`)) };
}

/** A client under TLS; `ticket`: with which its session can be taken up again, whenever it comes. */
export type TlsPeer = RawPeer & { readonly tls: TlsClient; readonly ticket: Promise<Uint8Array> };

/** Shakes hands over the peer's connection, which is then nobody else's. Rejects where that fails. */
export async function shakeHands(peer: RawPeer, options: TlsClientOptions = {}): Promise<TlsPeer> {
  peer.socket.removeAllListeners('data');
  const tls = connect({ rejectUnauthorized: false, ...options, socket: peer.socket });
  const ticket = new Promise<Uint8Array>((resolve) => tls.once('session', resolve));
  const secured = Object.assign(new RawPeer(tls), { tls, ticket });
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve);
    tls.on('error', reject);
    for (const end of ['end', 'close'] as const) tls.on(end, () => reject(new Error('closed in the handshake')));
  });
  return secured;
}

/** Says STARTTLS and shakes hands. */
export async function startTls(peer: RawPeer, options: TlsClientOptions = {}): Promise<TlsPeer> {
  const reply = await peer.command('STARTTLS');
  if (!reply.startsWith('220 ')) throw new Error(`STARTTLS was answered ${reply}`);
  return shakeHands(peer, options);
}
