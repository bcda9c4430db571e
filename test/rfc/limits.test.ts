// RFC 9422: what a server says of its limits, and what a client makes of what is said.

import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { parseEhloLine, parseEhloReply } from '../../src/syntax/keyword.ts';
import { ehloLines, type Offer } from '../../src/protocol/extension.ts';
import { ServerOffer } from '../../src/protocol/client/offer.ts';

const OFFER: Offer = { maxSize: 0, maxRecipients: 100, startTls: false, secured: false, mechanisms: [], without: new Set() };
const said = (offer: Partial<Offer>): string => ehloLines({ ...OFFER, ...offer }).find((line) => line.startsWith('LIMITS')) ?? '';
const read = (line: string): unknown => new ServerOffer(parseEhloReply({ code: 250, enhanced: undefined, lines: ['mx.example', line] }).keywords).limits;
const NONE = { mailMax: Infinity, rcptMax: Infinity, rcptDomainMax: Infinity };

describe('the limits of a server', () => {
  // shows RFC9422:3-2 RFC9422:3-3 RFC9422:3.1-1 RFC9422:4.1-1 RFC9422:4.2-1 RFC9422:4.3-1
  it('have the names that are registered, and values of one to six digits', () => {
    for (const limit of [1, 10, 999_999, 1_000_000, Infinity]) {
      const line = said({ maxRecipients: limit, maxMails: limit, maxRecipientDomains: limit });
      expect(line).toMatch(/^LIMITS RCPTMAX=[1-9]\d{0,5}(?: MAILMAX=[1-9]\d{0,5} RCPTDOMAINMAX=[1-9]\d{0,5})?$/);
      expect(isFault(parseEhloLine(line))).toBe(false);
    }
    expect(said({ maxRecipients: 2, maxMails: 3, maxRecipientDomains: 4 })).toBe('LIMITS RCPTMAX=2 MAILMAX=3 RCPTDOMAINMAX=4');
  });
});

describe('a client that is told limits', () => {
  // shows RFC9422:3-2 RFC9422:4.1-1 RFC9422:4.2-1 RFC9422:4.3-1
  it('reads those that it knows, in any order and case', () => {
    expect(read('LIMITS MAILMAX=3 RCPTMAX=2 RCPTDOMAINMAX=4')).toEqual({ mailMax: 3, rcptMax: 2, rcptDomainMax: 4 });
    expect(read('limits rcptmax=999999')).toEqual({ ...NONE, rcptMax: 999_999 });
  });

  // shows RFC9422:3.7-2 RFC9422:4.1-1 RFC9422:4.2-1 RFC9422:4.3-1
  it.each(['0', '01', '1000000', '-1', '1.5', 'x', '', '1;2', '=1'])('goes on as without a limit whose value is %j, and keeps the others', (value) => {
    expect(read(`LIMITS RCPTMAX=${value} MAILMAX=3`)).toEqual({ ...NONE, mailMax: 3 });
    expect(read(`LIMITS MAILMAX=${value} RCPTDOMAINMAX=4`)).toEqual({ ...NONE, rcptDomainMax: 4 });
    expect(read(`LIMITS RCPTDOMAINMAX=${value} RCPTMAX=2`)).toEqual({ ...NONE, rcptMax: 2 });
  });

  // shows RFC9422:3-3 RFC9422:3.7-2
  it('reads over those that it does not know', () => {
    expect(read('LIMITS FROB FOO_BAR-1=x?! RCPTMAX=2')).toEqual({ ...NONE, rcptMax: 2 });
  });

  // shows RFC9422:3.7-1
  it.each(['LIMITS', 'LIMITS  RCPTMAX=2', 'LIMITS=RCPTMAX=2', 'LIMITS\tRCPTMAX=2'])('goes on as without any where it is told %j', (line) => {
    expect(read(line)).toEqual(NONE);
  });
});
