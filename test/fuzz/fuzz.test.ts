// What the fuzzer found once stays found; and some thousand mutations of the fixtures each time, always the same: those of one fixture
// depend on no other, so that a new one changes nothing about the old. More of them, guided by what they come to, are `npm run fuzz`.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { Fuzzer, show } from './fuzzer.ts';
import { TIMES } from '../support/random.ts';
import { BrokenProperty, claimEqual, type Target } from './property.ts';
import { corpusOf, seedsOf } from './seed.ts';
import { TARGETS, type TargetName } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const SEED = 5_321;

/** Of so many fixtures one is mutated, or EHLO_SEEDS of them; and how often. */
const SHARES: Readonly<Record<TargetName, readonly [one: number, steps: number]>> = {
  lineDecoder: [240, 1], dataDecoder: [240, 1], chunkDecoder: [240, 1], encodings: [4, 2], proxyHeader: [1, 4],
  command: [6, 1], path: [12, 1], reply: [24, 1], ehloReply: [24, 1],
  journalRecord: [1, 1], dnsRoute: [4, 1], transcript: [24, 1],
  saslExchange: [8, 1],
  serverSession: [20, 1], clientSession: [32, 1], serverAgainstClient: [3, 2],
};
const NAMES = Object.keys(TARGETS) as TargetName[]; // the table's own keys

describe.each(NAMES)('the target %s', (name) => {
  const corpus = corpusOf(name, ROOT);

  for (const { name: file, octets } of corpus) it(`finds nothing in ${file}, which was found before`, () => expect(outcome(TARGETS[name], octets)).toBe('nothing'));

  it('finds nothing in mutations of the fixtures', () => {
    const seeds = seedsOf(name, ROOT);
    expect(seeds.length).toBeGreaterThan(5);
    const [one, steps] = SHARES[name];
    let executions = 0;
    for (const seed of seeds.filter((octets) => crc32(octets) % one < TIMES)) {
      const fuzzer = new Fuzzer(TARGETS[name], [seed], SEED ^ crc32(seed));
      fuzzer.begin();
      for (let step = 0; step < steps; step++) fuzzer.step();
      expect(fuzzer.findings.map(({ error, octets }) => `${error.message}: ${show(octets)}`)).toEqual([]);
      executions += fuzzer.executions;
    }
    expect(executions).toBeGreaterThan(80);
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
