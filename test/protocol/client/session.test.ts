import { describe, expect, it } from 'vitest';
import { LIMITS, minutes } from '../../../src/protocol/limit.ts';
import { AWAITED } from '../../../src/protocol/client/table.ts';
import type { Awaited } from '../../../src/protocol/client/table.ts';
import { AT_THE_END, BOB, CAROL, CLIENT, ClientDialogue, IN_TRANSACTION, after, clientAwaiting, clientIn } from '../../support/client-dialogue.ts';
import { octetsOf } from '../../wire/every.ts';
import { cpuTime } from '../../support/cpu-time.ts';
import { forwardPath, reversePath } from '../../support/path.ts';

const OK = octetsOf('250 ok\r\n');
const COMMANDS = Object.keys(AWAITED) as Awaited[]; // the keys are AWAITED's own

describe('a mail transaction', () => {
  it('is pipelined where the server offered it (RFC 2920 §3.1)', () => {
    const client = clientIn('ready', ['PIPELINING']);
    expect(client.mail(['bob@example.com', 'carol@example.com'])).toEqual(['MAIL FROM:<alice@example.org>', `RCPT TO:${BOB}`, `RCPT TO:${CAROL}`, 'DATA']);
    expect(client.reply('250 ok', '250 ok', '250 ok')).toEqual([]);
    expect(client.reply('354 go')).toEqual([]);
    expect(client.wanting).toBe(true);
    expect(client.give('Subject: hello\r\n\r\n.\r\n')).toEqual(['Subject: hello', '', '..']);
    expect(client.wanting).toBe(true);
    expect(client.finish()).toEqual(['.']);
    expect(client.reply('250 2.0.0 taken')).toEqual([]);
    expect(client.told).toEqual([`${BOB} delivered 250`, `${CAROL} delivered 250`, 'done']);
    expect(client.ready).toBe(true);
  });

  it('of more than 200 commands goes on when half of those that are out are answered', () => {
    const client = clientIn('ready', ['PIPELINING']);
    const sent = [client.mail(Array.from({ length: 300 }, (_, at) => `r${at}@example.com`)), client.reply(...Array.from({ length: 99 }, () => '250 ok')), client.reply('250 ok')];
    expect(sent.map(({ length }) => length)).toEqual([200, 0, 100]);
  });

  it('goes in one flight with at most 200 replies to come, that to its end counted', () => {
    const flies = (recipients: number): boolean => clientIn('ready', ['PIPELINING', 'CHUNKING']).mail(Array.from({ length: recipients }, (_, at) => `r${at}@example.com`), { content: octetsOf('hello\r\n') }).includes('BDAT 7 LAST');
    expect([flies(198), flies(199)]).toEqual([true, false]);
  });

  it('of many recipients costs each of them the same, be it one command at a time, and with a reply to each in the end (RFC 2033 §4.2)', () => {
    const send = (recipients: number): void => {
      const client = clientIn('ready', [], { lmtp: true });
      const taken = (times: number): void => {
        for (let reply = 0; reply < times; reply++, client.pump()) client.session.receive(OK, 0);
      };
      client.mail(Array.from({ length: recipients }, (_, at) => `r${at}@example.com`), { content: octetsOf('hello\r\n') });
      taken(1 + recipients);
      client.reply('354 go');
      taken(recipients);
      expect(client.outcomes.filter(({ outcome }) => outcome.state === 'delivered')).toHaveLength(recipients);
    };
    send(1_000);
    expect(cpuTime(() => send(60_000))).toBeLessThan(30 * cpuTime(() => send(6_000)));
  });

  it('gives its content three minutes for the next piece from the reply to a chunk on (§4.5.3.2.5)', () => {
    const client = clientIn('ready', ['CHUNKING']);
    client.mail();
    client.reply('250 ok');
    client.reply('250 ok');
    client.give('hello\r\n');
    client.wait(minutes(4));
    client.reply('250 ok');
    client.wait(minutes(3) - 1);
    expect(client.session.state).toBe('content');
    client.wait(1);
    expect(client.session.state).toBe('closed');
  });

  it('goes one command at a time where it did not', () => {
    const client = clientIn('ready', ['SIZE 1000']);
    expect(client.mail(['bob@example.com', 'carol@example.com'])).toEqual(['MAIL FROM:<alice@example.org>']);
    expect(client.reply('250 ok')).toEqual([`RCPT TO:${BOB}`]);
    expect(client.reply('250 ok')).toEqual([`RCPT TO:${CAROL}`]);
    expect(client.reply('550 no')).toEqual(['DATA']);
    client.reply('354 go');
    client.give('hello\r\n');
    client.finish();
    client.reply('250 ok');
    expect(client.told).toEqual([`${CAROL} failed 550 in reply to RCPT`, `${BOB} delivered 250`, 'done']);
  });

  it('is over without DATA where nobody was accepted one at a time (§3.3)', () => {
    const client = clientIn('ready', []);
    client.mail();
    client.reply('250 ok');
    expect(client.reply('550 no')).toEqual([]);
    expect(client.told).toEqual([`${BOB} failed 550 in reply to RCPT`, 'done']);
    expect(client.ready).toBe(true);
  });

  it('ends with a lone dot where 354 comes though nobody was accepted (RFC 2920 §3.1)', () => {
    for (const replies of [['550 no', '503 no', '503 no'], ['250 ok', '550 no', '450 no']]) {
      const client = after(clientIn('envelope'), ...replies);
      client.takeTold();
      expect(client.reply('354 go')).toEqual(['.']);
      expect(client.wanting).toBe(false);
      client.reply('250 taken, whatever it is');
      expect(client.told).toEqual(['done']);
      expect(client.ready).toBe(true);
    }
  });

  it('of an empty content is a lone dot, and of a content without a last CRLF gets one (§4.1.1.4)', () => {
    expect(clientIn('content').finish()).toEqual(['.']);
    const client = clientIn('content');
    client.give('open');
    expect(client.sent.endsWith('open')).toBe(true);
    client.finish();
    expect(client.sent.endsWith('open\r\n.\r\n')).toBe(true);
  });

  it('carries content to the server octet for octet, however it is cut (§4.5.2)', () => {
    const content = '.\r\n..\r\n.text\r\n\0\t\xff\r\n\r\n';
    for (let size = 1; size <= content.length; size++) {
      const client = clientIn('content');
      const from = client.sent.length;
      for (let at = 0; at < content.length; at += size) client.give(content.slice(at, at + size));
      client.finish();
      expect(client.sent.slice(from)).toBe(`${content.replace(/^\./gm, '..')}.\r\n`);
    }
  });

  it('begins its content at the start of a line, however the mail before it ended', () => {
    const client = clientIn('content');
    client.give('open');
    client.finish();
    client.reply('250 ok');
    client.mail();
    client.reply('250 ok', '250 ok', '354 go');
    const from = client.sent.length;
    client.give('.');
    client.finish();
    expect(client.sent.slice(from)).toBe('..\r\n.\r\n');
  });

  // shows RFC5321:4.1.1.3-10
  it('names its paths as they were written, and parameters of extensions that are offered (RFC 1870 §6, RFC 6152 §3)', () => {
    const client = clientIn('ready', ['PIPELINING', 'SIZE', '8BITMIME']);
    client.ready = false;
    client.session.send({ reversePath: reversePath('<>'), forwardPaths: [forwardPath('<Postmaster>')], size: 7, eightBit: true }, 0);
    client.pump();
    expect(client.sent.split('\r\n').slice(-4)).toEqual(['MAIL FROM:<> SIZE=7 BODY=8BITMIME', 'RCPT TO:<Postmaster>', 'DATA', '']);
    const plain = clientIn('ready', ['PIPELINING']);
    expect(plain.mail(undefined, { size: 7 })[0]).toBe('MAIL FROM:<alice@example.org>');
  });

  it('that was accepted leaves the next to begin with MAIL, any other with RSET', () => {
    const good = after(clientIn('ending'), '250 ok');
    expect(good.mail()[0]).toBe('MAIL FROM:<alice@example.org>');
    for (const client of [after(clientIn('ending'), '451 no'), after(clientIn('envelope'), '550 no', '503 no', '503 no', '503 no'), after(after(after(clientIn('envelope', []), '250 ok'), '550 no'), '550 no'), after(clientIn('envelope'), '250 ok', '250 ok', '250 ok', '451 no')]) {
      expect(client.ready).toBe(true);
      client.takeTold();
      expect(client.mail()[0]).toBe('RSET');
      client.reply('250 reset');
      for (const line of ['250 ok', '250 ok', '354 go']) client.reply(line);
      client.give('hello\r\n');
      client.finish();
      client.reply('250 ok');
      expect(client.takeTold()).toEqual([`${BOB} delivered 250`, 'done']);
      expect(client.mail()[0]).toBe('MAIL FROM:<alice@example.org>');
    }
  });

  it('that was refused on our side leaves no trace on the wire', () => {
    const client = clientIn('ready', ['SIZE 10']);
    client.mail(undefined, { size: 11 });
    expect(client.mail(undefined, { size: 10 })).toEqual(['MAIL FROM:<alice@example.org> SIZE=10']);
  });
});

