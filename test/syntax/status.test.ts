import { describe, expect, it } from 'vitest';
import { agrees, formatEnhancedStatus, parseEnhancedStatus } from '../../src/syntax/status.ts';
import { testTable } from './table.ts';

// shows RFC2034:4-2 RFC3464:2.3.4-2 RFC3464:2.3.4-3 RFC3464:2.3.4-5
testTable('status', { parse: parseEnhancedStatus, result: formatEnhancedStatus, format: formatEnhancedStatus });

describe('an enhanced status code (RFC 3463 §2)', () => {
  it('has a class, a subject and a detail', () => {
    expect(parseEnhancedStatus('5.7.999')).toEqual({ class: 5, subject: 7, detail: 999 });
  });

  it('agrees with reply codes of its class (RFC 2034 §4)', () => {
    expect(agrees({ class: 5, subject: 1, detail: 1 }, 550)).toBe(true);
    expect(agrees({ class: 4, subject: 3, detail: 1 }, 552)).toBe(false);
    expect(agrees({ class: 2, subject: 0, detail: 0 }, 354)).toBe(false);
  });
});
