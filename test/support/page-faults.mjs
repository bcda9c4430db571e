// Prints how many pages the system had to clear while 200 blocks were filled that had been filled and freed before, and whether
// the C library is glibc. With --expose-gc.

import process from 'node:process';
import { keepFreedMemory } from '../../dist/node/freed-memory.js';

async function fill() {
  const before = process.resourceUsage().minorPageFault;
  for (let block = 0; block < 200; block++) Buffer.allocUnsafeSlow(65_536).fill(1);
  const faults = process.resourceUsage().minorPageFault - before;
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 20)); // what is freed is freed by another thread
  return faults;
}

keepFreedMemory();
globalThis.gc();
await fill();
const faults = await fill();
console.log(`${process.report.getReport().header.glibcVersionRuntime === undefined ? 'other' : 'glibc'} ${faults}`);
