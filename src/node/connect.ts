// A TCP connection to a target, or the reason why there is none.

import { Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { seconds, type Milliseconds } from '../protocol/limit.ts';
import type { Target } from '../relay/route.ts';
import type { Signal } from './aborter.ts';
import { readDirectly } from './direct-read.ts';
import { errorCode } from './error-text.ts';
import { readBeforeEnd } from './last-read.ts';

/** Milliseconds that an address has to answer. RFC 5321 §4.5.3.2 has no row for it; Postfix waits as long. */
export const CONNECT_TIMEOUT: Milliseconds = seconds(30);

const NO_DELAY: object = { noDelay: true }; // not in all types of Node that there are

/** Errors of our own side: no reason to think ill of the destination. */
const LOCAL_ERRORS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES', 'EPERM']);

/** No connection came about. */
export class ConnectError extends Error {
  /** The fault is on our side. */
  readonly local: boolean;

  constructor(message: string, local: boolean, cause?: unknown) {
    super(message, { cause });
    this.local = local;
  }
}

/** Connects to one address. Rejects with a ConnectError; an abort closes what is under way. */
export function connect({ address, port }: Pick<Target, 'address' | 'port'>, { timeout = CONNECT_TIMEOUT, signal }: { readonly timeout?: Milliseconds; readonly signal?: Signal | undefined } = {}): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = new Socket(NO_DELAY).connect({ host: address, port });
    const fail = (error: ConnectError): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new ConnectError(`${address} port ${port} did not answer in ${timeout / 1_000} s`, false)), timeout);
    const aborted = (): void => fail(new ConnectError('given up', true, signal?.reason));
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    };
    signal?.addEventListener('abort', aborted, { once: true });
    socket.on('error', (error) => fail(new ConnectError(`${address} port ${port}: ${connectReason(error)}`, LOCAL_ERRORS.has(errorCode(error) ?? ''), error)));
    socket.on('connect', () => {
      settle();
      readDirectly(socket);
      readBeforeEnd(socket);
      socket.pause();
      resolve(socket);
    });
    if (signal?.aborted === true) aborted();
  });
}

/** Why there is no connection, or none any more, in words. */
export function connectReason(error: Error): string {
  return CONNECT_ERRORS[errorCode(error) ?? ''] ?? error.message;
}

const CONNECT_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ETIMEDOUT: 'timed out',
  // our own side: Node's words end in " - Local (undefined:undefined)"
  EMFILE: 'too many open files here',
  ENFILE: 'too many open files on this machine',
  EADDRNOTAVAIL: 'this machine has no address or no port left to connect from',
  EAFNOSUPPORT: 'this machine does not speak that version of IP',
  EACCES: 'this machine does not permit it',
  EPERM: 'this machine does not permit it',
};
