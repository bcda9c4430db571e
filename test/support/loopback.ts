// A connection on loopback of which a test holds both ends: TCP, or a Unix socket, which has what was written to it at once, while
// octets of TCP are the kernel's for as long as a busy machine takes.

import { createServer, type Socket } from 'node:net';
import { RawPeer } from './raw-peer.ts';

export interface Loopback extends AsyncDisposable {
  /** The accepting end, for what is tested. */
  readonly socket: Socket;
  readonly peer: RawPeer;
}

export async function loopback(path?: string): Promise<Loopback> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => accept(socket));
  let accept = (socket: Socket): unknown => socket.destroy();
  const accepted = new Promise<Socket>((resolve) => (accept = resolve));
  await new Promise<void>((resolve) => {
    server.on('listening', resolve);
    server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path });
  });
  const address = server.address();
  const peer = await RawPeer.connect(address === null || typeof address === 'string' ? path ?? 0 : address.port);
  const socket = await accepted;
  return {
    socket,
    peer,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      peer.socket.destroy();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
