// The header of a proxy in front of a connection (PROXY protocol): who the client really is.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clearTimeout, setTimeout } from 'node:timers';
import { ProxyHeaderDecoder } from '../wire/proxy-header.ts';
import { formatIpv4, formatIpv6 } from '../syntax/ip-address.ts';
import type { SessionFacts } from './hook.ts';

/** Milliseconds for the header to come; a proxy sends it at once. */
const PATIENCE = 3_000;

/** A connection: a socket, or any stream that has two directions and no addresses. @internal */
export type Stream = Duplex & Partial<Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>>;

/** The two ends of a connection; an address is empty where there is none. */
export type Ends = Pick<SessionFacts, 'client' | 'server'>;

/** @internal */
export function clientOf(socket: Stream): Ends['client'] {
  return { address: unmapped(socket.remoteAddress), port: socket.remotePort ?? 0 };
}

/** @internal */
export function endsOf(socket: Stream): Ends {
  return {
    client: clientOf(socket),
    server: { address: unmapped(socket.localAddress), port: socket.localPort ?? 0 },
  };
}

/**
 * An IPv4 client of a listener on both families comes as `::ffff:192.0.2.1`, which is how the socket sees it, a proxy's too, and nobody
 * else: who is known by his address must not have another one for coming by a proxy.
 */
function unmapped(address = ''): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

const MAPPED = '::ffff:';

/** Why the connection of a trusted proxy has no header: the proxy is set up wrongly, or this server is. */
export class NoProxyHeader extends Error {
  constructor(proxy: string, fault: string) {
    super(`a connection from the proxy ${proxy} was closed: no valid PROXY header (${fault})`);
  }
}

/** With 'end' the other direction may stay open. */
const ENDS = ['end', 'close'] as const;

/**
 * Reads the header that a trusted proxy has put in front, and puts back what follows it. Rejects with NoProxyHeader for what is no
 * header, and where none comes in time, and otherwise where a proxy has only looked whether somebody listens; the connection is then to
 * be closed without a word.
 * @internal
 */
export function readProxyHeader(socket: Stream): Promise<Ends> {
  const decoder = new ProxyHeaderDecoder();
  return new Promise((resolve, reject) => {
    let begun = false;
    const { address } = clientOf(socket);
    const timer = setTimeout(() => settle(new NoProxyHeader(address, `none came in ${PATIENCE} ms`)), PATIENCE);
    const broken = (): void => settle(begun ? new NoProxyHeader(address, 'it has no end') : new Error('nothing came'));
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data');
      for (const end of ENDS) socket.removeListener(end, broken);
      socket.pause();
      const { header } = decoder;
      if (error !== undefined) return reject(error);
      if (header === undefined) return reject(new NoProxyHeader(address, decoder.fault ?? ''));
      const format = (octets: Uint8Array): string => (header.type === 'ipv4' ? formatIpv4(octets) : unmapped(formatIpv6(octets)));
      resolve(header.type === 'ipv4' || header.type === 'ipv6'
        ? { client: { address: format(header.source.address), port: header.source.port }, server: { address: format(header.destination.address), port: header.destination.port } }
        : endsOf(socket));
    };
    socket.on('data', (octets: Uint8Array) => {
      begun = true;
      const end = decoder.read(octets, 0);
      if (!decoder.ended) return;
      settle();
      if (end < octets.length) socket.unshift(octets.subarray(end));
    });
    for (const end of ENDS) socket.on(end, broken);
  });
}
