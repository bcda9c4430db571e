// The accept loop: listening sockets, and a Receiver for each connection.

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { UsageError } from '../wire/usage.ts';
import { isFault } from '../syntax/fault.ts';
import { parseHost } from '../syntax/domain.ts';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import { Connection } from './connection.ts';
import type { Hooks } from './hook.ts';
import { machineName } from './machine-name.ts';
import { Receiver, type ReceiverOptions } from './receiver.ts';

export interface ListenOptions extends Partial<ReceiverOptions> {
  /** Address or name to listen on. Default: `localhost`. */
  readonly host?: string;
  /** Default: 2525. 0: any free port, see `server.port`. */
  readonly port?: number;
}

/**
 * Listens for SMTP connections (RFC 5321 §3.1), and resolves when it does.
 *
 * With hooks, sessions are answered by them. Without, iterate the server: each connection is iterated for its mails, or
 * refused. Rejects with an Error whose message says what could not be done, and throws UsageError for bad options.
 */
export async function listen(options: ListenOptions = {}, hooks?: Hooks): Promise<Server> {
  const { host = 'localhost', port = 2525, hostname = await machineName() } = options;
  if (isFault(parseHost(hostname))) throw new UsageError(`hostname must be a domain or an address literal, not ${JSON.stringify(hostname)}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`port must be an integer from 0 to 65535, not ${port}`);
  if (hooks !== undefined && typeof hooks.message !== 'function') throw new UsageError('hooks need at least "message", which decides about each mail');
  const server = new Server({ ...options, hostname }, hooks);
  await server.open(host, port);
  return server;
}

export class Server implements AsyncIterable<Connection>, AsyncDisposable {
  readonly #options: ReceiverOptions;
  readonly #hooks: Hooks | undefined;
  readonly #listener: NetServer;
  readonly #receivers = new Map<Receiver, Socket>();
  readonly #accepted = new Set<Connection>(); // for the accept loop: those that it has not seen yet
  #closing: Promise<void> | undefined;
  #closed = false;
  #wake: (() => void) | undefined;
  #idle: (() => void) | undefined;
  #host = '';
  #port = 0;

  constructor(options: ReceiverOptions, hooks: Hooks | undefined) {
    this.#options = options;
    this.#hooks = hooks;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
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

  /** Used by `listen`. */
  open(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.on('error', (error) => reject(new Error(`cannot listen on ${host}:${port}: ${LISTEN_ERRORS[error.code ?? ''] ?? error.message}`, { cause: error })));
      this.#listener.on('listening', () => {
        const address = this.#listener.address();
        if (address !== null && typeof address !== 'string') {
          this.#host = address.address;
          this.#port = address.port;
        }
        this.#listener.removeAllListeners('error');
        this.#listener.on('error', this.#hooks?.error ?? ((error) => process.emitWarning(error))); // one connection was not accepted; the next may be
        resolve();
      });
      this.#listener.listen({ host, port });
    });
  }

  /** Stops accepting, lets sessions finish what is in hand, says 421, and after `grace` milliseconds cuts what is left. */
  close(grace: Milliseconds = seconds(30)): Promise<void> {
    this.#closing ??= this.#stop(grace);
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
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #accept(socket: Socket): void {
    let connection: Connection | undefined;
    const receiver = new Receiver(socket, this.#options, () => {
      if (connection !== undefined) {
        connection.end();
        this.#accepted.delete(connection); // gone before the loop came to it
      }
      this.#receivers.delete(receiver);
      if (this.#receivers.size === 0) this.#idle?.();
    });
    this.#receivers.set(receiver, socket);
    if (this.#hooks !== undefined) return receiver.start(this.#hooks);
    connection = new Connection(receiver.session);
    receiver.start(connection.hooks());
    this.#accepted.add(connection);
    this.#wake?.();
  }

  async #stop(grace: Milliseconds): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    const listenerClosed = new Promise<void>((resolve) => this.#listener.close(resolve));
    for (const receiver of this.#receivers.keys()) receiver.shutdown();
    const over = this.#receivers.size === 0 ? undefined : new Promise<void>((resolve) => (this.#idle = resolve));
    const timer = setTimeout(() => {
      for (const socket of this.#receivers.values()) socket.destroy();
    }, grace);
    await over; // also those that are cut: their hooks have been told
    clearTimeout(timer);
    await listenerClosed;
  }
}

/** What the system's error codes mean to a person. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'no permission (ports below 1024 need a privilege)',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
};
