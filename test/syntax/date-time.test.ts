import { describe, expect, it } from 'vitest';
import { formatDate, parseDate } from '../../src/syntax/date-time.ts';
import { testTable } from './table.ts';

// shows RFC5321:4.4-36 RFC5321:F.5-1
testTable('date', {
  parse: parseDate,
  result: (date) => new Date(date).toISOString(),
  format: formatDate,
  written: (input) => {
    const date = parseDate(input);
    return typeof date === 'number' ? new Date(date).toUTCString().replace(/^(..., )0/, '$1').replace('GMT', '+0000') : input;
  },
});

describe('the date of a trace field (RFC 5322 §3.3)', () => {
  const noon = Date.UTC(2026, 10, 23, 12, 0, 0);

  it('has the zone that is asked for, as a numeric offset (RFC 5321 §4.4)', () => {
    expect(formatDate(noon)).toBe('Mon, 23 Nov 2026 12:00:00 +0000');
    expect(formatDate(noon, 330)).toBe('Mon, 23 Nov 2026 17:30:00 +0530');
    expect(formatDate(noon, -210)).toBe('Mon, 23 Nov 2026 08:30:00 -0330');
    expect(formatDate(noon, 13 * 60)).toBe('Tue, 24 Nov 2026 01:00:00 +1300');
  });

  // found by reading: milliseconds of two seconds around 1970, and of a second before it, were taken for those of one
  it('is that of its second, before 1970 too', () => {
    for (const second of [-3, -2, -1, 0, 1, 2]) {
      for (const millisecond of [0, 1, 999]) expect(parseDate(formatDate(second * 1000 + millisecond))).toBe(second * 1000);
    }
  });

  it('may have any amount of white space, and does not throw for it', () => {
    const space = ' '.repeat(12_000_000);
    expect(parseDate(space)).toMatchObject({ fault: 'bad-date' });
    expect(parseDate(`Mon,${space}23 Nov 2026 12:00 +0000`)).toBe(noon);
  });

  it('may follow the day of the week without a space', () => {
    expect(parseDate('Mon,23 Nov 2026 12:00 +0000(noon)')).toBe(noon);
  });

  it('is read as the instant that was written, for each day of four years and some zones', () => {
    for (let day = 0; day < 1461; day += 1) {
      const date = noon + day * 86_400_000 + day * 1000;
      for (const zone of [0, 90, -720]) expect(parseDate(formatDate(date, zone))).toBe(date);
    }
  });
});
