import { describe, expect, it } from 'vitest';
import { formatParameters, parseParameters } from '../../src/syntax/parameter.ts';
import { shortParameters, testTable } from './table.ts';

// shows RFC5321:4.1.2-8 RFC5321:4.1.2-9 RFC5321:4.1.2-10 RFC3461:4-1
testTable('parameter', { parse: parseParameters, result: shortParameters, format: formatParameters });

describe('parameters of MAIL and RCPT (RFC 5321 §4.1.2)', () => {
  it('are keywords with or without a value', () => {
    expect(parseParameters('SIZE=10 SMTPUTF8')).toEqual([{ keyword: 'SIZE', value: '10' }, { keyword: 'SMTPUTF8', value: undefined }]);
  });

  it('that repeat one are pointed at', () => {
    expect(parseParameters('A=1 B=22 a=3')).toMatchObject({ fault: 'duplicate-parameter', at: 9, found: 'a=3' });
    const many = Array.from({ length: 40 }, (_, index) => `K${index}=x`).join(' ');
    expect(parseParameters(many)).toHaveLength(40);
    expect(parseParameters(`${many} k7`)).toMatchObject({ fault: 'duplicate-parameter', at: many.length + 1 });
  });

  // shows RFC6531:3.3-5
  it('may have other characters than ASCII in their values only where utf8 is permitted (RFC 6531 §3.3)', () => {
    expect(parseParameters('A=ö')).toMatchObject({ fault: 'utf8-not-allowed', at: 2 });
    expect(parseParameters('A=ö', { utf8: true })).toEqual([{ keyword: 'A', value: 'ö' }]);
  });
});
