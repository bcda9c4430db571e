import { describe, expect, it } from 'vitest';
import { CAPS } from '../../../src/protocol/limit.ts';
import { CAP_REPLIES, Tally } from '../../../src/protocol/server/tally.ts';
import type { Counted } from '../../../src/protocol/server/tally.ts';
import { reply } from '../../../src/syntax/reply.ts';
import { ANY_AUTH, HOST, ServerDialogue, codesOf, dialogueIn } from '../../support/server-dialogue.ts';

const NO = reply(550, '5.1.1', 'no such user');
const COUNTED = Object.keys(CAPS) as Counted[]; // the table's own

describe('what a session may do', () => {
  it.each(COUNTED)('is counted for itself alone: %s', (counted) => {
    const tally = new Tally({ commands: 2, errors: 2, refusedRecipients: 2, mails: 2 });
    expect([tally.exceeds(counted), tally.exceeds(counted), tally.exceeds(counted)]).toEqual([false, false, true]);
    for (const other of COUNTED) if (other !== counted) expect(tally.exceeds(other)).toBe(false);
  });

  it('ends with 421 4.7.0 and the name of the server, or 421 4.4.2 (§3.8)', () => {
    for (const name of Object.values(CAP_REPLIES)) expect(name).toMatch(/^too many /);
  });

  it('is so many commands, of whatever kind', () => {
    const server = new ServerDialogue({ maxCommands: 4 });
    expect(codesOf(server.say('EHLO a.example', 'NOOP', 'XYZZY', 'MAIL', 'NOOP', 'NOOP'))).toEqual([250, 250, 500, 501, 421]);
    expect(server.closes).toBe(1);
  });

  it('is generous by default: 25,000 mails, and a hundred recipients refused', () => {
    expect(CAPS.commands).toBeGreaterThanOrEqual(100_000);
    expect(CAPS.refusedRecipients).toBeGreaterThanOrEqual(100);
    const server = dialogueIn('mail', {}, ({ about }) => (about === 'rcpt' ? NO : 'accept'));
    const codes = codesOf(server.say(...Array.from({ length: CAPS.refusedRecipients + 1 }, () => 'RCPT TO:<a@b>')));
    expect(new Set(codes.slice(0, -1))).toEqual(new Set([550]));
    expect(codes.at(-1)).toBe(421);
  });

  it('is so many errors and failures of AUTH, as options have it', () => {
    expect(codesOf(dialogueIn('ready', { maxErrors: 2 }).say('X', 'X', 'X'))).toEqual([500, 500, 421]);
    expect(codesOf(dialogueIn('ready', { auth: ANY_AUTH, maxAuthFailures: 1 }).say('AUTH PLAIN AAAA', 'AUTH PLAIN AAAA'))).toEqual([501, 421]);
  });

  it('counts MAIL whatever becomes of it, over RSET and EHLO (RFC 9422 §4.1)', () => {
    const server = dialogueIn('ready', { maxMails: 3 }, ({ about }) => (about === 'mail' ? NO : 'accept'));
    expect(server.session.extended).toBe(true);
    expect(codesOf(server.say('MAIL FROM:<>', 'MAIL FROM:', 'RSET', 'EHLO a.example', 'MAIL FROM:<> SIZE=x', 'MAIL FROM:<>'))).toEqual([550, 501, 250, 250, 501, 421]);
  });
});

describe('the limits that are announced (RFC 9422 §3)', () => {
  const limits = (options: ConstructorParameters<typeof ServerDialogue>[0]): string | undefined => new ServerDialogue(options).say('EHLO a.example').find((line) => line.includes('LIMITS'))?.slice(4);

  it('are those that there are, in six digits at most', () => {
    expect(limits({})).toBe('LIMITS RCPTMAX=1000');
    expect(limits({ maxMails: 5, maxRecipientDomains: 1, maxRecipients: 20 })).toBe('LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1');
    expect(limits({ maxMails: 1_000_000, maxRecipientDomains: 999_999, maxRecipients: 1_000_000 })).toBe('LIMITS RCPTMAX=999999 RCPTDOMAINMAX=999999');
  });

  it('hold: domains are those of the recipients that were taken, in any case, and <postmaster> has none', () => {
    let refuses = true;
    const server = dialogueIn('mail', { maxRecipientDomains: 1 }, ({ about }) => (about === 'rcpt' && refuses ? NO : 'accept'));
    expect(codesOf(server.say('RCPT TO:<a@refused.example>'))).toEqual([550]);
    refuses = false;
    expect(codesOf(server.say('RCPT TO:<a@one.example>', 'RCPT TO:<b@ONE.example>', 'RCPT TO:<c@[192.0.2.1]>', 'RCPT TO:<postmaster>'))).toEqual([250, 250, 452, 250]);
    expect(server.mails).toEqual([]);
    expect(HOST).not.toContain('one.example');
  });
});
