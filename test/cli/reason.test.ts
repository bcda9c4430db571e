import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reason } from '../../src/cli/reason.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('the reason of a failure', () => {
  it('is what the system says, without its codes and calls', async () => {
    using folder = temporaryDirectory();
    const absent = join(folder.path, 'absent');
    const said = async (failing: Promise<unknown>): Promise<string> => failing.then(() => 'nothing failed', reason);
    expect(await said(readFile(absent))).toBe(`no such file or directory (${absent})`);
    expect(await readFile(absent).catch((error: unknown) => reason(error, absent))).toBe('no such file or directory'); // it is named already
    expect(await said(readFile(folder.path))).toMatch(/^illegal operation on a directory( \(|$)/); // since Node 26 with the path
    await (await open(absent, 'wx')).close();
    expect(await said(mkdir(absent))).toBe(`a file has that name, expected a folder (${absent})`);
  });

  it('is the message of any other error, and of one in which the system is quoted', () => {
    expect(reason(new Error('the key is not that of the certificate'))).toBe('the key is not that of the certificate');
    expect(reason(new Error("cannot read the users in u: ENOENT: no such file or directory, open 'u'"))).toBe('cannot read the users in u: no such file or directory');
    expect(reason(new Error("the queue has stopped, since the disk failed: EIO: i/o error, fdatasync 'q/journal/000001.log'"))).toBe('the queue has stopped, since the disk failed: i/o error (q/journal/000001.log)');
    expect(reason(new Error("the disk failed: ENOENT: no such file or directory, rename 'q/tmp/it's' -> 'q/msg/it's'"))).toBe("the disk failed: no such file or directory (q/tmp/it's)");
    expect(reason(new Error('EISDIR: illegal operation on a directory, read'))).toBe('illegal operation on a directory');
    expect(reason(new Error("EINVAL: invalid argument, fsync 'q'"))).toBe('the file system cannot sync that: expected one that can (q)'); // found by trying: it was "invalid argument"
    expect(reason(new Error("the disk failed: ENOTSUP: operation not supported on socket, fdatasync 'q/journal/000001.log'"))).toBe('the disk failed: the file system cannot sync that: expected one that can (q/journal/000001.log)');
    expect(reason('thrown')).toBe('thrown');
  });
});
