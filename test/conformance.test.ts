// The conformance ledger against the tests: what binds us is shown by a test, or a departure with its reason, or said to be open.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { coverage, formatCoverage, readLedger } from './support/ledger.mjs';

const ledger = readLedger();
const { statements, shown, departures, open } = ledger;
const binding = statements.filter(({ binds }) => binds === 'yes').map(({ id }) => id);

describe('the conformance ledger', () => {
  it('has rows that are whole, each with an id of its own', () => {
    const levels = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY', 'OPTIONAL', 'SHALL', 'implied', 'implied-may'];
    const wrong = statements.filter(({ id, level, actor, binds, text }) => !/^RFC\d{4}:[A-Z\d.]+-\d+$/.test(id) || !levels.includes(level) || !actor || !/^(yes|no: \S.+)$/.test(binds) || !text);
    expect(wrong).toEqual([]);
    expect(new Set(statements.map(({ id }) => id)).size).toBe(statements.length);
  });

  it('knows each id that a test names, as one that binds us', () => {
    const known = new Set(binding);
    expect([...shown].filter(([id]) => !known.has(id))).toEqual([]);
  });

  it('has each statement that binds us shown, departed from or open, and no two of these', () => {
    const departed = departures.map(({ id }) => id);
    const times = (id: string): number => Number(shown.has(id)) + departed.filter((other) => other === id).length + open.filter((other) => other === id).length;
    expect(binding.filter((id) => times(id) !== 1)).toEqual([]);
    const known = new Set(binding);
    expect([...departed, ...open].filter((id) => !known.has(id))).toEqual([]);
  });

  it('has a reason for each departure', () => {
    expect(departures.filter(({ reason }) => !/^\S+ \S+ .+/.test(reason ?? ''))).toEqual([]);
  });

  it('is counted in the README as it is', () => {
    expect(readFileSync('README.md', 'utf8')).toContain(formatCoverage(coverage(ledger)));
  });
});