describe('what the server says of its extensions (§4.1.1.1)', () => {
  it('counts from the second line on: a greeting offers nothing', () => {
    const client = after(clientIn('ehlo'), '250-PIPELINING SIZE 8BITMIME', '250 SIZE 10');
    expect([...client.session.keywords]).toEqual([['SIZE', ['10']]]);
    expect(client.mail()).toEqual(['MAIL FROM:<alice@example.org>']);
    const alone = after(clientIn('ehlo'), '250 PIPELINING');
    expect(alone.session.keywords.size).toBe(0);
  });

  it('has no case', () => {
    expect(after(clientIn('ehlo'), '250-x', '250 pipelining').mail().length).toBe(3);
  });

  it('is nothing where it had to be asked with HELO (§3.2)', () => {
    const client = new ClientDialogue();
    expect(client.reply('220 mx ESMTP')).toEqual([`EHLO ${CLIENT}`]);
    expect(client.reply('502 what?')).toEqual([`HELO ${CLIENT}`]);
    expect(client.reply('250-mx', '250 PIPELINING')).toEqual([]);
    expect(client.mail()).toEqual(['MAIL FROM:<alice@example.org>']);
  });

  // shows RFC5321:2.4-9
  it('refuses a content that needs 8BITMIME where that is missing (RFC 6152 §3)', () => {
    const client = clientIn('ready', ['PIPELINING']);
    expect(client.mail(['bob@example.com', 'carol@example.com'], { eightBit: true })).toEqual([]);
    expect(client.told).toEqual([`${BOB} failed 554 in reply to EHLO: 8bit-not-offered`, `${CAROL} failed 554 in reply to EHLO: 8bit-not-offered`, 'done']);
    expect(client.ready).toBe(true);
  });

  // shows RFC1870:3-2 RFC1870:3-3
  it('refuses a mail that is larger than SIZE allows; 0, no number and nothing are no limit (RFC 1870 §4)', () => {
    for (const [keyword, size, refused] of [['SIZE 10', 11, true], ['SIZE 10', 10, false], ['SIZE 0', 11, false], ['SIZE', 11, false], ['SIZE 1e1', 11, false], ['SIZE -1', 11, false], ['SIZE 0x1', 11, false]] as const) {
      const client = clientIn('ready', [keyword]);
      client.mail(undefined, { size });
      expect(client.told).toEqual(refused ? [`${BOB} failed 552 in reply to EHLO: size-not-accepted`, 'done'] : []);
    }
  });

  it('does not hinder a mail whose size nobody knows', () => {
    expect(clientIn('ready', ['SIZE 10']).mail()).toEqual(['MAIL FROM:<alice@example.org>']);
  });
});

