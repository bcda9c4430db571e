// The fuzzer: runs a target on mutations of what it has, keeps what does something new, makes findings small. The same seed does
// the same on every day and machine, as far as time does not cut it short.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { randomOf, type Random } from '../support/random.ts';
import { mutate } from './mutate.ts';
import { features, type Target } from './property.ts';

export interface Finding {
  /** What is wrong; two findings with one title are one. */
  readonly title: string;
  readonly octets: Uint8Array;
  readonly error: Error;
}

export interface Coverage {
  /** Returns how much of the code was run since the last call that never was before; `remember`: it counts as run from now on. */
  fresh(remember: boolean): number;
}

const BATCH = 16; //           executions between two looks at the coverage, which cost as much as ten
const MOST_EXECUTIONS = 3_000; // to make one finding smaller
const MOST_FINDINGS = 20;

export class Fuzzer {
  executions = 0;
  readonly findings: Finding[] = [];
  readonly #target: Target;
  readonly #random: Random;
  readonly #coverage: Coverage | undefined;
  readonly #before: (octets: Uint8Array) => void;
  readonly #kept: Uint8Array[];
  readonly #seeds: number;

  /** `before`: is told of each input, in case it never comes back. */
  constructor(target: Target, seeds: readonly Uint8Array[], seed: number, coverage?: Coverage, before: (octets: Uint8Array) => void = () => undefined) {
    this.#target = target;
    this.#random = randomOf(seed);
    this.#coverage = coverage;
    this.#before = before;
    this.#kept = seeds.length === 0 ? [new Uint8Array(0)] : [...seeds];
    this.#seeds = this.#kept.length;
  }

  /** Inputs that did something new, seeds not counted. */
  get kept(): readonly Uint8Array[] {
    return this.#kept.slice(this.#seeds);
  }

  /** Runs all seeds as they are. */
  begin(): void {
    for (const octets of [...this.#kept]) this.#execute(octets);
    this.#coverage?.fresh(true);
  }

  /** Runs some mutations, and keeps those that are the first to come somewhere. */
  step(): void {
    const batch = Array.from({ length: BATCH }, () => mutate(this.#choose(), this.#random.pick(this.#kept), this.#random));
    for (const octets of batch) {
      const known = features.size;
      this.#execute(octets);
      if (features.size > known) this.#kept.push(octets);
    }
    if (this.#coverage === undefined || this.#coverage.fresh(false) === 0) return;
    for (const octets of batch) {
      this.#execute(octets);
      if (this.#coverage.fresh(true) > 0) this.#kept.push(octets);
    }
  }

  get full(): boolean {
    return this.findings.length >= MOST_FINDINGS;
  }

  /** Late finds more often than early ones. */
  #choose(): Uint8Array {
    const length = this.#kept.length;
    return this.#kept[this.#random.chance(0.5) ? this.#random.below(length) : length - 1 - Math.floor(this.#random.below(length) ** 2 / length)] ?? new Uint8Array(0);
  }

  #execute(octets: Uint8Array): void {
    const error = this.#try(octets);
    if (error === undefined || this.findings.some(({ title }) => title === titleOf(error))) return;
    const small = this.#minimise(octets, titleOf(error));
    this.findings.push({ title: titleOf(error), octets: small, error: this.#try(small) ?? error });
  }

  #try(octets: Uint8Array): Error | undefined {
    this.executions += 1;
    this.#before(octets);
    try {
      this.#target(octets);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Leaves out as much as can be left out while the same is wrong; then makes octets 0. */
  #minimise(octets: Uint8Array, title: string): Uint8Array {
    const last = this.executions + MOST_EXECUTIONS;
    const fails = (candidate: Uint8Array): boolean => {
      const error = this.executions < last ? this.#try(candidate) : undefined;
      return error !== undefined && titleOf(error) === title;
    };
    let small = octets;
    for (let length = Math.ceil(octets.length / 2); length >= 1; length = length === 1 ? 0 : Math.ceil(length / 2)) {
      for (let at = 0; at < small.length; ) {
        const candidate = Uint8Array.from([...small.subarray(0, at), ...small.subarray(at + length)]);
        if (fails(candidate)) small = candidate;
        else at += length;
      }
    }
    for (let at = 0; at < Math.min(small.length, 16); at++) {
      const candidate = small.slice();
      candidate[at] = 0;
      if (small[at] !== 0 && fails(candidate)) small = candidate;
    }
    return small;
  }
}

/** The message without what depends on the input, and where it was thrown. */
export function titleOf(error: Error): string {
  const place = /([\w-]+\.[tj]s):\d+/.exec(error.stack?.split('\n').filter((line) => !line.includes('property.')).slice(1).join('\n') ?? '')?.[1] ?? '';
  return `${error.name} ${error.message.replace(/["'<].*|\d+|….*/gs, '#').slice(0, 60)} (${place})`;
}

/** Octets on one line, for people. */
export function show(octets: Uint8Array): string {
  return JSON.stringify(decodeLatin1(octets)).replace(/[\u007f-\u00ff]|\\u00../g, (escape) => `\\x${escape.length === 1 ? escape.charCodeAt(0).toString(16) : escape.slice(4)}`);
}
