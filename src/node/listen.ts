// Listening: what can be said about a server, and the first thing that is wrong with it, in a sentence.

import { checkFlags, checkFunctions, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { hostOf } from '../protocol/hostname.ts';
import { SERVER_OPTIONS } from '../protocol/server/option.ts';
import type { Collector } from './collect.ts';
import { ListeningEntrance, type Entrance } from './entrance.ts';
import { reportError } from './error-report.ts';
import type { AnyHooks, Hooks } from './hook.ts';
import { machineName } from './machine-name.ts';
import { isSocketPath, LONGEST_PATH } from './place.ts';
import type { ReceiverOptions } from './receiver-option.ts';
import { Server, type ServerLimits } from './server.ts';
import { tlsServerOf, type TlsOptions, type TlsServer } from './tls.ts';

/** The options of a server. `hostname` defaults to the name of this machine, or an address of it. */
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
  /** Where connections come in, in place of a socket of its own: duplex streams of whatever kind, so that a server can be tested without a port. */
  readonly entrance?: Entrance;
}

/** All of them, by name. */
const LISTEN_OPTIONS: Readonly<Record<keyof ListenOptions, true>> = {
  ...SERVER_OPTIONS,
  tls: true, tlsAtOnce: true, hookTimeout: true, maxBuffered: true, session: true, maxConnections: true, maxConnectionsPerClient: true, proxyFrom: true,
  host: true, port: true, path: true, fd: true, entrance: true,
};

/** All hooks, by name, and what a `Collector` has besides. */
const HOOK_NAMES: Readonly<Record<keyof Collector, true>> = {
  sessionState: true, mailState: true, client: true, helo: true, mail: true, rcpt: true, auth: true, unauthenticated: true, vrfy: true, message: true, ended: true, notice: true, error: true,
  mails: true, next: true,
};

/** Those that a server can do without. */
const HOOKS = ['sessionState', 'mailState', 'client', 'helo', 'mail', 'rcpt', 'auth', 'unauthenticated', 'vrfy', 'ended', 'notice', 'error'] as const satisfies readonly (keyof Hooks)[];

/**
 * Listens for SMTP connections (RFC 5321 §3.1), and resolves when it does.
 *
 * With hooks, sessions are answered by them. Without, iterate the server: each connection is iterated for its mails, or
 * refused. Rejects with an Error whose message says what could not be done, and throws UsageError for bad options.
 */
export async function listen<State = undefined, MailState = undefined>(options: ListenOptions = {}, hooks?: Hooks<State, MailState>): Promise<Server> {
  checkObject(options);
  checkNames(options, LISTEN_OPTIONS);
  if ('message' in options) throw new UsageError('hooks are the second argument: listen(options, { message })'); // it would wait for an accept loop, and so would its clients
  const { host = '127.0.0.1', port = 2525, path, fd, entrance, tls, hostname = await machineName(), ...others } = options;
  hostOf(hostname);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError(`port must be an integer from 0 to 65535, not ${shown(port)}`);
  if (typeof host !== 'string' || host === '') throw new UsageError(`host must be an address or a name, such as 127.0.0.1, or :: for all addresses, not ${shown(host)}`); // Node would take none for all
  if (fd !== undefined && !(Number.isInteger(fd) && fd >= 0)) throw new UsageError(`fd must be the number of a descriptor, not ${shown(fd)}`);
  if (path !== undefined && !isSocketPath(path)) throw new UsageError(`path must be text of 1 to ${LONGEST_PATH} octets, as long as the address of a Unix socket can be, not ${shown(path)}`);
  if (entrance !== undefined && !(typeof entrance?.begin === 'function' && typeof entrance.close === 'function')) throw new UsageError(`entrance must have a host and a port, '' and 0 where there are none, and functions begin and close, not ${shown(entrance)}`);
  checkFlags(others, ['tlsAtOnce']);
  if (others.lmtp === true && port === 25) throw new UsageError('LMTP is not spoken on port 25, where clients expect SMTP (RFC 2033 §5)');
  if (hooks !== undefined && typeof hooks?.message !== 'function') throw new UsageError('hooks need at least "message", which decides about each mail');
  if (hooks !== undefined) {
    checkNames(hooks, HOOK_NAMES);
    checkFunctions(hooks, HOOKS);
  }
  if (others.tlsAtOnce === true && tls === undefined) throw new UsageError('tlsAtOnce needs tls, with a certificate and a key');
  if (others.auth !== undefined && hooks?.auth === undefined) throw new UsageError('auth needs the hook "auth", which answers for the users');
  const kept = hooks as AnyHooks | undefined; // the one cast: from here on the states are kept, and not looked at
  const server = new Server({ ...others, hostname, tls: tlsServerOf(tls) }, kept);
  server.enter(entrance ?? await ListeningEntrance.open(fd !== undefined ? { fd } : path !== undefined ? { path } : { host, port }, { failed: (error) => reportError(kept, error) }));
  return server;
}