describe('a reply', () => {
  const CODES = { 2: '250', 3: '354', 4: '450', 5: '550' } as const;

  // shows RFC5321:4.2-14 RFC5321:4.2-17
  it.each(COMMANDS.flatMap((awaited) => ([2, 3, 4, 5] as const).map((kind) => [awaited, kind] as const)))('to %s of class %d leads where the table says', (awaited, kind) => {
    const client = clientAwaiting(awaited);
    const { state } = client.session;
    const { phrase, on } = AWAITED[awaited];
    client.reply(awaited === 'AUTH' && kind === 3 ? '334 PHg+' : `${CODES[kind]} text`);
    if (awaited === 'AUTH' && kind === 2) return expect(client.session.state).toBe('quit'); // nothing was proven yet: ready, and on to the end
    if (awaited === 'AUTH' && kind > 3) return expect(client.session.state).toBe('quit'); // the secret is wrong
    if (awaited === 'BDAT' && kind > 3) return expect(client.session.state).toBe('ready'); // it was the only one on the way
    expect(client.session.state).toBe(on[kind] === 'stays' ? state : on[kind]);
    if (on[kind] !== 'closed') return expect(client.closes).toBe(0);
    expect(client.closes).toBe(1);
    if (!IN_TRANSACTION.includes(awaited)) return;
    const verdict = kind === 4 || kind === 5 ? `deferred ${CODES[kind]} in reply to ${phrase}` : AT_THE_END.includes(awaited) ? `unknown 451 in reply to ${phrase}: bad-reply` : `deferred 451 in reply to ${phrase}: bad-reply`;
    expect(client.told).toEqual([`${BOB} ${verdict}`, `${CAROL} ${verdict}`, 'done']);
  });

  const OWN: Readonly<Record<number, readonly Awaited[]>> = { 220: ['greeting', 'STARTTLS'], 221: ['QUIT'], 235: ['AUTH'], 334: ['AUTH'], 354: ['DATA'] };
  it.each(COMMANDS.filter((awaited) => awaited !== 'QUIT').flatMap((awaited) => Object.keys(OWN).filter((code) => OWN[Number(code)]?.includes(awaited) === false).map((code) => [awaited, code] as const)))('to %s with the code %s, which is known as the reply to something else, ends the session (§4.2.2)', (awaited, code) => {
    const client = clientAwaiting(awaited);
    client.reply(`${code} PHg+`);
    expect(client.session.state).toBe('closed');
    expect(client.session.failure?.reason).toBe('bad-reply');
    const farewell = awaited === 'RSET in flight' && code === '221'; // so nothing behind it was read
    if (IN_TRANSACTION.includes(awaited)) expect(client.told.map((told) => told.split(' ')[1])).toEqual(AT_THE_END.includes(awaited) && !farewell ? ['unknown', 'unknown', undefined] : ['deferred', 'deferred', undefined]);
  });

  it.each(COMMANDS.filter((awaited) => awaited !== 'one recipient'))('of 421 to %s ends the session, and says nothing of the recipients but "not now" (§3.8)', (awaited) => {
    const client = clientAwaiting(awaited);
    expect(client.reply('421 mx closing')).toEqual([]);
    expect(client.closes).toBe(1);
    const verdict = `deferred 421 in reply to ${AWAITED[awaited].phrase}`;
    expect(client.told).toEqual(IN_TRANSACTION.includes(awaited) ? [`${BOB} ${verdict}`, `${CAROL} ${verdict}`, 'done'] : []);
  });

  it('of 421 for one recipient is about him, and the session ends behind the replies for all (RFC 2033 §4.2)', () => {
    const client = clientAwaiting('one recipient');
    client.reply('421 mx closing');
    expect([client.closes, client.takeTold()]).toEqual([0, [`${BOB} deferred 421 in reply to end of mail data`]]);
    client.reply('250 taken');
    expect([client.closes, client.told]).toEqual([1, [`${CAROL} delivered 250`, 'done']]);
  });

  it.each(['ready', 'content'] as const)('of 421 that nothing asked for, in state %s, ends the session too', (state) => {
    const client = clientIn(state);
    client.reply('421 mx closing');
    expect(client.closes).toBe(1);
    expect(client.told).toEqual(state === 'ready' ? [] : [`${BOB} deferred 421 in reply to nothing`, `${CAROL} deferred 421 in reply to nothing`, 'done']);
  });

  it.each(['ready', 'content'] as const)('that nothing asked for, in state %s, ends the session (§4.3.1)', (state) => {
    const client = clientIn(state);
    client.reply('250 ok');
    expect(client.closes).toBe(1);
    expect(client.told.at(0)).toBe(state === 'ready' ? undefined : `${BOB} deferred 451 in reply to nothing: bad-reply`);
  });

  it.each([
    ['no code', 'hello'],
    ['two digits', '25 ok'],
    ['four digits', '2500 ok'],
    ['a code that begins with 1', '150 ok'],
    ['a code that begins with 6', '650 ok'],
    ['nothing', ''],
    ['two codes', '250-ok\r\n251 ok'],
    ['a bare LF', '250 ok\n250 ok'],
    ['a bare CR', '250 ok\r250 ok'],
    ['NUL', '250 o\0k'],
    ['a line too long', `250 ${'x'.repeat(LIMITS.replyLine)}`],
    ['too many lines', '250-ok\r\n'.repeat(LIMITS.replyLines) + '250 ok'],
  ])('with %s is none: the session ends', (_, text) => {
    for (const awaited of COMMANDS) {
      const client = clientAwaiting(awaited);
      client.reply(text);
      expect(client.closes).toBe(1);
      if (!IN_TRANSACTION.includes(awaited)) continue;
      const state = AT_THE_END.includes(awaited) ? 'unknown' : 'deferred';
      expect(client.told.at(0)).toBe(`${BOB} ${state} 451 in reply to ${AWAITED[awaited].phrase}: bad-reply`);
    }
  });

  it('that is a line which never ends is dropped when it is too long', () => {
    const client = clientIn('envelope');
    client.receive('2'.repeat(LIMITS.replyLine));
    expect(client.closes).toBe(0);
    client.receive('2');
    expect(client.closes).toBe(1);
  });

  it('may be as long as the limit, have as many lines, no text, and a code that nobody knows (§4.2)', () => {
    for (const text of [`250 ${'x'.repeat(LIMITS.replyLine - 6)}`, '250-ok\r\n'.repeat(LIMITS.replyLines - 1) + '250 ok', '250', '250 ', '259 ok', '200 ok']) {
      const client = after(clientIn('ending'), text);
      expect(client.told).toEqual([`${BOB} delivered ${text.slice(0, 3)}`, `${CAROL} delivered ${text.slice(0, 3)}`, 'done']);
    }
  });

  it('is the outcome\'s, text and all', () => {
    const client = after(clientIn('ending'), '250-2.0.0 taken', '250 2.0.0 as 42');
    expect(client.outcomes[0]?.outcome).toEqual({ state: 'delivered', reply: { code: 250, enhanced: '2.0.0', lines: ['taken', 'as 42'] } });
  });

  it('before its command has been sent is none of its: to end of mail data it comes too early', () => {
    const client = clientIn('envelope');
    client.reply('250 ok', '250 ok', '250 ok', '354 go', '250 taken');
    expect(client.told).toEqual([`${BOB} deferred 451 in reply to nothing: bad-reply`, `${CAROL} deferred 451 in reply to nothing: bad-reply`, 'done']);
  });

  it.each([
    ['mail data', ['PIPELINING'], ['250 ok', '250 ok', '354 go'], '250 taken', 'deferred 451'],
    ['mail data', ['PIPELINING'], ['250 ok', '250 ok', '354 go'], '550 go away', 'failed 550'],
    ['the last chunk', ['PIPELINING', 'CHUNKING'], ['250 ok', '250 ok'], '250 taken', 'deferred 451'],
    ['a chunk', ['CHUNKING'], ['250 ok', '250 ok'], '250 taken', 'deferred 451'],
    ['a chunk', ['CHUNKING'], ['250 ok', '250 ok'], '452 no room', 'deferred 452'],
    ['a chunk', ['CHUNKING'], ['250 ok', '250 ok'], '552 too much', 'failed 552'],
  ])('before the last octet of %s has been handed out is none of its either, unless it refuses the rest', (what, keywords, replies, early, outcome) => {
    const { session } = clientIn('ready', keywords);
    const content = octetsOf('hello\r\n.world'); // in pieces in every form
    const sends = (most: number): number => {
      let sent = 0;
      for (; sent < most && session.next()?.type === 'send'; sent += 1);
      return sent;
    };
    session.send({ reversePath: reversePath('<>'), forwardPaths: [forwardPath(BOB)], ...(what === 'a chunk' ? {} : { content }) }, 0);
    for (const reply of replies) {
      sends(1);
      session.receive(octetsOf(`${reply}\r\n`), 0);
    }
    if (what === 'a chunk') {
      expect(session.next()?.type).toBe('want-content');
      session.content(content, 0);
    }
    expect(sends(1)).toBe(1);
    session.receive(octetsOf(`${early}\r\n`), 0);
    const told: string[] = [];
    for (let action; (action = session.next()) !== undefined; ) told.push(action.type === 'outcome' ? `${action.outcome.state} ${action.outcome.reply.code}` : action.type);
    expect(told.filter((type) => type !== 'send')).toEqual([outcome, 'done', 'close']);
  });

  it('behind the end of the session changes nothing', () => {
    const client = clientIn('ending');
    client.lost();
    client.takeTold();
    expect(client.reply('250 ok')).toEqual([]);
    expect(client.told).toEqual([]);
    expect(client.closes).toBe(1);
  });
});

