// node:timers by way of the global ones, which vitest can fake. For vi.mock:
//
//   vi.mock('node:timers', async () => (await import('../support/global-timers.ts')).timers);

type Timers = Readonly<Record<'setTimeout' | 'clearTimeout' | 'setImmediate', (...args: readonly unknown[]) => unknown>>;

const globals = globalThis as unknown as Timers; // the types here know no globals of Node

export const timers: Timers = {
  setTimeout: (...args) => globals.setTimeout(...args),
  clearTimeout: (...args) => globals.clearTimeout(...args),
  setImmediate: (...args) => globals.setImmediate(...args),
};
