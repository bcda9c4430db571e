// RFC 5321 §2.2.2, §4.1.5 and §4.4: names that do not begin with X have to be registered with IANA.

import { describe, expect, it } from 'vitest';
import { EXTENSIONS } from '../../src/protocol/extension.ts';
import { COMMAND_ORDER } from '../../src/protocol/server/table.ts';
import { transmissionType } from '../../src/protocol/transmission.ts';

/** SMTP Service Extensions, by their RFCs; HELP by RFC 5321. */
const KEYWORDS = [
  'EXPN', 'HELP', '8BITMIME', 'SIZE', 'CHUNKING', 'BINARYMIME', 'DSN', 'ETRN', 'ENHANCEDSTATUSCODES', 'STARTTLS', 'NO-SOLICITING', 'MTRK', 'SUBMITTER', 'ATRN', 'AUTH',
  'PIPELINING', 'FUTURERELEASE', 'DELIVERBY', 'CHECKPOINT', 'CONPERM', 'CONNEG', 'MT-PRIORITY', 'RRVS', 'BURL', 'SMTPUTF8', 'REQUIRETLS', 'LIMITS',
];
/** Their verbs, behind those of RFC 5321 §4.1.1; LHLO is of LMTP (RFC 2033 §4.1). */
const VERBS = ['EHLO', 'HELO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'VRFY', 'EXPN', 'HELP', 'NOOP', 'QUIT', 'STARTTLS', 'AUTH', 'BDAT', 'LHLO'];
/** Their parameters of MAIL and RCPT. */
const PARAMETERS = ['SIZE', 'BODY', 'AUTH', 'SMTPUTF8', 'RET', 'ENVID', 'NOTIFY', 'ORCPT', 'REQUIRETLS'];
/** Mail Transmission Types (RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3, RFC 2033). */
const TYPES = /^(UTF8)?(SMTP|ESMTP|LMTP)(S|A|SA)?$/;

describe('what is offered and taken without an X', () => {
  const rows: readonly (readonly [string, { readonly source: string; readonly mail?: object; readonly rcpt?: object }])[] = Object.entries(EXTENSIONS);

  // shows RFC5321:2.2.2-4 RFC5321:2.2.2-5
  it('is a keyword that is registered', () => {
    expect(rows.map(([keyword]) => keyword).filter((keyword) => !KEYWORDS.includes(keyword))).toEqual([]);
  });

  // shows RFC5321:2.2.2-6 RFC5321:2.2.2-7 RFC5321:4.1.5-4
  it('is a verb that is registered, and a parameter that is', () => {
    expect(Object.keys(COMMAND_ORDER).filter((verb) => !VERBS.includes(verb))).toEqual([]);
    expect(rows.flatMap(([, { mail = {}, rcpt = {} }]) => Object.keys({ ...mail, ...rcpt })).filter((name) => !PARAMETERS.includes(name))).toEqual([]);
  });

  // shows RFC5321:4.4-51
  it('is a protocol in Received that is registered', () => {
    const booleans = [false, true];
    for (const extended of booleans) for (const lmtp of booleans) for (const secured of booleans) for (const authenticated of booleans) for (const utf8 of booleans) {
      if (!extended && (lmtp || utf8)) continue; // HELO opens neither
      expect(transmissionType({ extended, lmtp, secured, authenticated, utf8 })).toMatch(TYPES);
    }
  });
});
