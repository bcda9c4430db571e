import { describe, expect, it } from 'vitest';
import { factsOf, refusalOf, requirementOf } from '../../../src/protocol/server/guard.ts';
import type { GuardFacts } from '../../../src/protocol/server/guard.ts';
import { settingsOf } from '../../../src/protocol/server/option.ts';
import type { ServerOptions } from '../../../src/protocol/server/option.ts';
import { Transaction } from '../../../src/protocol/server/transaction.ts';
import { parseCommand } from '../../../src/syntax/command.ts';
import { isFault } from '../../../src/syntax/fault.ts';
import type { MailParameters } from '../../../src/protocol/mail.ts';
import { ANY_AUTH, HOST } from '../../support/server-dialogue.ts';

interface Situation extends Partial<ServerOptions> {
  readonly domains?: readonly string[];
  readonly tls?: boolean;
  readonly helo?: boolean;
  readonly authenticated?: boolean;
}

function factsIn({ tls = false, helo = false, authenticated = false, domains = [], ...options }: Situation): GuardFacts {
  return factsOf(settingsOf({ hostname: HOST, ...options }), tls, authenticated, !helo, new Set(domains));
}

function refusal(line: string, situation: Situation = {}, transaction?: Transaction): string | undefined {
  const command = parseCommand(line, { utf8: true });
  if (isFault(command)) throw new Error(`${line} is no command`);
  const facts = factsIn(situation);
  return requirementOf(facts, command.verb) ?? refusalOf(facts, transaction, command);
}

const transactionOf = (parameters: MailParameters, recipients = 0): Transaction => {
  const transaction = new Transaction({ type: 'null', text: '<>', key: '' }, parameters);
  for (let count = 0; count < recipients; count++) transaction.add({ type: 'postmaster', text: '<postmaster>', key: 'postmaster' }, {});
  return transaction;
};

