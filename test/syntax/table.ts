// Grammar tables: fixtures/grammar/*.tsv as tests, one for each row.
//
// Columns: `verdict` (accept, reject), `input` (with the escapes of C), `result` (what the parser makes of it in a short form,
// or the code of the fault), `source` (the rule that decides), `remark`. A table has as many rejections as acceptances.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import type { Fault } from '../../src/syntax/fault.ts';
import type { Parameter } from '../../src/syntax/parameter.ts';

export interface Row {
  readonly place: string;
  readonly verdict: string;
  readonly input: string;
  readonly result: string;
  readonly source: string;
  readonly remark: string;
}

/** Makes the tests of one table. `result` gives the short form of a value, `format` the text that it was parsed from. */
export function testTable<Value>(
  name: string,
  parser: {
    readonly parse: (input: string) => Value | Fault;
    readonly result: (value: Value) => string;
    readonly format: (value: Value) => string;
    /** What `format` gives back for `input`, where that is not `input` itself. */
    readonly written?: (input: string) => string;
  },
): void {
  const { parse, result, format, written = (input) => input } = parser;
  const rows = readTable(name);
  describe(`fixtures/grammar/${name}.tsv`, () => {
    for (const row of rows) {
      it(`${row.place} ${row.verdict}s ${row.input === '' ? 'nothing' : row.input} (${row.source}: ${row.remark})`, () => {
        const value = parse(unescape(row.input));
        expect(isFault(value) ? `reject ${value.fault}` : `accept ${result(value)}`).toBe(`${row.verdict} ${unescape(row.result)}`);
      });
    }

    it('is written again as it was read', () => {
      const again = rows.map(({ input }) => unescape(input)).flatMap((input) => {
        const value = parse(input);
        return isFault(value) ? [] : [{ input: written(input), format: format(value) }];
      });
      for (const { input, format: formatted } of again) expect(formatted).toBe(input);
    });

    it('puts each fault in a place of the text, with a rule and its source', () => {
      for (const value of rows.map(({ input }) => ({ input: unescape(input), fault: parse(unescape(input)) }))) {
        if (!isFault(value.fault)) continue;
        expect(value.fault.at).toBeGreaterThanOrEqual(0);
        expect(value.fault.at).toBeLessThanOrEqual(value.input.length);
        expect(value.fault.expected).not.toBe('');
        expect(value.fault.found).toMatch(/^[ -~…]*$/);
        expect(value.fault.source).toMatch(/^RFC \d+ §/);
      }
    });

    it('has at least as many rejections as acceptances, a source on each row, and no row twice', () => {
      const accepted = rows.filter(({ verdict }) => verdict === 'accept').length;
      const rejected = rows.filter(({ verdict }) => verdict === 'reject').length;
      expect(accepted + rejected).toBe(rows.length);
      expect(rejected).toBeGreaterThanOrEqual(accepted);
      for (const row of rows) expect(`${row.place} ${row.source}`).toMatch(/ (RFC \d+ §[0-9A-Z.]+( [A-Za-z0-9-]+)?|erratum \d+)$/);
      expect(new Set(rows.map(({ input }) => input)).size).toBe(rows.length);
    });
  });
}

/** Reads a table of fixtures/grammar. */
export function readTable(name: string): readonly Row[] {
  const [, ...lines] = readFileSync(`fixtures/grammar/${name}.tsv`, 'utf8').trimEnd().split('\n');
  return lines.map((line, index) => {
    const [verdict = '', input = '', result = '', source = '', remark = ''] = line.split('\t');
    return { place: `${name}.tsv:${index + 2}`, verdict, input, result, source, remark };
  });
}

/** The short form of parameters in the column `result`. */
export function shortParameters(parameters: readonly Parameter[]): string {
  return parameters.map(({ keyword, value }) => (value === undefined ? keyword : `${keyword}(${value})`)).join(' ');
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', 0: '\0', '\\': '\\' };

function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|u\{([0-9a-f]+)\}|(.))/g, (_, octet?: string, point?: string, letter = '') =>
    octet === undefined && point === undefined
      ? (ESCAPES[letter] ?? `no escape: \\${letter}`)
      : String.fromCodePoint(Number.parseInt(octet ?? point ?? '', 16)),
  );
}
