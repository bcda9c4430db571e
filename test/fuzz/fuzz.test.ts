// What the fuzzer found once stays found; and some thousand mutations of the fixtures each time, always the same. More of them, guided
// by what they come to, are `npm run fuzz`.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fuzzer, show } from './fuzzer.ts';
import { BrokenProperty, claimEqual, type Target } from './property.ts';
import { corpusOf, seedsOf } from './seed.ts';
import { TARGETS, type TargetName } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const SEED = 5_321;

/** Mutations of each target: those that cost little, more. */
const STEPS: Readonly<Record<TargetName, number>> = {
  lineDecoder: 40, dataDecoder: 30, chunkDecoder: 30, encodings: 40, proxyHeader: 30,
  command: 100, path: 60, reply: 40, ehloReply: 40,
  journalRecord: 12, dnsRoute: 12, transcript: 20,
  serverSession: 10, clientSession: 20, serverAgainstClient: 40,
};
const NAMES = Object.keys(TARGETS) as TargetName[]; // the table's own keys
const MOST_SEEDS = 50;

describe.each(NAMES)('the target %s', (name) => {
  const corpus = corpusOf(name, ROOT);

  it.skipIf(corpus.length === 0)('finds nothing in what was found before', () => {
    for (const { name: file, octets } of corpus) expect(outcome(TARGETS[name], octets), `${name}/${file}`).toBe('nothing');
  });

  it('finds nothing in mutations of the fixtures', () => {
    const seeds = seedsOf(name, ROOT);
    expect(seeds.length).toBeGreaterThan(5);
    const apart = Math.ceil(seeds.length / MOST_SEEDS);
    const fuzzer = new Fuzzer(TARGETS[name], seeds.filter((_, at) => at % apart === 0), SEED);
    fuzzer.begin();
    for (let step = 0; step < STEPS[name]; step++) fuzzer.step();
    expect(fuzzer.findings.map(({ error, octets }) => `${error.message}: ${show(octets)}`)).toEqual([]);
    expect(fuzzer.executions).toBeGreaterThan(16 * STEPS[name]);
  });
});

describe('the fuzzer', () => {
  /** A decoder that takes a dot between two LF for the end of mail data. */
  const wrong: Target = (octets) => {
    if (String.fromCharCode(...octets).includes('\n.\n')) throw new BrokenProperty('the end of mail data');
  };

  it('finds what is wrong, makes it small, and tells it once', () => {
    const fuzzer = new Fuzzer(wrong, seedsOf('serverAgainstClient', ROOT), SEED);
    for (let step = 0; step < 2_000 && fuzzer.findings.length === 0; step++) fuzzer.step();
    expect(fuzzer.findings.map(({ octets }) => show(octets))).toEqual(['"\\n.\\n"']);
    for (let step = 0; step < 50; step++) fuzzer.step();
    expect(fuzzer.findings).toHaveLength(1);
  });

  it('does the same for the same seed', () => {
    const run = (): string[] => {
      const seen: string[] = [];
      const fuzzer = new Fuzzer((octets) => void seen.push(show(octets)), seedsOf('command', ROOT), SEED);
      for (let step = 0; step < 20; step++) fuzzer.step();
      return seen;
    };
    expect(run()).toEqual(run());
  });

  it('tells where two results part', () => {
    expect(() => claimEqual({ sent: 'ab' }, { sent: 'ac' }, 'sent')).toThrow('sent: expected …{"sent":"ac"}, got …{"sent":"ab"}');
  });
});

function outcome(target: Target, octets: Uint8Array): string {
  try {
    target(octets);
    return 'nothing';
  } catch (error) {
    return String(error);
  }
}
