// Which code was run, by V8's own count: every function, and every block of it.

import { Session } from 'node:inspector';
import type { Coverage } from './fuzzer.ts';

/** The octets of one function: 1 where it was run. */
interface Run {
  readonly script: string;
  readonly from: number;
  readonly octets: Uint8Array;
}

export class CodeCoverage implements Coverage {
  readonly #session = new Session();
  readonly #belongs: (script: string) => boolean;
  readonly #known = new Map<string, Run>();

  /** `belongs`: whether the code of a script is what is looked at. */
  constructor(belongs: (script: string) => boolean) {
    this.#belongs = belongs;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  fresh(remember: boolean): number {
    let fresh = 0;
    this.#session.post('Profiler.takePreciseCoverage', (_, { result }) => {
      for (const { url, functions } of result) {
        if (!this.#belongs(url)) continue;
        for (const { ranges } of functions) fresh += this.#learn(url, ranges, remember);
      }
    });
    return fresh;
  }

  #learn(script: string, ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[], remember: boolean): number {
    const [whole] = ranges;
    if (whole === undefined) return 0;
    const { startOffset: from, endOffset: to } = whole;
    const key = `${script} ${from} ${to}`;
    const known = this.#known.get(key) ?? { script, from, octets: new Uint8Array(to - from) };
    this.#known.set(key, known);
    const now = new Uint8Array(to - from);
    for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset - from, endOffset - from);
    let fresh = 0;
    for (let at = 0; at < now.length; at++) {
      if (now[at] === 0 || known.octets[at] === 1) continue;
      fresh += 1;
      if (remember) known.octets[at] = 1;
    }
    return fresh;
  }

  /** Octets of the functions of each script, and how many of them were run. */
  report(): Map<string, { readonly run: number; readonly all: number }> {
    const scripts = new Map<string, Run[]>();
    for (const run of this.#known.values()) scripts.set(run.script, [...(scripts.get(run.script) ?? []), run]);
    return new Map([...scripts].map(([script, runs]) => {
      const painted = new Uint8Array(Math.max(...runs.map(({ from, octets }) => from + octets.length)));
      for (const { from, octets } of runs.sort((a, b) => b.octets.length - a.octets.length)) if (from > 0) painted.set(octets.map((run) => run + 1), from); // inner functions over outer ones; what is in none was run when it was loaded
      const count = (wanted: number): number => painted.reduce((sum, octet) => sum + (octet === wanted ? 1 : 0), 0);
      return [script, { run: count(2), all: count(1) + count(2) }];
    }));
  }
}
