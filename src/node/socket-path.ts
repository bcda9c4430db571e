// Unix sockets in a folder whose path may be longer than the address of a socket can be.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeUtf8 } from '../wire/utf8.ts';
import { nodeProcess } from './on-demand.ts';

const process = nodeProcess();

const LONGEST_PATH = 100; // octets; systems take 104 or 108 with a NUL

export interface SocketPath {
  /** The path of the socket, by a way that is short enough for one, and for this process alone. */
  readonly short: string;
  /** To be called when the path is not needed any more. */
  readonly release: () => Promise<void>;
}

/** Returns a path to the socket of this name in the directory. */
export async function socketPath(directory: string, name: string): Promise<SocketPath> {
  const short = join(directory, name);
  if (encodeUtf8(short).length <= LONGEST_PATH) return { short, release: async () => undefined };
  if (process.platform !== 'linux') throw new Error(`the path of the queue is too long for the socket ${name} in it`);
  const folder = await open(directory, 'r');
  return { short: `/proc/self/fd/${folder.fd}/${name}`, release: () => folder.close() };
}
