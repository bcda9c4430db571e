// The accept loop: listening sockets, and a Receiver for each connection that comes to a session.
//
// Rule 1: what comes before a session (the header of a proxy, the handshake of TLS at once) has a deadline and counts as a
//         connection. Where it fails, the connection is closed without a word; of a proxy that sends no header the embedder is told.
// Rule 2: a full server says 421 (RFC 5321 §3.8) where it can: not where the client waits for TLS. Choice: a handshake for a
//         client that is turned away would cost more than the flood that it is part of.

import { createServer, type Server as NetServer } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { encodeAscii } from '../wire/ascii.ts';
import { checkFlags, checkLists, checkObject, UsageError } from '../wire/usage.ts';
import { isFault } from '../syntax/fault.ts';
import { parseHost } from '../syntax/domain.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { refuse } from '../protocol/server/verdict.ts';
import { clientKey } from '../relay/address.ts';
import { contains, parseCidr, type Cidr } from '../relay/admission.ts';
import { Connection } from './connection.ts';
import { destroy } from './destroy.ts';
import { readDirectly } from './direct-read.ts';
import type { Entrance } from './entrance.ts';
import { reportError } from './error-report.ts';
import type { AnyHooks, Hooks } from './hook.ts';
import { machineName } from './machine-name.ts';
import { LONGEST_TIMER } from './pause.ts';
import { isSocketPath, LONGEST_PATH, openPlace, type Place } from './place.ts';
import { clientOf, endsOf, NoProxyHeader, readProxyHeader, type Ends, type Stream } from './proxy.ts';
import { Receiver, type ReceiverOwner } from './receiver.ts';
import { ReceiverSettings, type ReceiverOptions } from './receiver-option.ts';
import { Room } from './room.ts';
import { HANDSHAKE, TlsServer, type TlsFacts, type TlsOptions } from './tls.ts';

/** What is set about a server. */
export interface ListenOptions extends Partial<Omit<ReceiverOptions, 'tls'>>, ServerLimits {
  /** Certificate and key: offers STARTTLS (RFC 3207), or speaks TLS at once with `tlsAtOnce` (RFC 8314). */
  readonly tls?: TlsOptions | TlsServer;
  /** Address or name to listen on. Default: 127.0.0.1; `localhost` may be that or ::1, as the machine has it. */
  readonly host?: string;
  /** Default: 2525. 0: a free port, see `server.port`. */
  readonly port?: number;
  /** A Unix socket to listen on, in place of host and port. */
  readonly path?: string;
  /** A listening descriptor that was inherited (systemd's LISTEN_FDS: 3 and up), in place of host and port. */
  readonly fd?: number;
  /**
   * Where connections come in, in place of a socket of its own.
   * @internal
   */
  readonly entrance?: Entrance;
}

export interface ServerLimits {
  /** Most connections at a time; further ones hear 421. Default: 1000. */
  readonly maxConnections?: number;
  /** Most of them from one client: an IPv4 address, or a /64 of IPv6. Default: 50. */
  readonly maxConnectionsPerClient?: number;
  /** Proxies, as addresses or ranges such as `192.0.2.0/24`, whose connections begin with a PROXY header. Default: none. */
  readonly proxyFrom?: readonly string[];
}

/**
 * Listens for SMTP connections (RFC 5321 §3.1), and resolves when it does.
 *
 * With hooks, sessions are answered by them. Without, iterate the server: each connection is iterated for its mails, or
 * refused. Rejects with an Error whose message says what could not be done, and throws UsageError for bad options.
 */
export async function listen<State = undefined, MailState = undefined>(options: ListenOptions = {}, hooks?: Hooks<State, MailState>): Promise<Server> {
  checkObject(options);
  const { host = '127.0.0.1', port = 2525, path, fd, entrance, tls, hostname = await machineName(), ...others } = options;
  if (typeof hostname !== 'string' || isFault(parseHost(hostname))) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(hostname)}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`port must be an integer from 0 to 65535, not ${port}`);
  if (typeof host !== 'string' || host === '') throw new UsageError(`host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not ${JSON.stringify(host)}`); // Node would take none for all
  if (fd !== undefined && !(Number.isInteger(fd) && fd >= 0)) throw new UsageError(`fd must be the number of a descriptor, not ${JSON.stringify(fd)}`);
  if (path !== undefined && !isSocketPath(path)) throw new UsageError(`path must be text of 1 to ${LONGEST_PATH} octets, as long as the address of a Unix socket can be, not ${JSON.stringify(path)}`);
  checkFlags(others, ['tlsAtOnce']);
  if (others.lmtp === true && port === 25) throw new UsageError('LMTP is not spoken on port 25, where clients expect SMTP (RFC 2033 §5)');
  if (hooks !== undefined && typeof hooks?.message !== 'function') throw new UsageError('hooks need at least "message", which decides about each mail');
  if (others.tlsAtOnce === true && tls === undefined) throw new UsageError('tlsAtOnce needs tls, with a certificate and a key');
  if (others.auth !== undefined && hooks?.auth === undefined) throw new UsageError('auth needs the hook "auth", which answers for the users');
  const server = new Server({ ...others, hostname, tls: tls === undefined || tls instanceof TlsServer ? tls : new TlsServer(tls) }, hooks as AnyHooks | undefined); // the one cast: from here on the states are kept, and not looked at
  if (entrance !== undefined) server.enter(entrance);
  else await server.open(fd !== undefined ? { fd } : path !== undefined ? { path } : { host, port });
  return server;
}