const CLEAR = { auth: ANY_AUTH } as const;
const CAUTIOUS = { auth: { ...ANY_AUTH, clearText: false } } as const;
const ANY_LINE = ['EHLO a', 'HELO a', 'STARTTLS', 'AUTH PLAIN', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', 'BDAT 0', 'RSET', 'NOOP', 'HELP', 'VRFY a', 'EXPN a', 'QUIT'];

describe('a command that may come is refused', () => {
  it.each([
    ['LHLO a', {}, 'unknown command'], // RFC 2033 §4.1
    ['LHLO a', { lmtp: true }, undefined],
    ['EHLO a', { lmtp: true }, 'say lhlo'],
    ['HELO a', { lmtp: true }, 'say lhlo'],
    ['STARTTLS', {}, 'no tls'], // RFC 3207 §4
    ['STARTTLS', { startTls: true }, undefined],
    ['STARTTLS', { startTls: true, without: ['STARTTLS'] }, 'no tls'],
    ['STARTTLS', { startTls: true, tls: true }, 'tls at work'], // RFC 3207 §4.2
    ['AUTH PLAIN', {}, 'no auth'], // RFC 4954 §4
    ['AUTH PLAIN', { ...CLEAR, without: ['AUTH'] }, 'no auth'],
    ['AUTH PLAIN', CLEAR, undefined],
    ['AUTH plain', CLEAR, undefined],
    ['AUTH EXTERNAL', CLEAR, 'no such mechanism'],
    ['AUTH SCRAM-SHA-256-PLUS', CLEAR, 'no such mechanism'], // known, and not among the server's
    ['AUTH PLAIN', CAUTIOUS, 'auth needs tls'],
    ['AUTH login', CAUTIOUS, 'auth needs tls'],
    ['AUTH SCRAM-SHA-256', CAUTIOUS, undefined],
    ['AUTH PLAIN', { ...CAUTIOUS, tls: true }, undefined],
    ['AUTH PLAIN', { ...CLEAR, authenticated: true }, 'auth done'],
    ['AUTH EXTERNAL', { ...CLEAR, authenticated: true }, 'auth done'], // the order comes before the argument
    ['MAIL FROM:<> SIZE=1', { helo: true }, 'parameters need ehlo'], // RFC 5321 §2.2.1
    ['MAIL FROM:<>', { helo: true }, undefined],
    ['RCPT TO:<a@b> NOTIFY=NEVER', { helo: true }, 'parameters need ehlo'],
    ['MAIL FROM:<ä@b>', {}, 'utf8 sender'], // RFC 6531 §3.5
    ['MAIL FROM:<ä@b> BODY=8BITMIME', {}, 'utf8 sender'],
    ['MAIL FROM:<ä@b> smtpUtf8', {}, undefined],
    ['VRFY ä', {}, undefined], // RFC 6531 §3.7.4.2: only the reply has to be asked for
    ['VRFY ä SMTPUTF8', {}, undefined],
    ['EXPN ä', {}, undefined],
    ['BDAT 0', {}, undefined],
    ['BDAT 0', { without: ['CHUNKING'] }, 'not implemented'],
  ] as const)('%s with %j: %s', (line, situation, wanted) => {
    expect(refusal(line, situation)).toBe(wanted);
  });

  it('by what MAIL said', () => {
    expect(refusal('RCPT TO:<ä@b>', {}, transactionOf({}))).toBe('utf8 recipient'); // RFC 6531 §3.4
    expect(refusal('RCPT TO:<ä@b>', {}, transactionOf({ smtpUtf8: true }))).toBeUndefined();
    expect(refusal('DATA', {}, transactionOf({ body: 'BINARYMIME' }))).toBe('binary needs bdat'); // RFC 3030 §3
    expect(refusal('BDAT 0', {}, transactionOf({ body: 'BINARYMIME' }))).toBeUndefined();
    expect(refusal('DATA', {}, transactionOf({ body: '8BITMIME' }))).toBeUndefined();
  });

  it('by how many recipients there are (RFC 5321 §4.5.3.1.10)', () => {
    expect([99, 100, 101].map((count) => refusal('RCPT TO:<a@b>', { maxRecipients: 100 }, transactionOf({}, count)))).toEqual([undefined, 'too many recipients', 'too many recipients']);
  });

  it('beyond a hundred recipients, where those of all sessions are too many (RFC 5321 §4.5.3.1.8)', () => {
    const refusals = (crowded: boolean): unknown => [99, 100, 999].map((count) => refusal('RCPT TO:<a@b>', { crowded: () => crowded }, transactionOf({}, count)));
    expect([refusals(false), refusals(true)]).toEqual([[undefined, undefined, undefined], [undefined, 'too many recipients', 'too many recipients']]);
  });

  it('where TLS is required and not at work, but for EHLO, STARTTLS, NOOP and QUIT (RFC 3207 §4)', () => {
    const required = { requireTls: true, startTls: true, ...CLEAR };
    expect(ANY_LINE.filter((line) => refusal(line, required) !== 'tls first')).toEqual(['EHLO a', 'STARTTLS', 'NOOP', 'QUIT']);
    expect(ANY_LINE.filter((line) => refusal(line, { ...required, tls: true }) === 'tls first')).toEqual([]);
    expect(refusal('LHLO a', { ...required, lmtp: true })).toBeUndefined();
  });

  it('where AUTH is required and has not succeeded, but for the commands that RFC 4954 §6 names, and STARTTLS', () => {
    const required = { startTls: true, auth: { ...ANY_AUTH, required: true } };
    expect(ANY_LINE.filter((line) => refusal(line, required) !== 'auth first')).toEqual(['EHLO a', 'HELO a', 'STARTTLS', 'AUTH PLAIN', 'RSET', 'NOOP', 'QUIT']);
    expect(ANY_LINE.filter((line) => refusal(line, { ...required, authenticated: true }) === 'auth first')).toEqual([]);
  });

  it('with the reply of TLS where TLS and AUTH are missing: the one comes first', () => {
    expect(refusal('MAIL FROM:<>', { requireTls: true, auth: { ...ANY_AUTH, required: true } })).toBe('tls first');
  });
});

describe('what is offered', () => {
  it('is no AUTH where there is none, so that its parameter is none either (RFC 4954 §5)', () => {
    expect(factsIn({}).offer.without.has('AUTH')).toBe(true);
    expect(factsIn(CLEAR).offer.without.has('AUTH')).toBe(false);
    expect(factsIn({ ...CLEAR, without: ['AUTH'] }).offer.without.has('AUTH')).toBe(true);
  });

  it('depends on TLS and on who the client is', () => {
    expect(factsIn(CAUTIOUS).offer.mechanisms).toEqual(['CRAM-MD5', 'SCRAM-SHA-256']);
    expect(factsIn({ ...CAUTIOUS, tls: true }).offer.mechanisms).toEqual(ANY_AUTH.mechanisms);
    expect(factsIn({ ...CLEAR, authenticated: true })).toMatchObject({ authenticated: true, offer: { mechanisms: [] } });
  });
});
