import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/syntax/command.ts';
import { isFault } from '../../../src/syntax/fault.ts';
import { faultReply, ownReply, parameterReply, REPLIES, type ReplyName } from '../../../src/protocol/server/reply.ts';

const replyTo = (line: string, verb?: 'MAIL' | 'RCPT'): string => {
  const command = parseCommand(line);
  if (!isFault(command)) throw new Error(`${line} is a command`);
  const { code, enhanced } = faultReply(command, verb);
  return `${code} ${enhanced}`;
};

describe('the server\'s table of replies', () => {
  it('bears the name of the server wherever it has one', () => {
    expect((Object.keys(REPLIES) as ReplyName[]).flatMap((name) => ownReply(name, 'a.example').lines).filter((line) => line.includes('{'))).toEqual([]);
    expect(ownReply('goodbye', '[192.0.2.1]').lines).toEqual(['[192.0.2.1] closing connection']);
  });

  it('takes a name as it stands', () => {
    expect(ownReply('hello', '[x:$&]').lines).toEqual(['[x:$&]']);
  });
});

describe('the reply to a fault of syntax', () => {
  it('is 501 with the code of the path that is at fault (RFC 3463 §3.2)', () => {
    expect(replyTo('MAIL FROM:<a@b..c>', 'MAIL')).toBe('501 5.1.7');
    expect(replyTo('RCPT TO:<a@b..c>', 'RCPT')).toBe('501 5.1.3');
  });

  it('is 501 5.5.4 where something else is', () => {
    expect(replyTo('RSET x')).toBe('501 5.5.4');
    expect(replyTo('MAIL FROM:<a@b> =', 'MAIL')).toBe('501 5.5.4');
  });
});

describe('the reply to a parameter of MAIL', () => {
  // shows RFC5321:4.1.1.11-3
  it('is 555, 504 or 501 (§4.1.1.11, §4.2.2)', () => {
    const codes = (['unknown', 'not implemented', 'malformed'] as const).map((refused) => parameterReply({ refused, keyword: 'X', grammar: 'Y' }).code);
    expect(codes).toEqual([555, 504, 501]);
  });
});