/** A duplex stream of Node's (`node:stream`), described without its module, which not every embedder has types of. */
export interface DuplexStream {
  readonly destroyed: boolean;
  readonly writableLength: number;
  write(octets: Uint8Array): boolean;
  end(): unknown;
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  /** Where it is a socket. */
  readonly remoteAddress?: string | undefined;
}

/** A server that listens; see `listen`. */
export class Server implements AsyncIterable<Connection>, AsyncDisposable {
  readonly #options: ReceiverOptions & ServerLimits;
  readonly #settings: ReceiverSettings;
  readonly #proxies: readonly Cidr[];
  readonly #room: Room;
  readonly #hooks: AnyHooks | undefined;
  readonly #listener: NetServer;
  #entrance: Entrance | undefined; // in place of the listener
  readonly #receivers = new Map<Receiver, string>(); // whom they count for in the room
  readonly #connections = new Map<Receiver, Connection>(); // for the accept loop: all
  readonly #accepted = new Set<Connection>(); // for the accept loop: those that it has not seen yet
  readonly #preparing = new Set<() => void>(); // before their sessions: how to cut them
  #closing: Promise<void> | undefined;
  readonly #graces = new Set<ReturnType<typeof setTimeout>>();
  #closed = false;
  readonly #wakes = new Set<() => void>(); // of the accept loops: there may be several
  #idle: (() => void) | undefined;
  #turnedAway = 0;
  readonly #leaving = new Map<Receiver, string>(); // their sessions are over, and they take a place until they are gone; whom they count for
  /** For receivers: one object for all, since a closure for each costs memory for each. */
  readonly #owner: ReceiverOwner = { left: (receiver) => this.#left(receiver), gone: (receiver) => this.#gone(receiver) };
  #host = '';
  #port = 0;
  #own: Ends['server'] | undefined; // where there is only one

  constructor(options: ReceiverOptions & ServerLimits, hooks: AnyHooks | undefined) {
    checkLists(options, ['proxyFrom']);
    this.#options = options;
    this.#settings = new ReceiverSettings(options);
    this.#proxies = (options.proxyFrom ?? []).map(rangeOf);
    this.#room = new Room(options);
    this.#hooks = hooks;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#come(socket));
  }

  /** The address that is listened on. */
  get host(): string {
    return this.#host;
  }

  get port(): number {
    return this.#port;
  }

  /** Sessions under way. */
  get sessions(): number {
    return this.#receivers.size;
  }

  /** Octets in flight of all connections; see `maxBuffered`. */
  get buffered(): number {
    return this.#settings.budget.octets;
  }

  /** Used by `listen`: serves what comes in there. */
  enter(entrance: Entrance): void {
    this.#entrance = entrance;
    this.#settle(entrance);
    entrance.begin((socket) => this.#come(socket));
  }

  #settle({ host, port }: { readonly host: string; readonly port: number }): void {
    this.#host = host;
    this.#port = port;
    if (host !== '' && host !== '0.0.0.0' && host !== '::') this.#own = { address: host, port };
  }