describe('a recipient', () => {
  it.each([
    ['251 will forward', 'delivered 250'],
    ['259 what', 'delivered 250'],
    ['450 busy', 'deferred 450 in reply to RCPT'],
    ['452 too many', 'deferred 452 in reply to RCPT'],
    ['550 unknown', 'failed 550 in reply to RCPT'],
    ['551 moved', 'failed 551 in reply to RCPT'],
    ['559 what', 'failed 559 in reply to RCPT'],
  ])('that gets %s is %s', (line, outcome) => {
    for (const keywords of [['PIPELINING'], []]) {
      const client = clientIn('envelope', keywords);
      for (const reply of ['250 ok', '250 ok', line, '354 go']) client.reply(reply);
      client.give('hello\r\n');
      client.finish();
      client.reply('250 ok');
      expect([...client.told].sort()).toEqual([`${BOB} delivered 250`, `${CAROL} ${outcome}`, 'done'].sort());
    }
  });

  it('gets 552 as 452 behind others that were accepted, and as what it says behind none (§4.5.3.1.10)', () => {
    expect(after(clientIn('envelope'), '250 ok', '250 ok', '552 too many').told).toEqual([`${CAROL} deferred 552 in reply to RCPT`]);
    expect(after(clientIn('envelope'), '250 ok', '552 full', '250 ok').told).toEqual([`${BOB} failed 552 in reply to RCPT`]);
    const next = after(clientIn('ending'), '250 ok');
    next.takeTold();
    next.mail();
    next.reply('250 ok', '552 full');
    expect(next.told).toEqual([`${BOB} failed 552 in reply to RCPT`]);
  });

  it('that was accepted shares the reply to DATA, or to end of mail data; one that was refused keeps its own', () => {
    const refused = (replies: readonly string[]): string[] => after(clientIn('envelope'), '250 ok', '250 ok', '550 no', ...replies).told;
    expect(refused(['451 not now'])).toEqual([`${CAROL} failed 550 in reply to RCPT`, `${BOB} deferred 451 in reply to DATA`, 'done']);
    expect(refused(['554 no'])).toEqual([`${CAROL} failed 550 in reply to RCPT`, `${BOB} failed 554 in reply to DATA`, 'done']);
    for (const [line, outcome] of [['451 not now', 'deferred 451'], ['554 no', 'failed 554'], ['250 ok', 'delivered 250']] as const) {
      const client = clientIn('envelope');
      client.reply('250 ok', '250 ok', '550 no', '354 go');
      client.finish();
      client.reply(line);
      expect(client.told).toEqual([`${CAROL} failed 550 in reply to RCPT`, `${BOB} ${outcome}${outcome.startsWith('delivered') ? '' : ' in reply to end of mail data'}`, 'done']);
    }
  });

  it('shares the refusal of MAIL, whatever its RCPT is answered behind it', () => {
    expect(after(clientIn('envelope'), '550 not you', '503 no', '450 no', '554 no').told).toEqual([`${BOB} failed 550 in reply to MAIL`, `${CAROL} failed 550 in reply to MAIL`, 'done']);
    expect(after(clientIn('envelope', []), '450 not now').told).toEqual([`${BOB} deferred 450 in reply to MAIL`, `${CAROL} deferred 450 in reply to MAIL`, 'done']);
  });

  // shows RFC2920:3.1-8 RFC2920:3.1-10
  it('is named by its place among the recipients, even if two are the same', () => {
    const client = clientIn('ready');
    client.mail(['bob@example.com', 'bob@example.com', 'bob@example.com']);
    client.reply('250 ok', '250 ok', '550 no', '250 ok', '354 go');
    client.finish();
    client.reply('250 ok');
    expect(client.outcomes.map(({ recipient, outcome }) => `${recipient} ${outcome.state}`)).toEqual(['1 failed', '0 delivered', '2 delivered']);
  });
});
