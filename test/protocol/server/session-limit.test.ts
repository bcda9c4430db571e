// The limits of RFC 5321 §4.5.3.1 in a session: what is still taken, what is one too many, and that the session goes on.

import { describe, expect, it } from 'vitest';
import { CAPS, LIMITS } from '../../../src/protocol/limit.ts';
import { reply } from '../../../src/syntax/reply.ts';
import { ANY_AUTH, HOST, ServerDialogue, codesOf, dialogueIn } from '../../support/server-dialogue.ts';

/** A NOOP of so many octets, its CRLF counted. */
const noop = (length: number): string => `NOOP ${'x'.repeat(length - 7)}\r\n`;

describe('a command line (§4.5.3.1.4)', () => {
  // shows RFC5321:4.3.2-7 RFC5321:4.5.3.1-3
  it.each([512, 513, 1000, LIMITS.commandLine])('of %d octets is taken', (length) => {
    const line = noop(length);
    expect(line.length).toBe(length);
    expect(dialogueIn('ready').receive(line)).toEqual(['250 2.0.0 ok']);
  });

  it.each([LIMITS.commandLine + 1, LIMITS.commandLine + 2, 10_000, LIMITS.commandLineDrain])('of %d octets gets one 500, and the next is read (§4.5.3.1.9)', (length) => {
    expect(codesOf(dialogueIn('ready').receive(`${noop(length)}NOOP\r\n`))).toEqual([500, 250]);
  });

  it('of one octet more than is drained ends the session, in one segment or in many', () => {
    const line = noop(LIMITS.commandLineDrain + 1);
    const whole = dialogueIn('ready');
    expect(codesOf(whole.receive(`${line}NOOP\r\n`))).toEqual([421]);
    const parts = dialogueIn('ready');
    parts.receive(line.slice(0, -1));
    expect(parts.closes).toBe(0);
    expect(codesOf(parts.receive('\n'))).toEqual([421]);
  });

  it('that never ends is dropped as it comes, and ends the session after a megabyte', () => {
    const server = dialogueIn('ready');
    let octets = 0;
    for (; server.closes === 0 && octets < 10 * LIMITS.commandLineDrain; octets += 65_536) server.receive('x'.repeat(65_536));
    expect(octets).toBeLessThanOrEqual(LIMITS.commandLineDrain + 65_536);
    expect(server.sent.endsWith(`421 4.7.0 ${HOST} endless line, closing connection\r\n`)).toBe(true);
    expect(server.receive('\r\nNOOP\r\n')).toEqual([]);
  });

  // shows RFC1870:3-5 RFC3030:3-4 RFC4954:3-3 RFC6531:3.1-8 RFC3461:5.4-8 RFC8689:2-3
  it('is taken with a path and each parameter as long as they can be, all at once', () => {
    const path = `<${'a'.repeat(64)}@${[63, 63, 61].map((length) => 'b'.repeat(length)).join('.')}>`;
    const hexadecimal = (text: string): string => [...text].map((character) => `+${character.charCodeAt(0).toString(16).toUpperCase()}`).join('');
    const auth = `${hexadecimal(`${'a'.repeat(64)}@${'b'.repeat(63)}.${'b'.repeat(35)}`)}bb`;
    const parameters = [`SIZE=${'1'.padStart(20, '0')}`, 'BODY=BINARYMIME', `AUTH=${auth}`, 'SMTPUTF8', 'RET=FULL', `ENVID=${'e'.repeat(100)}`, 'REQUIRETLS'];
    expect([path.length, ...parameters.map((parameter) => parameter.length + 1)]).toEqual([256, 26, 16, 500, 9, 9, 107, 11]);
    const server = dialogueIn('ready', { secured: true, without: [], auth: ANY_AUTH });
    const mail = `MAIL FROM:${path} ${parameters.join(' ')}`;
    const rcpt = `RCPT TO:${path} NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;${'o'.repeat(493)}`;
    expect(codesOf(server.say(mail.padEnd(1_600), rcpt.padEnd(1_600)))).toEqual([250, 250]); // §4.1.1: white space at the end counts for nothing but its length
  });
});