  /** Used by `listen`. */
  async open(place: Place): Promise<void> {
    await openPlace(this.#listener, place);
    const address = this.#listener.address();
    if (address !== null && typeof address !== 'string') this.#settle({ host: address.address, port: address.port });
    this.#listener.on('error', (error) => reportError(this.#hooks, error)); // one connection was not accepted; the next may be
  }

  /** Stops accepting, lets sessions finish what is in hand, says 421, and after `grace` milliseconds says it to what is left too, whatever that is at. Of several calls the one that comes to that first counts. */
  close(grace: Milliseconds = seconds(30)): Promise<void> {
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
    if (this.#port !== 0 && socket.remoteAddress === undefined) return void socket.destroy();
    this.#admit(socket as Stream, true);
  }

  /** Serves a connection that came some other way: a duplex stream of whatever kind, so that a server can be tested without a port. */
  accept(duplex: DuplexStream): void {
    this.#admit(duplex as Stream, false); // see DuplexStream
  }

  /** `ours`: nobody else has the socket. */
  #admit(socket: Stream, ours: boolean): void {
    const proxied = this.#proxies.some((range) => contains(range, socket.remoteAddress ?? ''));
    const ends = this.#endsOf(socket);
    if (this.#settings.budget.overdrawn) return this.#turnAway(socket, 'no memory');
    if (this.#closed) return this.#turnAway(socket, 'closed');
    if (!this.#room.enter() && !(this.#hurry() && this.#room.enter())) return this.#turnAway(socket, 'no room');
    if (proxied || this.#tlsAtOnce !== undefined) return void this.#prepare(socket, ends, proxied);
    const client = this.#claim(ends.client.address);
    if (client === undefined) {
      this.#room.leave('');
      return this.#turnAway(socket, 'no room');
    }
    if (ours) readDirectly(socket);
    this.#serve(socket, client, ends, undefined);
  }

  #claim(address: string): string | undefined {
    return this.#room.claim(address) ?? (this.#hurry(clientKey(address)) ? this.#room.claim(address) : undefined);
  }

  /**
   * Has one go that has heard goodbye, of a client or whosever it is, for whom there is a place then; tells whether there was one.
   *
   * A client that comes anew may be read before the end of its last connection is.
   */
  #hurry(client?: string): boolean {
    for (const [receiver, counted] of this.#leaving) {
      if ((client !== undefined && counted !== client) || !receiver.hurry()) continue;
      this.#gone(receiver);
      return true;
    }
    return false;
  }

  /** A session is over. */
  #left(receiver: Receiver): void {
    const client = this.#receivers.get(receiver);
    if (client !== undefined) this.#leaving.set(receiver, client);
    this.#receivers.delete(receiver);
    const connection = this.#connections.get(receiver);
    if (connection !== undefined) {
      connection.end();
      this.#accepted.delete(connection); // gone before the loop came to it
      this.#connections.delete(receiver);
    }
    if (this.#receivers.size === 0) this.#idle?.();
  }

  #gone(receiver: Receiver): void {
    const client = this.#leaving.get(receiver);
    if (client !== undefined) this.#room.leave(client);
    this.#leaving.delete(receiver);
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
      client = this.#claim(ends.client.address);
      if (client === undefined) return this.#turnAway(raw, 'no room');
      if (this.#tlsAtOnce?.available === false) throw new Error('the certificates are withdrawn');
      const secured = this.#tlsAtOnce?.secure(raw);
      if (secured !== undefined) ({ socket } = secured);
      const facts = await secured?.done;
      if (this.#closed || socket.destroyed) throw new Error('the connection is gone, or not served any more');
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
      return this.#turnAway(socket, 'no session');
    }
    this.#receivers.set(receiver, counted);
    if (this.#hooks !== undefined) return receiver.start(this.#hooks);
    const connection = new Connection(receiver.session);
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

  #turnAway(socket: Stream, reason: keyof typeof TURNED_AWAY): void {
    if (this.#tlsAtOnce !== undefined || this.#turnedAway >= MOST_TURNED_AWAY) return void socket.destroy();
    this.#turnedAway++;
    socket.on('error', destroy);
    socket.on('close', () => this.#turnedAway--);
    socket.write(encodeAscii(TURNED_AWAY[reason].replace('{host}', () => this.#options.hostname)));
    socket.end();
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER).unref();
  }

  async #stop(): Promise<void> {
    this.#closed = true;
    this.#wakeLoops();
    const entranceClosed = this.#entrance?.close();
    if (this.#entrance === undefined) this.#listener.close(() => undefined); // at once; what Node would have us wait for is also who has heard our last word and keeps the line
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

  #halt(): void {
    for (const receiver of this.#receivers.keys()) receiver.halt();
  }
}

/** Connections that are turned away at a time, each with a socket until its client has read why; further ones are closed. */
const MOST_TURNED_AWAY = 100;

const LINGER: Milliseconds = seconds(2);

const CLOSING = refuse(421, '4.3.2', 'shutting down, closing connection');

/** In place of the banner (RFC 5321 §3.8, §7.8). */
const TURNED_AWAY = {
  'no room': '421 4.7.0 {host} too many connections, try again later\r\n',
  'closed': '421 4.3.2 {host} shutting down, closing connection\r\n',
  'no memory': '421 4.3.2 {host} too much mail at a time, try again later\r\n',
  'no session': '421 4.3.0 {host} local error, try again later\r\n',
} as const;

function rangeOf(text: string): Cidr {
  const range = parseCidr(text);
  if (range === undefined) throw new UsageError(`proxyFrom holds addresses or ranges such as 192.0.2.0/24, not ${JSON.stringify(text)}`);
  return range;
}
