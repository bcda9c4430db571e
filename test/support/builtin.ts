// Functions of a module of Node's that are others while the tests of one file run. What runs is built already, and imports the
// real modules: so these are changed themselves, and put back, in place of a process for each such file.

import { createRequire, syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll } from 'vitest';

const require = createRequire(`${import.meta.dirname}/`);

/** Has the tests of this file, and what they call, find other functions in a module of Node's. */
export function replaceIn(name: `node:${string}`, others: Readonly<Record<string, unknown>>): void {
  const module = require(name);
  const real = Object.fromEntries(Object.keys(others).map((key) => [key, module[key]]));
  beforeAll(() => put(module, others));
  afterAll(() => put(module, real));
}

/** The module itself, as it is. */
export const builtin = (name: `node:${string}`): Readonly<Record<string, unknown>> => ({ ...require(name) });

function put(module: Record<string, unknown>, functions: Readonly<Record<string, unknown>>): void {
  Object.assign(module, functions);
  syncBuiltinESMExports();
}
