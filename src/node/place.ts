// Where a server listens: a host and a port, a Unix socket, or a listening descriptor that was inherited.

import { stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { formatHostPort } from '../syntax/ip-address.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { errorCode } from './error-text.ts';
import { nodeProcess } from './on-demand.ts';

const process = nodeProcess();

export type Place = { readonly host: string; readonly port: number } | { readonly path: string } | { readonly fd: number };

/** Octets of the address of a Unix socket, without the NUL at its end. Node cuts a longer one, and listens elsewhere. */
export const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;

/** Tells whether it is one that can be listened on, whatever its type promised. @internal */
export function isSocketPath(path: unknown): boolean {
  return typeof path === 'string' && path !== '' && encodeUtf8(path).length <= LONGEST_PATH;
}

/** Listens, or rejects with an Error whose message says in one line what could not be done. A Unix socket that a server left behind when it died is removed. @internal */
export async function openPlace(listener: Server, place: Place): Promise<void> {
  try {
    await listenAt(listener, place);
  } catch (error) {
    if (!('path' in place) || !(error instanceof Error)) throw error;
    if (errorCode(error.cause) === 'EACCES' && (await isAbsent(dirname(place.path)))) throw new Error(`cannot listen on ${place.path}: there is no such directory`, { cause: error }); // Node calls it EACCES
    if (errorCode(error.cause) !== 'EADDRINUSE') throw error;
    if (!(await isSocket(place.path))) throw new Error(`cannot listen on ${place.path}: there is something else of that name, which is no socket`, { cause: error.cause });
    if (!(await isDead(place.path))) throw error;
    await unlink(place.path);
    await listenAt(listener, place);
  }
}

function listenAt(listener: Server, place: Place): Promise<void> {
  const name = 'path' in place ? place.path : 'fd' in place ? `descriptor ${place.fd}` : formatHostPort(place.host, place.port);
  const reasons = 'path' in place ? PATH_ERRORS : 'fd' in place ? DESCRIPTOR_ERRORS : LISTEN_ERRORS;
  return new Promise<void>((resolve, reject) => {
    listener.on('error', (error) => reject(new Error(`cannot listen on ${name}: ${reasons[errorCode(error) ?? ''] ?? error.message}`, { cause: error })));
    listener.on('listening', resolve);
    listener.listen(place);
  }).finally(() => {
    listener.removeAllListeners('error');
    listener.removeAllListeners('listening');
  });
}

/** What the system's error codes mean to a person. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another program (ss -ltnp tells which)',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EAFNOSUPPORT: 'this machine does not speak that version of IP',
  EACCES: 'no permission: ports below 1024 are for root, and for who has CAP_NET_BIND_SERVICE',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
};

const PATH_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'no permission',
  ENOENT: 'there is no such directory',
  ENOTDIR: 'there is no such directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

const DESCRIPTOR_ERRORS: Readonly<Record<string, string>> = { EINVAL: 'it is no socket that listens' };

function isAbsent(path: string): Promise<boolean> {
  return stat(path).then(() => false, (error: unknown) => errorCode(error) === 'ENOENT');
}

/** A link that leads nowhere takes its name too, and is none. */
function isSocket(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isSocket(), () => false);
}

/** Tells whether a Unix socket is one that nobody listens on. What is no socket is not dead. Rejects where there is nothing. @internal */
export async function isDead(path: string): Promise<boolean> {
  if (!(await stat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('connect', () => (socket.destroy(), resolve(false)));
    socket.on('error', (error) => resolve(errorCode(error) === 'ECONNREFUSED'));
  });
}
