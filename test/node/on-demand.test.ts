import process from 'node:process';
import { afterEach, describe, expect, it, vi } from 'vitest';

const { execPath } = process;
afterEach(() => {
  Object.defineProperty(process, 'execPath', { value: execPath });
});

describe('a module of Node that is loaded when it is first used', () => {
  it('is found where nobody can tell which file the program is: in a jail without /proc', async () => {
    Object.defineProperty(process, 'execPath', { value: 'node' });
    vi.resetModules();
    const { nodeCrypto } = await import('../../src/node/on-demand.ts');
    expect(nodeCrypto().randomBytes(2)).toHaveLength(2);
    expect(nodeCrypto()).toBe(nodeCrypto());
  });
});
