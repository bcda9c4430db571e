// Memory that was freed, and is soon wanted again.
//
// Content comes in memory of its own, which V8 frees some tens of megabytes at a time. Where the C library is glibc, as on most
// machines with Linux, that goes back to the system at once but for 128 KiB, and the system clears each page of it before it
// gives it out again: a third of all that a mail of 10 MB cost, a quarter of one of 100 kB (measured: 25.9 → 14.9 ms, 338 → 265 µs).
// But whoever frees a block that is larger than any before shows by it how much comes and goes, and has twice as much kept from
// then on (mallopt(3): the dynamic threshold of M_TRIM_THRESHOLD; blocks of up to 32 MiB count).

const MEBIBYTE = 2 ** 20;

/** Twice this is what V8 lets pile up before it frees it: what is kept is no more than what was in use. */
const BLOCK = 31 * MEBIBYTE;

let kept = false;

/**
 * Has the C library keep memory that is freed from now on; once is enough. It takes addresses, and no memory: nobody writes to
 * the block, which is the collector's at once. Where the library has no such rule nothing changes.
 */
export function keepFreedMemory(): void {
  if (kept) return;
  kept = true;
  new ArrayBuffer(BLOCK);
}
