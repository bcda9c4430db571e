import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TraceFolder } from '../../src/node/trace-folder.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const real = builtin('node:fs')['closeSync'] as (descriptor: number) => void;

const realWrite = builtin('node:fs')['writeSync'] as (...given: readonly unknown[]) => number;
let full = false;
let late = true;

// As a file system does that writes late, and little at a time, and where a quota is used up.
replaceIn('node:fs', {
  closeSync: (descriptor: number) => {
    real(descriptor);
    if (late) throw new Error('EDQUOT: disk quota exceeded, close');
  },
  writeSync: (descriptor: number, octets: Uint8Array, at: number) => {
    if (full) throw new Error('ENOSPC: no space left on device, write');
    return realWrite(descriptor, octets, at, Math.min(5, octets.length - at));
  },
});

it('a trace that cannot be closed is told of once, and nobody else suffers', async () => {
  using directory = temporaryDirectory();
  const told: string[] = [];
  const folder = await TraceFolder.open(directory.path, (text) => told.push(text), '2-');
  const { name, write, close } = folder.begin('server');
  expect(name).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z-2-1-server\.smtp$/);
  write('S: 220 mx.test\n');
  close();
  close();
  expect(readFileSync(join(directory.path, name), 'utf8')).toBe('S: 220 mx.test\n');
  expect(told).toEqual([`the trace ${directory.path}/${name} ends here: EDQUOT: disk quota exceeded, close; until one is whole again, nothing is said of others`]);
});

it('a trace that can be neither written nor closed is told of once too, and ends there', async () => {
  using directory = temporaryDirectory();
  const told: string[] = [];
  const folder = await TraceFolder.open(directory.path, (text) => told.push(text));
  const { name, write } = folder.begin('server');
  full = true;
  write('S: 220 mx.test\n');
  full = false;
  write('C: QUIT\n');
  expect(statSync(join(directory.path, name)).size).toBe(0);
  expect(told).toEqual([expect.stringContaining('ends here: ENOSPC')]);
});

it('a folder that is made for traces is its owner\'s alone', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'above/traces');
  await TraceFolder.open(path, () => undefined);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

// found by trying: a full disk was told of once for each session
it('of many traces that cannot be written the first one is told of, and the next one after one that could', async () => {
  using directory = temporaryDirectory();
  const told: string[] = [];
  const folder = await TraceFolder.open(directory.path, (text) => told.push(text));
  late = false;
  for (const broken of [true, true, true, false, true]) {
    const { write, close } = folder.begin('server');
    full = broken;
    write('S: 220 mx.test\n');
    full = false;
    close();
  }
  late = true;
  expect(told.map((text) => /-(\d)-server/.exec(text)?.[1])).toEqual(['1', '5']);
});

describe('a folder that cannot be written', () => {
  const access = builtin('node:fs/promises')['access'];
  replaceIn('node:fs/promises', { access: () => Promise.reject(new Error('EACCES: permission denied, access')) });

  // found by trying: each session complained, and none at the start
  it('is told of at the start', async () => {
    using directory = temporaryDirectory();
    expect(access).toBeDefined();
    await expect(TraceFolder.open(directory.path, () => undefined)).rejects.toThrow('EACCES');
  });
});
