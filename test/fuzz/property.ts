// What targets of the fuzzer are written with: a claim that must hold, a way to cut, and what an input did that was new.
//
// A target is a function of octets. It returns, or it throws a `BrokenProperty`; anything else that it throws is a finding too.

import { formatExact } from '../../src/transcript/exact.ts';

/** The shape that Jazzer.js and libFuzzer's drivers want. */
export type Target = (octets: Uint8Array) => void;

export class BrokenProperty extends Error {
  override readonly name = 'BrokenProperty';
}

/** Throws unless the claim holds; what is told is made only then. */
export function claim(holds: boolean, told: () => string): asserts holds {
  if (!holds) throw new BrokenProperty(told());
}

/** Claims that both are the same as JSON has it, octets by their text. */
export function claimEqual(got: unknown, expected: unknown, about: string): void {
  const [a, b] = [textOf(got), textOf(expected)];
  if (a === b) return;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  const from = Math.max(0, at - 60);
  throw new BrokenProperty(`${about}: expected …${b.slice(from, at + 120)}, got …${a.slice(from, at + 120)}`);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? formatExact(part) : part instanceof Map ? [...part] : part === Infinity ? 'Infinity' : part)) ?? 'undefined';
}

/** Ways to cut octets into segments: whole, octet by octet, and one that follows from the octets themselves. */
export function segmentations(octets: Uint8Array): readonly (readonly Uint8Array[])[] {
  return [[octets.slice()], singly(octets), cutAt(octets)];
}

/** Each octet is a segment. */
export function singly(octets: Uint8Array): Uint8Array[] {
  return Array.from(octets, (octet) => Uint8Array.of(octet));
}

/** Cuts by a chance that the octets seed, so that the same input is always cut the same way. */
export function cutAt(octets: Uint8Array): Uint8Array[] {
  const segments: Uint8Array[] = [];
  let seed = octets.reduce((sum, octet) => (Math.imul(sum, 31) + octet) | 0, octets.length);
  for (let at = 0; at < octets.length; ) {
    seed = (Math.imul(seed, 0x41c64e6d) + 12_345) | 0;
    const end = at + 1 + ((seed >>> 16) % 7);
    segments.push(octets.slice(at, end)); // a copy: whatever looks beyond its end finds nothing
    at = end;
  }
  return segments;
}

/** What inputs have done so far that no block of the code shows: a verb in a state, with its reply. The driver is guided by it as by coverage. */
export const features = new Set<string>();

export function feature(name: string): void {
  features.add(name);
}
