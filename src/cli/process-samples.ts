// What is measured of a process of `ehlo serve`, whatever it does.

import process from 'node:process';
import { sampleKey, type Samples } from '../relay/metric.ts';
import type { LoopLag } from '../node/loop-lag.ts';

export function processSamples(lag: LoopLag | undefined): Samples {
  const samples = new Map<string, number>([['ehlo_resident_memory_bytes', process.memoryUsage().rss]]);
  for (const [of, seconds] of Object.entries(lag?.take() ?? {})) samples.set(sampleKey('ehlo_event_loop_lag_seconds', { of }), seconds);
  return samples;
}
