// The time, as sessions and deadlines have it: of a clock that nobody sets. What is dated goes by `Date.now()`, see `clock.ts`.

import { performance } from 'node:perf_hooks';
import type { Milliseconds } from '../protocol/limit.ts';

/** Whole milliseconds: a number with a fraction is an object of 16 octets, for each octet run that comes and each field that holds one. */
export const now = (): Milliseconds => Math.trunc(performance.now());
