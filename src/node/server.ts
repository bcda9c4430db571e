// The accept loop: a Receiver for each connection that comes to a session.
//
// Rule 1: what comes before a session (the header of a proxy, the handshake of TLS at once) has a deadline and counts as a
//         connection. Where it fails, the connection is closed without a word; of a proxy that sends no header the embedder is told.

import { clearTimeout, setTimeout } from 'node:timers';
import { checkLists, checkObject, shown, UsageError } from '../wire/usage.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { refuse } from '../protocol/server/verdict.ts';
import { Connection } from './connection.ts';
import { destroy, endWithoutError } from './destroy.ts';
import { readDirectly } from './direct-read.ts';
import type { DuplexStream, Entrance } from './entrance.ts';
import { reportError } from './error-report.ts';
import type { AnyHooks } from './hook.ts';
import { LONGEST_TIMER } from './pause.ts';
import { clientOf, endsOf, NoProxyHeader, readProxyHeader, type Ends, type Stream } from './proxy.ts';
import { Receiver, type ReceiverOwner } from './receiver.ts';
import { ReceiverSettings, type ReceiverOptions } from './receiver-option.ts';
import { Room } from './room.ts';
import { HANDSHAKE, type TlsFacts, type TlsServer } from './tls.ts';
import { TurnedAway } from './turned-away.ts';
import { contains, rangeOf, type Cidr } from '../relay/cidr.ts';

/** How many connections a server takes, and from whom. */
export interface ServerLimits {
  /** Most connections at a time; further ones hear 421. Default: 1000. */
  readonly maxConnections?: number;
  /** Most of them from one client: an IPv4 address, or a /64 of IPv6. Default: 50. */
  readonly maxConnectionsPerClient?: number;
  /** Proxies, as addresses or ranges such as `192.0.2.0/24`, whose connections begin with a PROXY header. Default: none. */
  readonly proxyFrom?: readonly string[];
}

/** A server that listens; see `listen`. */
export class Server implements AsyncIterable<Connection>, AsyncDisposable {
  readonly #options: ReceiverOptions & ServerLimits;
  readonly #settings: ReceiverSettings;
  readonly #proxies: readonly Cidr[];
  readonly #room: Room;
  readonly #turnedAway: TurnedAway;
  readonly #hooks: AnyHooks | undefined;
  #entrance: Entrance | undefined;
  readonly #receivers = new Map<Receiver, string>(); // whom they count for in the room
  readonly #connections = new Map<Receiver, Connection>(); // for the accept loop: all
  readonly #accepted = new Set<Connection>(); // for the accept loop: those that it has not seen yet
  readonly #preparing = new Set<() => void>(); // before their sessions: how to cut them
  #closing: Promise<void> | undefined;
  readonly #graces = new Set<ReturnType<typeof setTimeout>>();
  #closed = false;
  readonly #wakes = new Set<() => void>(); // of the accept loops: there may be several
  #idle: (() => void) | undefined;
  /** For receivers: one object for all, since a closure for each costs memory for each. */
  readonly #owner: ReceiverOwner = { left: (receiver) => this.#left(receiver), gone: (receiver) => this.#room.gone(receiver) };
  #own: Ends['server'] | undefined; // where there is only one

  /** @internal For `listen`. */
  constructor(options: ReceiverOptions & ServerLimits, hooks: AnyHooks | undefined) {
    checkObject(options);
    checkLists(options, ['proxyFrom']);
    this.#options = options;
    this.#settings = new ReceiverSettings(options);
    this.#proxies = (options.proxyFrom ?? []).map((range) => rangeOf(range, 'proxyFrom'));
    this.#room = new Room(options);
    this.#turnedAway = new TurnedAway(options);
    this.#hooks = hooks;
  }

  /** The address that is listened on, and its port; '' and 0 for a Unix socket. */
  get host(): string {
    return this.#entrance?.host ?? '';
  }

  get port(): number {
    return this.#entrance?.port ?? 0;
  }

