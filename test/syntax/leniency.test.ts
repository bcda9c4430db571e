import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/syntax/command.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { repairCommandLine } from '../../src/syntax/leniency.ts';
import type { SyntaxLeniency } from '../../src/syntax/leniency.ts';
import { everyString } from '../wire/every.ts';

const ALL: ReadonlySet<SyntaxLeniency> = new Set(['spaceAroundColon', 'missingAngleBrackets', 'oddDotsInLocalPart']);
const repair = (line: string, allowed: ReadonlySet<string> = ALL): readonly unknown[] | undefined => {
  const repaired = repairCommandLine(line, allowed, true);
  return repaired && [repaired.line, ...repaired.used];
};

describe('a command line that breaks a rule in a known way', () => {
  it.each([
    ['MAIL FROM: <a@b>', 'MAIL FROM:<a@b>', 'spaceAroundColon'],
    ['MAIL FROM :<a@b>', 'MAIL FROM:<a@b>', 'spaceAroundColon'],
    ['mail from \t: \t<a@b> SIZE=1', 'mail from:<a@b> SIZE=1', 'spaceAroundColon'],
    ['RCPT TO: <a@b>', 'RCPT TO:<a@b>', 'spaceAroundColon'],
    ['MAIL FROM: <>', 'MAIL FROM:<>', 'spaceAroundColon'],
    ['MAIL FROM:a@b', 'MAIL FROM:<a@b>', 'missingAngleBrackets'],
    ['RCPT TO:a@b NOTIFY=NEVER', 'RCPT TO:<a@b> NOTIFY=NEVER', 'missingAngleBrackets'],
    ['RCPT TO:postmaster', 'RCPT TO:<postmaster>', 'missingAngleBrackets'],
    ['RCPT TO:"a b>"@c X=1', 'RCPT TO:<"a b>"@c> X=1', 'missingAngleBrackets'],
    ['RCPT TO:<a..b@c>', 'RCPT TO:<"a..b"@c>', 'oddDotsInLocalPart'],
    ['RCPT TO:<a.@c>', 'RCPT TO:<"a."@c>', 'oddDotsInLocalPart'],
    ['RCPT TO:<a.b..@c> X=1', 'RCPT TO:<"a.b.."@c> X=1', 'oddDotsInLocalPart'],
    ['RCPT TO:<\u{e4}.@c>', 'RCPT TO:<"\u{e4}."@c>', 'oddDotsInLocalPart'],
    ['RCPT TO: a.@c', 'RCPT TO:<"a."@c>', 'spaceAroundColon', 'missingAngleBrackets', 'oddDotsInLocalPart'],
  ])('%j is put right: %j by %s', (line, ...wanted) => {
    expect(repair(line)).toEqual(wanted);
    for (const name of wanted.slice(1)) expect(repair(line, new Set([...ALL].filter((one) => one !== name)))).toBeUndefined();
  });

  it.each([
    'MAIL FROM:<a@b>', 'MAIL FROM<a@b>', 'MAIL  FROM:<a@b>', 'MAIL FROM:', 'MAIL TO:<a@b>', 'NOOP', 'RCPT TO:<a@b', 'RCPT TO:a@b>', 'RCPT TO:a@<b>', 'RCPT TO:"a@b',
    'RCPT TO:<.a@b>', 'RCPT TO:<..@b>', 'RCPT TO:<a b.@c>', 'RCPT TO:<"a."@c>', 'RCPT TO:<@x:a.@c>', 'RCPT TO:<a..b>',
  ])('%j is left alone', (line) => {
    expect(repair(line)).toBeUndefined();
  });

  it('is put right or it is left alone, and is never made another line that the grammar takes as it stands', () => {
    let helped = 0;
    for (const text of everyString('a.@<> ', 0, 6)) {
      const line = `RCPT TO:${text}`;
      const repaired = repairCommandLine(line, ALL, false);
      if (repaired === undefined) continue;
      const [before, after] = [parseCommand(line), parseCommand(repaired.line)];
      if (!isFault(before)) expect({ line, repaired }).toEqual({ line, repaired: undefined });
      if (!isFault(after) && after.verb === 'RCPT' && after.forwardPath.type === 'path') {
        helped++;
        const { mailbox } = after.forwardPath;
        if (!text.includes(`${mailbox.unquoted}@${mailbox.domain.text}`)) expect({ line, repaired }).toEqual({ line, repaired: 'the same address' });
      }
    }
    expect(helped).toBeGreaterThan(10);
  });
});
