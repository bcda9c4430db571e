// Servers of `listen` on loopback and their clients, gone after each test.

import { afterEach, expect } from 'vitest';
import type { Hooks } from '../../src/node/hook.ts';
import { listen, type ListenOptions } from '../../src/node/listen.ts';
import type { Server } from '../../src/node/server.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { RawPeer } from './raw-peer.ts';

export interface Listening {
  /** What hooks threw since the last `serve`. */
  readonly errors: Error[];
  /** A server on a free port that takes every mail. */
  readonly serve: (options?: ListenOptions, hooks?: Partial<Hooks>) => Promise<Server>;
  readonly connect: (server: Server) => Promise<RawPeer>;
  /** A client that has been greeted, and whose EHLO (or LHLO) has been taken. */
  readonly greeted: (server: Server, hello?: string) => Promise<RawPeer>;
  /** One that has sent MAIL, RCPT and DATA. */
  readonly inData: (server: Server) => Promise<RawPeer>;
}

export function listening(): Listening {
  const servers: Server[] = [];
  const peers: RawPeer[] = [];
  const errors: Error[] = [];
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close(0)));
  });
  const serve = async (options: ListenOptions = {}, hooks: Partial<Hooks> = {}): Promise<Server> => {
    errors.length = 0;
    const server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test', ...options }, { message: () => accept(), error: (error) => errors.push(error), ...hooks });
    servers.push(server);
    return server;
  };
  const connect = async ({ port }: Server): Promise<RawPeer> => {
    const peer = await RawPeer.connect(port);
    peers.push(peer);
    return peer;
  };
  const greeted = async (server: Server, hello = 'EHLO client.test'): Promise<RawPeer> => {
    const peer = await connect(server);
    await peer.reply();
    await peer.command(hello);
    return peer;
  };
  const inData = async (server: Server): Promise<RawPeer> => {
    const peer = await greeted(server);
    await peer.command('MAIL FROM:<alice@a.test>');
    await peer.command('RCPT TO:<bob@b.test>');
    expect(await peer.command('DATA')).toMatch(/^354/);
    return peer;
  };
  return { errors, serve, connect, greeted, inData };
}