  /** Sessions under way. */
  get sessions(): number {
    return this.#receivers.size;
  }

  /** Octets in flight of all connections; see `maxBuffered`. */
  get buffered(): number {
    return this.#settings.budget.octets;
  }

  /** @internal Used by `listen`: serves what comes in there. */
  enter(entrance: Entrance): void {
    this.#entrance = entrance;
    const { host, port } = entrance;
    if (host !== '' && host !== '0.0.0.0' && host !== '::') this.#own = { address: host, port };
    entrance.begin((socket) => this.#come(socket));
  }

  /** Stops accepting, lets sessions finish what is in hand, says 421, and after `grace` milliseconds (default: 30,000) says it to those that are left, whatever they are doing. Of several calls, the one whose time is up first counts. */
  close(grace: Milliseconds = seconds(30)): Promise<void> {
    if (!(typeof grace === 'number' && grace >= 0)) return Promise.reject(new UsageError(`grace must be a number of at least 0, not ${shown(grace)}`)); // to a timer NaN is now
    this.#closing ??= this.#stop();
    if (this.#receivers.size > 0) this.#graces.add(setTimeout(() => this.#halt(), Math.min(grace, LONGEST_TIMER))); // who asks again may be in a hurry
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The connections as they come, for the accept loop. Only without hooks. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Connection, void> {
    if (this.#hooks !== undefined) throw new UsageError('this server answers by hooks; to iterate it, listen without hooks');
    for (;;) {
      const [connection] = this.#accepted;
      if (connection !== undefined) {
        this.#accepted.delete(connection);
        yield connection;
      } else if (this.#closed) return;
      else await new Promise<void>((resolve) => this.#wakes.add(resolve));
    }
  }

  #wakeLoops(): void {
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }

  /** A client of TCP that has gone again has no address any more, and must not be taken for one without any, which is on this machine. */
  #come(socket: DuplexStream): void {
    if (this.port !== 0 && socket.remoteAddress === undefined) return void socket.destroy();
    this.#admit(socket as Stream, true);
  }

  /** Serves a connection that came some other way: a duplex stream of whatever kind. Throws UsageError for what is none. */
  accept(duplex: DuplexStream): void {
    if (typeof (duplex as Stream | undefined)?.on !== 'function') throw new UsageError(`accept takes a duplex stream, such as a socket, not ${shown(duplex)}`); // it would have a place, and never leave it
    this.#admit(duplex as Stream, false); // see DuplexStream
  }

  /** `ours`: nobody else has the socket. */
  #admit(socket: Stream, ours: boolean): void {
    if (socket.destroyed) return; // no 'close' would ever tell us so
    const proxied = this.#proxies.some((range) => contains(range, socket.remoteAddress ?? ''));
    const ends = this.#endsOf(socket);
    if (this.#settings.budget.overdrawn) return this.#turnedAway.add(socket, 'no memory');
    if (this.#closed) return this.#turnedAway.add(socket, 'closed');
    if (!this.#room.enter()) return this.#turnedAway.add(socket, 'no room');
    if (proxied || this.#tlsAtOnce !== undefined) return void this.#prepare(socket, ends, proxied);
    const client = this.#room.claim(ends.client.address);
    if (client === undefined) {
      this.#room.leave('');
      return this.#turnedAway.add(socket, 'no room');
    }
    if (ours) {
      readDirectly(socket);
      endWithoutError(socket);
    }
    this.#serve(socket, client, ends, undefined);
  }

  /** A session is over. */
  #left(receiver: Receiver): void {
    const client = this.#receivers.get(receiver);
    if (client !== undefined) this.#room.leaving(receiver, client);
    this.#receivers.delete(receiver);
    const connection = this.#connections.get(receiver);
    if (connection !== undefined) {
      connection.end();
      this.#accepted.delete(connection); // gone before the loop came to it
      this.#connections.delete(receiver);
    }
    if (this.#receivers.size === 0) this.#idle?.();
  }

  /** Where the server listens on one address, that is the server's end of every connection: one object for all, and no call of the system. */
  #endsOf(socket: Stream): Ends {
    return this.#own === undefined ? endsOf(socket) : { client: clientOf(socket), server: this.#own };
  }

  get #tlsAtOnce(): TlsServer | undefined {
    return this.#options.tlsAtOnce === true ? this.#options.tls : undefined;
  }

  /** What comes before the session: the header of a proxy, the handshake of TLS at once. */
  async #prepare(raw: Stream, near: Ends, proxied: boolean): Promise<void> {
    let socket = raw;
    raw.on('error', destroy);
    const cut = (): void => void socket.destroy();
    const timer = setTimeout(cut, HANDSHAKE);
    this.#preparing.add(cut);
    let client: string | undefined;
    let served = false;
    try {
      const ends = proxied ? await readProxyHeader(raw) : near;
      client = this.#room.claim(ends.client.address);
      if (client === undefined) return this.#turnedAway.add(raw, 'no room');
      if (this.#tlsAtOnce?.available === false) throw new Error('the certificates are withdrawn');
      const secured = this.#tlsAtOnce?.secure(raw);
      if (secured !== undefined) ({ socket } = secured);
      const facts = await secured?.done;
      if (socket.destroyed) throw new Error('the connection is gone');
      this.#serve(socket, client, ends, facts);
      served = true;
    } catch (error) {
      cut(); // the peer's fault, and nobody is left there to tell
      if (error instanceof NoProxyHeader && !this.#closed) reportError(this.#hooks, error);
    } finally {
      clearTimeout(timer);
      this.#preparing.delete(cut);
      if (!served) this.#room.leave(client ?? '');
    }
  }

  /** `counted`: whom it counts for in the room. */
  #serve(socket: Stream, counted: string, { client, server }: Ends, tls: TlsFacts | undefined): void {
    const receiver = this.#begin(socket, { client, server, tls }); // no spread: it has a shape of its own each time, and to look into that costs 2 µs
    if (receiver === undefined) {
      this.#room.leave(counted);
      return this.#turnedAway.add(socket, 'no session');
    }
    this.#receivers.set(receiver, counted);
    if (this.#hooks !== undefined) return receiver.start(this.#hooks);
    const connection = new Connection(receiver.session, this.#options.lmtp === true);
    this.#connections.set(receiver, connection);
    receiver.start(connection.hooks());
    this.#accepted.add(connection);
    this.#wakeLoops();
  }

  /** Undefined where the embedder's own functions among the options fail: they are asked for each connection. */
  #begin(socket: Stream, facts: Ends & { readonly tls: TlsFacts | undefined }): Receiver | undefined {
    try {
      return new Receiver(socket, this.#settings, this.#owner, facts);
    } catch (error) {
      return void reportError(this.#hooks, error);
    }
  }

  async #stop(): Promise<void> {
    this.#closed = true;
    this.#wakeLoops();
    const entranceClosed = this.#closeEntrance();
    entranceClosed.catch(() => undefined); // it is told in the end
    for (const cut of this.#preparing) cut(); // nothing was said yet, and nothing is in hand
    for (const connection of this.#accepted) connection.refuse(CLOSING); // the loop may never come to them
    this.#accepted.clear();
    for (const receiver of this.#receivers.keys()) receiver.shutdown();
    const over = this.#receivers.size === 0 ? undefined : new Promise<void>((resolve) => (this.#idle = resolve));
    await over; // also those that are cut: their hooks have been told
    for (const timer of this.#graces) clearTimeout(timer);
    this.#settings.patience.close();
    await entranceClosed;
  }

  /** A promise also where it throws: an embedder may have written it. */
  async #closeEntrance(): Promise<void> {
    await this.#entrance?.close();
  }

  #halt(): void {
    for (const receiver of this.#receivers.keys()) receiver.halt();
  }
}

const CLOSING = refuse(421, '4.3.2', 'shutting down, closing connection');
