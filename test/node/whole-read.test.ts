import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equal } from '../../src/wire/octet.ts';
import { collectWhole, readWhole, readWholeAtOnce, readWholeText } from '../../src/node/whole-read.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const content = Uint8Array.from({ length: 3_000_000 }, (_, at) => at % 251); // three pieces

describe.each<[string, (path: string, most: number) => Uint8Array | Promise<Uint8Array>]>([
  ['readWhole', readWhole],
  ['readWholeAtOnce', readWholeAtOnce],
])('%s', (_, read) => {
  const readFrom = async (path: string, most: number): Promise<Uint8Array> => read(path, most);

  it('returns all octets of a file, as many as it may have', async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, 'file');
    for (const length of [0, 1, 1_048_576, 3_000_000]) {
      writeFileSync(path, content.subarray(0, length) as unknown as string); // node:fs takes octets too
      expect(equal(await readFrom(path, length), content.subarray(0, length))).toBe(true);
    }
  });

  it('takes not one more', async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, 'file');
    writeFileSync(path, 'abcd');
    await expect(readFrom(path, 3)).rejects.toThrow(/^it has more than 3 octets$/);
  });

  it('leaves what has no end', async () => {
    await expect(readFrom('/dev/zero', 5_000_000)).rejects.toThrow(/^it has more than 5000000 octets$/);
  });

  it('says what the system says of a file that is not there, and of a folder', async () => {
    await expect(readFrom('/nonexistent/x', 1)).rejects.toThrow("ENOENT: no such file or directory, open '/nonexistent/x'");
    await expect(readFrom('/', 1)).rejects.toThrow('EISDIR: illegal operation on a directory, read');
  });
});

it('readWhole reads a pipe to its end', async () => {
  using folder = temporaryDirectory();
  const path = join(folder.path, 'pipe');
  execFileSync('mkfifo', [path], { encoding: 'utf8' });
  spawn('sh', ['-c', `(printf ab; printf cd) >"${path}"`], { stdio: ['ignore', 'pipe', 'pipe'] });
  expect(await readWhole(path, 4)).toEqual(Uint8Array.of(97, 98, 99, 100));
});

it('readWholeText keeps what stands in front, and has a character for what is no UTF-8', async () => {
  using folder = temporaryDirectory();
  const path = join(folder.path, 'file');
  writeFileSync(path, Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff, 0xc3, 0xa4) as unknown as string); // node:fs takes octets too
  expect(await readWholeText(path, 7)).toBe('\ufeffa\ufffd\u00e4');
});

it('collectWhole leaves a stream that has more', async () => {
  let given = 0;
  let left = false;
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;; given += 1) yield new Uint8Array(10);
    } finally {
      left = true;
    }
  };
  await expect(collectWhole(stream(), 25)).rejects.toThrow('it has more than 25 octets');
  expect({ given, left }).toEqual({ given: 2, left: true });
});