describe('the recipients of a mail (§4.5.3.1.8)', () => {
  const recipients = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `RCPT TO:<user${from + at}@example.com>`);

  it(`are a hundred at least, and ${LIMITS.recipients} by default`, () => {
    const server = dialogueIn('mail');
    expect(codesOf(server.say(...recipients(0, LIMITS.recipients))).every((code) => code === 250)).toBe(true);
    expect(LIMITS.recipients).toBeGreaterThanOrEqual(100);
    expect(server.say('RCPT TO:<one@example.com>')).toEqual(['452 4.5.3 too many recipients, send the rest in another mail']);
    server.say('DATA', '.');
    expect(server.mails.map(({ envelope }) => envelope.forwardPaths.length)).toEqual([LIMITS.recipients]);
  });

  it('beyond the limit get 452, those accepted before keep their mail, and the next mail has room again (§4.5.3.1.10)', () => {
    const server = dialogueIn('mail', { maxRecipients: 3 });
    expect(codesOf(server.say(...recipients(0, 5), 'DATA', '.', 'MAIL FROM:<>', ...recipients(5, 7), 'DATA', '.'))).toEqual([250, 250, 250, 452, 452, 354, 250, 250, 250, 250, 354, 250]);
    expect(server.mails.map(({ envelope }) => envelope.forwardPaths.length)).toEqual([3, 2]);
  });

  it('that were refused do not count', () => {
    let refuses = true;
    const server = dialogueIn('mail', { maxRecipients: 2 }, ({ about }) => (about === 'rcpt' && refuses ? reply(550, '5.1.1', 'unknown') : 'accept'));
    expect(codesOf(server.say(...recipients(0, 5))).every((code) => code === 550)).toBe(true);
    refuses = false;
    expect(codesOf(server.say(...recipients(5, 8)))).toEqual([250, 250, 452]);
  });

  it('are not asked about beyond the limit', () => {
    const server = dialogueIn('mail', { maxRecipients: 2 });
    server.say(...recipients(0, 9));
    expect(server.questions.filter(({ about }) => about === 'rcpt').length).toBe(2);
  });
});

