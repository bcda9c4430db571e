// node:fs/promises that notes each operation on files, in order, and fails where a test says so: `watchDisk`.

import { join } from 'node:path';
import { builtin, replaceIn } from './builtin.ts';

/** The operations so far: `open mail/1`, `write tmp/2`, `rename tmp/2 → mail/2`; paths from the last two names on. */
export const operations: string[] = [];

/** An operation that begins so fails, from now on; undefined: none does. */
export const failing: { prefix: string | undefined } = { prefix: undefined };

interface Disk {
  readonly open: (path: string, flags: string, mode?: number) => Promise<Handle>;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly unlink: (path: string) => Promise<void>;
}

interface Handle {
  write(octets: Uint8Array): Promise<unknown>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** For the tests of the file that calls it: what happens in their directory, and no other. */
export function watchDisk(directory: () => string | undefined): void {
  const { open, rename, unlink } = builtin('node:fs/promises') as unknown as Disk;
  const isElsewhere = (path: string): boolean => !path.startsWith(directory() ?? '\0');
  replaceIn('node:fs/promises', {
    async open(path: string, flags: string, mode?: number): Promise<Handle> {
      if (isElsewhere(path)) return open(path, flags, mode);
      note(`open ${short(path)}`);
      const handle = await open(path, flags, mode);
      for (const operation of ['write', 'sync', 'close'] as const) {
        const original = handle[operation].bind(handle) as (octets?: Uint8Array) => Promise<never>;
        handle[operation] = async (octets?: Uint8Array) => {
          note(`${operation} ${short(path)}`);
          return original(octets);
        };
      }
      return handle;
    },
    async rename(from: string, to: string): Promise<void> {
      if (isElsewhere(from)) return rename(from, to);
      note(`rename ${short(from)} → ${short(to)}`);
      return rename(from, to);
    },
    async unlink(path: string): Promise<void> {
      if (isElsewhere(path)) return unlink(path);
      note(`unlink ${short(path)}`);
      return unlink(path);
    },
  });
}

function note(operation: string): void {
  operations.push(operation);
  if (failing.prefix !== undefined && operation.startsWith(failing.prefix)) throw Object.assign(new Error(`EIO: i/o error, ${operation}`), { code: 'EIO' });
}

/** The last two names of a path; what is made of chance is left out. */
function short(path: string): string {
  return join(...path.split('/').slice(-2)).replace(/-[a-z0-9]{15}$/, '-*');
}
