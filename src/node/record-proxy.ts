// Stands between a client and a server, passes on what each says, cut as it came, and writes it down (`ehlo record`).
//
// Rule 1: octets are passed on unchanged, and no faster than the other side takes them.
// Rule 2: what TLS protects cannot be read here: the transcript says so, and ends.
// Left out: the application's side of it. Nobody here knows what either side decided, but by what it said.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TranscriptRecorder } from '../transcript/record.ts';
import { connectReason } from './connect.ts';
import { HASH } from './credential.ts';
import { now } from './now.ts';
import { openPlace } from './place.ts';
import type { TraceFile, TraceFolder } from './trace-folder.ts';

export interface RecordProxyOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly to: { readonly host: string; readonly port: number };
  readonly folder: TraceFolder;
  /** Where the sessions come from, for the header of each transcript: software, version and date. */
  readonly source: string;
  /** Told of each session when it ends: the name of its transcript, and what went wrong, if anything. */
  readonly ended: (name: string, trouble: string | undefined) => void;
}

export class RecordProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** Resolves when it listens; rejects where it cannot. */
  static async listen(options: RecordProxyOptions): Promise<RecordProxy> {
    const proxy = new RecordProxy(options);
    await openPlace(proxy.#server, options.listen);
    proxy.#server.on('error', () => undefined); // one connection was not accepted; the next may be
    return proxy;
  }

  private constructor(options: RecordProxyOptions) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#join(client, options));
  }

  get address(): AddressInfo | string | null {
    return this.#server.address();
  }

  /** Takes no more connections, and ends those there are. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(client: Socket, { to, folder, source, ended }: RecordProxyOptions): void {
    const server = connect({ ...to, noDelay: true, allowHalfOpen: true });
    const session = new Session(folder.begin('session'), source);
    let over = false;
    let trouble: string | undefined;
    const end = (): void => {
      if (over) return;
      over = true;
      for (const socket of [client, server]) {
        this.#sockets.delete(socket);
        socket.destroy();
      }
      session.end();
      ended(session.name, trouble);
    };
    this.#sockets.add(client).add(server);
    pass(client, server, (octets) => session.clientSaid(octets), () => session.happened('eof'));
    pass(server, client, (octets) => session.serverSaid(octets), () => session.happened('close'));
    server.on('error', (error) => (trouble ??= `${to.host} port ${to.port}: ${connectReason(error)}`));
    client.on('error', (error) => (trouble ??= `the client: ${connectReason(error)}`));
    for (const socket of [client, server])
      socket.on('close', () => {
        if (!session.ended) session.happened('lost');
        end();
      });
  }
}

/** Passes on what one says to the other, as it comes and no faster than it is taken; the end of it too. */
function pass(from: Socket, to: Socket, said: (octets: Uint8Array) => void, ended: () => void): void {
  from.on('data', (octets: Uint8Array) => {
    said(octets);
    if (!to.write(octets)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => {
    ended();
    to.end();
  });
}

/** The first octets of a TLS handshake: a record of type 22, version 3 (RFC 8446 §5.1). */
const HANDSHAKE = [0x16, 0x03];

/** One session on its way to paper. */
class Session {
  readonly name: string;
  /** One side has said all that it will say, so that what follows is no loss. */
  ended = false;
  readonly #file: TraceFile;
  readonly #recorder: TranscriptRecorder;
  #hidden = false; // TLS has begun

  constructor(file: TraceFile, source: string) {
    this.#file = file;
    this.name = file.name;
    this.#recorder = new TranscriptRecorder(file.write, { title: 'a session is recorded', source, subject: 'server', hash: HASH }, now());
  }

  clientSaid(octets: Uint8Array): void {
    if (!this.#hidden && HANDSHAKE.every((octet, at) => octets[at] === octet)) {
      this.#hidden = true;
      this.#recorder.remark('what follows is under TLS, and cannot be read here');
    }
    if (!this.#hidden) this.#recorder.heard(octets, now());
  }

  serverSaid(octets: Uint8Array): void {
    if (!this.#hidden) this.#recorder.sent(octets);
  }

  happened(what: 'eof' | 'close' | 'lost'): void {
    if (!this.#hidden && !(this.ended && what === 'eof')) this.#recorder.world(what);
    this.ended = true;
  }

  end(): void {
    this.#file.close();
  }
}