describe('the size of mail data (§4.5.3.1.7, RFC 1870)', () => {
  it('that is declared is taken up to the limit, and refused with 552 beyond it', () => {
    const codes = (size: string): number[] => codesOf(dialogueIn('ready', { maxSize: 1000 }).say(`MAIL FROM:<> SIZE=${size}`));
    expect(['0', '1000', '1001', '9'.repeat(20), '9'.repeat(21), '', '-1', '1e2'].map(codes)).toEqual([[250], [250], [552], [552], [501], [501], [501], [501]]);
  });

  it('without a limit may be declared at will', () => {
    const server = new ServerDialogue({ maxSize: 0 });
    expect(server.say('EHLO a.example')).toContain('250-SIZE 0');
    expect(codesOf(server.say(`MAIL FROM:<> SIZE=${'9'.repeat(20)}`))).toEqual([250]);
  });

  // shows RFC1870:6.3-1
  it('of exactly the limit is taken, and one octet more refused, after which the session goes on', () => {
    for (const [length, code] of [[8, 250], [9, 552], [70, 552]] as const) {
      const server = dialogueIn('data', { maxSize: 10 });
      expect(codesOf(server.say('x'.repeat(length), '.', 'NOOP'))).toEqual([code, 250]);
      expect(server.aborts).toEqual(code === 250 ? [] : ['too-much-mail-data']);
      expect(server.mails.map(({ size }) => size)).toEqual(code === 250 ? [10] : []);
    }
  });

  // shows RFC1870:5-1
  it('counts content: neither a dot that transparency put in nor the end', () => {
    const server = dialogueIn('data', { maxSize: 10 });
    expect(codesOf(server.say('..', '..45678', '.'))).toEqual([552]);
    expect(codesOf(server.say('MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '..', '..4567', '.'))).toEqual([250, 250, 354, 250]);
    expect(server.mails.map(({ content }) => content)).toEqual(['.\r\n.4567\r\n']);
  });

  it('is no larger than was declared for nobody\'s sake: what comes is what counts (RFC 1870 §6.3)', () => {
    const server = dialogueIn('ready', { maxSize: 100 });
    expect(codesOf(server.say('MAIL FROM:<> SIZE=1', 'RCPT TO:<a@b>', 'DATA', 'x'.repeat(50), '.'))).toEqual([250, 250, 354, 250]);
  });

  it('beyond what is drained ends the session, with 552 for the mail and 421 for the session', () => {
    for (const [length, codes] of [[80 - 2, [552]], [80 - 1, [552, 421]]] as const) {
      const server = dialogueIn('data', { maxSize: 10, maxDrain: 80 });
      expect(codesOf(server.say('x'.repeat(length), '.'))).toEqual(codes);
      expect([server.closes, server.ends, server.aborts]).toEqual([codes.length - 1, ['refused'], ['too-much-mail-data']]);
    }
  });

  // shows RFC5321:4.5.3.1.7-2
  it('is drained up to a MiB, however small the limit', () => {
    const server = dialogueIn('data', { maxSize: 10 });
    expect(codesOf(server.say('x'.repeat(900_000), '.', 'NOOP'))).toEqual([552, 250]);
  });

  it('without a limit never does', () => {
    const server = dialogueIn('data', { maxSize: 0 });
    server.say(...Array.from({ length: 500 }, () => 'x'.repeat(998)));
    expect(codesOf(server.say('.'))).toEqual([250]);
    expect(server.mails[0]?.size).toBe(500_000);
  });

  // shows RFC5321:4.5.3.1.7-1
  it('is at least 64 K by default', () => {
    expect(LIMITS.mailData).toBeGreaterThanOrEqual(65_536);
  });
});

describe('a text line (§4.5.3.1.6)', () => {
  it.each([
    ['of 1000 octets with its CRLF', 'x'.repeat(998), 250],
    ['of 1001', 'x'.repeat(999), 554],
    ['of 1000 behind a dot of transparency', `..${'x'.repeat(997)}`, 250],
    ['of 1001 behind a dot of transparency', `..${'x'.repeat(998)}`, 554],
    ['of 1000 behind a dot that was not doubled', `.${'x'.repeat(998)}`, 250],
    ['of 1001 behind a dot that was not doubled', `.${'x'.repeat(999)}`, 554],
  ])('%s', (_, line, code) => {
    for (const before of [[], ['Subject: hello', '']]) {
      const server = dialogueIn('data');
      expect(codesOf(server.say(...before, line, 'after', '.', 'NOOP'))).toEqual([code, 250]);
      expect(server.aborts).toEqual(code === 250 ? [] : ['text-line-too-long']);
    }
  });

  it('may have another limit, or none', () => {
    expect(codesOf(dialogueIn('data', { maxTextLine: 10 }).say('x'.repeat(8), '.'))).toEqual([250]);
    expect(codesOf(dialogueIn('data', { maxTextLine: 10 }).say('x'.repeat(9), '.'))).toEqual([554]);
    expect(codesOf(dialogueIn('data', { maxTextLine: Infinity }).say('x'.repeat(100_000), '.'))).toEqual([250]);
  });
});

describe('of two faults in mail data', () => {
  it.each([
    ['a bare LF in front of too much', 'ab\nde', '0123456789', 554],
    ['a bare LF on the last octet of the limit', '012345678\n', '', 554],
    ['a bare CR on the last octet of the limit', '012345678\rx', '', 554],
    ['a bare LF behind too much', '0123456789x\nx', '', 552],
    ['a bare LF that is the first octet too many', '0123456789\n', '', 552],
  ])('the first counts: %s', (_, first, second, code) => {
    const text = `${first}\r\n${second}\r\n.\r\n`;
    const whole = dialogueIn('data', { maxSize: 10 });
    const single = dialogueIn('data', { maxSize: 10 });
    expect(codesOf(whole.receive(text))).toEqual([code]);
    expect([...text].flatMap((octet) => codesOf(single.receive(octet)))).toEqual([code]);
    expect(single.aborts).toEqual(whole.aborts);
  });
});

describe('the errors of a client', () => {
  it(`are answered one by one up to ${CAPS.errors}, and then with 421`, () => {
    const server = dialogueIn('ready');
    const codes = codesOf(server.say(...Array.from({ length: CAPS.errors + 10 }, () => 'XYZZY')));
    expect(codes).toEqual([...Array.from({ length: CAPS.errors }, () => 500), 421]);
    expect(server.closes).toBe(1);
  });

  it('are of syntax and of order; what limits and the application refuse is none', () => {
    const server = dialogueIn('mail', { maxRecipients: 1, maxSize: 10 }, (question) => (question.about === 'rcpt' && question.forwardPath.text.startsWith('<bad') ? reply(550, '5.1.1', 'unknown') : 'accept'));
    server.say(...Array.from({ length: CAPS.refusedRecipients }, () => 'RCPT TO:<bad@example.com>'), 'RCPT TO:<a@b>', ...Array.from({ length: 3 * CAPS.errors }, () => 'RCPT TO:<a@b>'), 'RSET');
    server.say(...Array.from({ length: 3 * CAPS.errors }, () => 'MAIL FROM:<> SIZE=11'));
    expect(codesOf(server.say('NOOP'))).toEqual([250]);
  });
});
