// What RFC 821 had and RFC 5321 appendix F gives up.

import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath } from '../../src/syntax/path.ts';
import { parseVerb } from '../../src/syntax/command.ts';
import { AWAITED } from '../../src/protocol/client/table.ts';

describe('what is obsolete', () => {
  // shows RFC5321:F.4-1
  it('is no host: a number behind # (§F.4)', () => {
    for (const path of ['<a@#3221225985>', '<a@[#3221225985]>', '<@#1:a@b>']) expect(isFault(parseForwardPath(path))).toBe(true);
  });

  // shows RFC5321:F-1 RFC5321:F.1-1 RFC5321:F.6-1
  it('is no verb that a client says or a server takes: TURN, SEND, SOML, SAML (§F.1, §F.6)', () => {
    for (const verb of ['TURN', 'SEND', 'SOML', 'SAML']) {
      expect(Object.keys(AWAITED)).not.toContain(verb);
      expect(parseVerb(`${verb} FROM:<a@b>`)).toMatchObject({ fault: 'unimplemented-verb' });
    }
  });
});
