// What holds for a server session whatever the octets and whatever the cuts: every command line gets one reply, in order; the
// actions do not depend on the segments; nothing throws; and mail data are never read as commands, nor are chunks.
//
// Where STARTTLS is accepted the segments do tell what was said in the clear: what comes before `secured` is forgotten, what
// comes behind is not. So no stream here goes over a handshake; `rfc3207` of the transcripts has those, with the cut marked.

import { describe, expect, it } from 'vitest';
import { reply } from '../../../src/syntax/reply.ts';
import type { ServerOptions } from '../../../src/protocol/server/option.ts';
import { mutate, randomOf, randomPieces, seeds } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { ANY_AUTH, STARTS, ServerDialogue, codesOf, dialogueIn, plain } from '../../support/server-dialogue.ts';
import type { Application } from '../../support/server-dialogue.ts';
import { someCuts } from '../../wire/every.ts';

const lines = (...texts: readonly string[]): string => texts.map((text) => `${text}\r\n`).join('');

/** Refuses what says so in its address, else takes it. */
const judge: Application = (question) => {
  if (question.about === 'auth') return 'authcid' in question.auth && question.auth.authcid === 'no' ? { type: 'no' } : question.auth.type === 'password' ? { type: 'yes' } : { type: 'unavailable' };
  const address = question.about === 'mail' ? question.reversePath.text : question.about === 'rcpt' ? question.forwardPath.text : '';
  if (address.startsWith('<no')) return reply(550, '5.1.1', 'no such user');
  return question.about === 'message' && question.size % 7 === 3 ? reply(451, '4.3.0', 'not now') : 'accept';
};

/** All that a session does over a stream, but for the pieces that content comes in, and for content that comes to nothing. */
interface Trace {
  readonly sent: string;
  readonly told: readonly string[];
  readonly questions: string;
  readonly mails: string;
  readonly closes: number;
  readonly state: string;
}

function traceOf(pieces: readonly string[], options: Partial<ServerOptions>): Trace {
  const server = new ServerDialogue(options, judge);
  server.feed(pieces);
  server.end();
  return {
    sent: server.sent,
    told: server.told.filter((told) => told !== 'content'),
    questions: JSON.stringify(server.questions),
    mails: JSON.stringify(server.mails),
    closes: server.closes,
    state: server.session.state,
  };
}

function sameTrace(a: Trace, b: Trace): boolean {
  return a.sent === b.sent && a.questions === b.questions && a.mails === b.mails && a.closes === b.closes && a.state === b.state && a.told.join() === b.told.join();
}

const BINARY = 'EHLO a.example\r\nMAIL FROM:<> BODY=BINARYMIME SMTPUTF8 RET=HDRS\r\nRCPT TO:<\xc3\xa4@b> NOTIFY=NEVER\r\n';
const TEXT = lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>');

/** Every extension is offered, in the clear. */
const EVERYTHING: Partial<ServerOptions> = { without: [], auth: ANY_AUTH };

/** Dialogues of every kind; those with a size have it as the limit of mail data. */
const DIALOGUES: readonly (readonly [title: string, text: string, maxSize: number | undefined])[] = [
  ['a mail', lines('EHLO a.example', 'MAIL FROM:<alice@example.org> SIZE=20', 'RCPT TO:<bob@example.com>', 'DATA', 'Subject: hello', '', '.. a dot', '.', 'QUIT'), undefined],
  ['two mails, one refused at its end', lines('HELO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', 'x', '.', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '12345678', '.', 'NOOP'), undefined],
  ['refusals', lines('EHLO a.example', 'MAIL FROM:<no@example.org>', 'MAIL FROM:<>', 'RCPT TO:<no@b>', 'DATA', 'RCPT TO:<a@b>', 'MAIL FROM:<>', 'DATA', '.', 'QUIT', 'NOOP'), undefined],
  ['errors of syntax and order', lines('MAIL FROM:<>', 'EHLO', 'EHLO a.example', 'RCPT TO:<a@b>', 'DATA', 'MAIL FROM: <a@b>', 'MAIL FROM:<a@b> X', 'MAIL FROM:<a@b> BODY=Z', '', 'XYZZY', 'RSET x', 'EXPN a', 'VRFY a'), undefined],
  ['bare octets in lines', 'EHLO a.example\nNOOP\r\nNOOP\rNOOP\r\n\r\r\nNOOP\r\r\nN\0OP\r\n\xe4\r\nRSET \xe4\r\nQUIT\n\r\nQUIT\r\n', undefined],
  ['bare octets in mail data', `${lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA')}a\n.\nb\r.\rc\r\n.\r\r\n.\n..\r\n.\r\n${lines('NOOP')}`, undefined],
  ['dots', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '..', '...', '.x', '. ', '.', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '.', 'NOOP'), undefined],
  ['too much mail data', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '0123456789', 'MAIL FROM:<evil@x>', '.', 'NOOP'), 9],
  ['too much mail data, and bare octets behind', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '..2345678\r9\n', '.', 'NOOP'), 8],
  ['too much mail data, and bare octets before', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '..2\r4567\r89\n', '.', 'NOOP'), 8],
  ['endless mail data', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '0123456789', 'MAIL FROM:<evil@x>', '.', 'NOOP'), 3],
  ['mail data at the limit of what is drained', lines('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '01234567890123', '.', 'NOOP'), 2],
  ['a mail in chunks', `${TEXT}BDAT 7\r\nhello\r\nBDAT 0\r\nBDAT 5 LAST\r\nhi\n\r\nNOOP\r\n${TEXT}BDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\nQUIT\r\n`, undefined],
  ['chunks that are refused', `BDAT 6 LAST\r\nQUIT\r\n${lines('EHLO a.example')}BDAT 6 FIRST\r\nQUIT\r\nBDAT 6\0\r\nQUIT\r\n${lines('MAIL FROM:<>', 'RCPT TO:<no@b>')}bdat 6\r\nQUIT\r\nBDAT x\r\nNOOP\r\n`, undefined],
  ['chunks and bare octets', `${TEXT}BDAT 3\r\na\r\rBDAT 1\r\n\nBDAT 6 LAST\r\nQUIT\r\n${TEXT}BDAT 1\r\n\rBDAT 1\r\n\nBDAT 1\r\n\rBDAT 0 LAST\r\n`, undefined],
  ['binary chunks', `${BINARY}BDAT 4\r\n\r\n.\nBDAT 3 LAST\r\n\0\r\xffNOOP\r\n`, undefined],
  ['too much in chunks', `${TEXT}BDAT 7\r\nhello\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n${TEXT}BDAT 30\r\n${'x\r\n'.repeat(10)}NOOP\r\n`, 9],
  ['endless chunks', `${TEXT}BDAT 25\r\n${lines('MAIL FROM:<evil@x>', 'NOOP')}`, 3],
  ['an endless chunk out of order', `EHLO a.example\r\nBDAT 25\r\n${lines('MAIL FROM:<evil@x>', 'NOOP')}`, 3],
  ['chunks and DATA', `${TEXT}BDAT 6\r\nQUIT\r\nDATA\r\nRCPT TO:<c@d>\r\nRSET\r\n${TEXT}DATA\r\nBDAT 6\r\nQUIT\r\n.\r\nBDAT 3 LAST\r\n.\r\nNOOP\r\n`, undefined],
  ['AUTH', lines('EHLO a.example', 'AUTH PLAIN', '*', 'AUTH PLAIN', 'QUIT', 'AUTH XYZZY', `AUTH PLAIN ${plain('no', 'x')}`, 'AUTH CRAM-MD5', '!', 'AUTH LOGIN', 'YWxpY2U=', 'c2VjcmV0', 'AUTH PLAIN', 'NOOP'), undefined],
  ['addresses above ASCII', `EHLO a.example\r\n${lines('MAIL FROM:<\xe4@b> SMTPUTF8', 'MAIL FROM:<\xc3\xa4@b>', 'MAIL FROM:<\xc3\xa4@b> SMTPUTF8 AUTH=<> ENVID=+20', 'RCPT TO:<\xc3\xa4@b> ORCPT=rfc822;a', 'VRFY \xc3\xa4', 'VRFY \xc3\xa4 SMTPUTF8', 'NOOP \xc3\xa4', 'DATA', '.')}`, undefined],
  ['TLS that is not to be had', lines('STARTTLS', 'EHLO a.example', 'STARTTLS', 'STARTTLS x', 'MAIL FROM:<>', 'STARTTLS', 'LHLO a'), undefined],
  ['a browser', lines('GET / HTTP/1.1', 'Host: a.example', '', 'EHLO a.example'), undefined],
];

describe('the actions of a server session', () => {
  it.each(DIALOGUES)('are the same whole, octet by octet and for every cut: %s', (_, text, maxSize) => {
    const options = { ...EVERYTHING, ...(maxSize === undefined ? {} : { maxSize, maxDrain: 8 * maxSize }) };
    const whole = traceOf([text], options);
    for (const cuts of someCuts(text.length)) {
      const trace = traceOf([0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)), options);
      if (!sameTrace(trace, whole)) expect({ cuts, ...trace }).toEqual({ cuts, ...whole });
    }
  });

  it('are the same for every segmentation of mutated dialogues', () => {
    for (const seed of seeds(100)) {
      const random = randomOf(seed);
      const [, dialogue, maxSize] = random.pick(DIALOGUES);
      const text = mutate(dialogue, random, OCTETS);
      const options = { ...EVERYTHING, lmtp: random.chance(0.1), ...(maxSize === undefined ? {} : { maxSize, maxDrain: 8 * maxSize }) };
      const whole = traceOf([text], options);
      for (const longest of [1, 3, 40]) {
        const trace = traceOf(randomPieces(text, random, longest), options);
        if (!sameTrace(trace, whole)) expect({ seed, text, ...trace }).toEqual({ seed, text, ...whole });
      }
    }
  });
});

describe('the replies to any command lines', () => {
  // shows RFC5321:4.2-1 RFC5321:2.1-6 RFC2920:3.2-1
  it('are one for each line, in order, and the same when the lines are pipelined (§4.2, RFC 2920 §3.2)', () => {
    const options = { ...EVERYTHING, maxSize: 100 };
    for (const seed of seeds(100)) {
      const random = randomOf(seed);
      const said = Array.from({ length: 1 + random.below(25) }, () => random.pick(COMMANDS));
      const single = new ServerDialogue(options, judge);
      for (const line of said) {
        const { state } = single.session;
        const count = codesOf(single.say(line)).length;
        const wanted = state === 'closed' ? 0 : state === 'data' ? Number(line === '.') : 1; // an exchange of SASL answers each line too
        if (count !== wanted) expect({ seed, said, line, count }).toEqual({ seed, said, line, count: wanted });
      }
      const pipelined = new ServerDialogue(options, judge);
      pipelined.feed(randomPieces(lines(...said), random, 400));
      expect(pipelined.sent).toBe(single.sent);
    }
  });
});

describe('octets', () => {
  // shows RFC3030:2-24
  it('never throw: random ones', () => {
    for (const seed of seeds(300)) {
      const random = randomOf(seed);
      survive(Array.from({ length: random.below(80) }, () => random.pick(OCTETS)).join(''), random, seed);
    }
  });

  it('never throw: those of mutated dialogues', () => {
    for (const seed of seeds(400)) {
      const random = randomOf(seed);
      const [, dialogue] = random.pick(DIALOGUES);
      survive(mutate(dialogue.slice(0, 200), random, OCTETS), random, seed);
    }
  });
});

const NARROW: Partial<ServerOptions> = { ...EVERYTHING, maxSize: 50, maxRecipients: 2, startTls: true };
const NARROW_LMTP: Partial<ServerOptions> = { ...NARROW, lmtp: true };

/** Lets a session live through the octets and whatever else can happen; what comes of it must be well-formed replies and one close. */
function survive(text: string, random: Random, seed: number): void {
  const server = new ServerDialogue(random.chance(0.2) ? NARROW_LMTP : NARROW, (question) => (random.chance(0.2) ? reply(550, '5.7.1', 'no') : judge(question)));
  for (const piece of randomPieces(text, random, 100)) {
    server.feed([piece]);
    if (server.session.state === 'tls' && random.chance(0.5)) server.secured();
    if (random.chance(0.05)) server.shutdown();
    if (random.chance(0.02)) server.wait(300_000);
  }
  if (random.chance(0.5)) server.end();
  else server.lost();
  if (server.closes === 1 && REPLIES.test(server.sent)) return;
  expect({ seed, text, sent: server.sent, closes: server.closes }).toEqual({ seed, text, sent: expect.stringMatching(REPLIES), closes: 1 });
}

/** §4.2: lines of a code and text, the last of a reply with a space; the text in printable ASCII. */
const REPLIES = /^(([2-5][0-5]\d)(-[\t -~]*\r\n\2)* [\t -~]*\r\n)*$/;

describe('chunks', () => {
  const REPLIED = new Set([250, 451, 503, 552, 554]);

  it('are never read as commands, whatever becomes of them (RFC 3030 §2)', () => {
    const met = new Map<string, number>();
    for (const seed of seeds(300)) {
      const random = randomOf(seed);
      const start = random.pick(['greeted', 'ready', 'mail', 'rcpt', 'rcpt', 'rcpt', 'bdat'] as const);
      const maxSize = random.pick([0, 5, 20, 200, 100_000]);
      const chunks = Array.from({ length: 1 + random.below(4) }, () => Array.from({ length: random.below(6) }, () => random.pick(CHUNK_PARTS)).join(''));
      const commands = chunks.map((chunk, at) => `${random.pick(['BDAT', 'bdat'])} ${chunk.length}${at === chunks.length - 1 ? ' LAST' : random.pick(['', '', '', ' FIRST'])}\r\n${chunk}`);
      const server = dialogueIn(start, { maxSize, maxDrain: 8 * maxSize || Infinity, without: random.pick([[], ['CHUNKING']]) }, judge);
      const asked = server.questions.length;
      const from = server.sent.length;
      server.feed(randomPieces(`${commands.join('')}NOOP\r\n`, random, random.pick([2, 20, 1_000])));
      const codes = codesOf(server.sent.slice(from).split('\r\n').slice(0, -1));
      const about = server.questions.slice(asked).filter((question) => question.about !== 'message');
      const ended = server.closes === 1;
      // One reply for each chunk, and 250 to NOOP; or 421 behind the last where it ended.
      const sound = ended ? codes.at(-1) === 421 && codes.length <= chunks.length + 1 : codes.length === chunks.length + 1 && codes.at(-1) === 250 && codes.slice(0, -1).every((code) => REPLIED.has(code) || code === 501 || code === 502);
      if (!sound || about.length > 0) expect({ seed, start, commands, codes, about }).toBe('no question but the one about the message, and one reply for each chunk');
      for (const code of codes.slice(0, -1)) met.set(String(code), (met.get(String(code)) ?? 0) + 1);
      if (ended) met.set('421', (met.get('421') ?? 0) + 1);
    }
    for (const code of ['250', '421', '501', '502', '503', '552', '554']) expect([code, met.get(code) ?? 0]).toEqual([code, expect.toSatisfy((count: number) => count > 10)]); // each of the ways was gone
  });

  it('are never read as commands behind a time-out, a shutdown or a lost connection', () => {
    for (const stop of ['wait', 'lost', 'end', 'shutdown'] as const) {
      for (const begin of ['BDAT 24 LAST\r\nMAIL', 'BDAT 24 FIRST\r\nMAIL']) {
        const server = dialogueIn('rcpt');
        server.receive(begin);
        if (stop === 'wait') server.wait(300_000);
        else server[stop]();
        const asked = server.questions.length;
        const codes = codesOf(server.receive(' FROM:<evil@x>\r\n..RSET\r\nMAIL FROM:<evil@x>\r\n'));
        expect(server.questions.slice(asked).filter(({ about }) => about !== 'message')).toEqual([]);
        expect(codes).toEqual(stop === 'shutdown' && begin.includes('LAST') ? [250, 421] : []);
      }
    }
  });

  // shows RFC3030:2-7 RFC3030:2-13
  it('are answered when their last octet has come and not before, be they taken or refused', () => {
    for (const start of STARTS) {
      for (const line of ['BDAT 6', 'BDAT 6 LAST', 'BDAT 6 FIRST']) {
        const server = dialogueIn(start);
        expect(server.receive(`${line}\r\nNOOP\r`)).toEqual([]);
        expect(codesOf(server.receive('\n'))).toEqual([line.endsWith('FIRST') && (start === 'rcpt' || start === 'bdat') ? 501 : start === 'rcpt' || start === 'bdat' ? 250 : 503]);
      }
    }
  });

  // shows RFC3030:2-23
  it('are handed over as they were sent, and no octet more', () => {
    for (const seed of seeds(120)) {
      const random = randomOf(seed);
      const chunks = Array.from({ length: 1 + random.below(5) }, () => Array.from({ length: random.below(5) }, () => random.pick([...CHUNK_PARTS, '\n', '\r', '\0\xff'])).join(''));
      const server = dialogueIn('ready', EVERYTHING);
      server.say('MAIL FROM:<> BODY=BINARYMIME', 'RCPT TO:<a@b>');
      server.feed(randomPieces(chunks.map((chunk, at) => `BDAT ${chunk.length}${at === chunks.length - 1 ? ' LAST' : ''}\r\n${chunk}`).join(''), random, 20));
      const content = chunks.join('');
      if (server.mails[0]?.content !== content || server.mails[0].size !== content.length) expect({ seed, mail: server.mails[0] }).toEqual({ seed, content });
    }
  });
});

describe('the responses of an exchange of SASL', () => {
  it('are never read as commands (RFC 4954 §4)', () => {
    for (const line of [...COMMANDS, ...COMMAND_LINES.map((text) => text.trimEnd())]) {
      const server = dialogueIn('ready', EVERYTHING, judge);
      const asked = server.questions.length;
      server.say('AUTH PLAIN', line);
      expect(server.questions.slice(asked)).toEqual([]);
      expect(server.session.state).toBe('ready');
      expect(codesOf(server.say('NOOP'))).toEqual([250]);
    }
  });
});

describe('mail data', () => {
  it('are never read as commands, whatever becomes of them (§4.1.1.4)', () => {
    let [taken, refused, ended] = [0, 0, 0];
    for (const seed of seeds(500)) {
      const random = randomOf(seed);
      const content = hostileContent(random);
      const maxSize = random.pick([0, 5, 200, 100_000]);
      const server = dialogueIn('data', { maxSize, maxDrain: 8 * maxSize || Infinity, maxTextLine: random.pick([30, 1_000]) }, judge);
      const asked = server.questions.length;
      const from = server.sent.length;
      server.feed(randomPieces(`${content}\r\n.\r\nNOOP\r\n`, random, random.pick([2, 20, 1_000])));
      const codes = codesOf(server.sent.slice(from).split('\r\n').slice(0, -1));
      const about = server.questions.slice(asked).map((question) => question.about).join();
      const [verdict = 0, ...rest] = codes;
      const sound =
        verdict === 250 || verdict === 451 ? about === 'message' && rest.join() === '250' && server.aborts.length === 0 :
        rest.join() === '421' ? verdict === 552 && about === '' && server.aborts.length === 1 && server.closes === 1 :
        (verdict === 552 || verdict === 554) && about === '' && rest.join() === '250' && server.aborts.length === 1 && server.session.state === 'ready';
      if (!sound) expect({ seed, content, codes, about }).toBe('no question but the one about the message, and one reply');
      if (verdict === 250) taken++;
      else if (rest.join() === '421') ended++;
      else refused++;
    }
    expect(Math.min(taken, refused, ended)).toBeGreaterThan(80); // each of the ways was gone
  });

  it('are never read as commands behind a time-out, a shutdown or a lost connection', () => {
    for (const stop of ['wait', 'lost', 'end', 'shutdown'] as const) {
      const server = dialogueIn('data');
      server.receive('MAIL FROM:<evil@x>\r\n');
      if (stop === 'wait') server.wait(300_000);
      else server[stop]();
      const asked = server.questions.length;
      const codes = codesOf(server.say('RSET', 'MAIL FROM:<evil@x>', 'RCPT TO:<evil@x>', 'DATA', '\n.', '.', 'MAIL FROM:<evil@x>'));
      expect(server.questions.slice(asked).map(({ about }) => about)).toEqual([]);
      expect(codes).toEqual(stop === 'shutdown' ? [554, 421] : []);
    }
  });

  it('are handed over as they were sent, without the dots of transparency, and no octet more (§4.5.2)', () => {
    for (const seed of seeds(120)) {
      const random = randomOf(seed);
      const content = Array.from({ length: random.below(12) }, () => random.pick(['.', '..', '', 'text', '.text', '\0\t\x7f\x80\xff', ' '.repeat(40)])).map((line) => `${line}\r\n`).join('');
      const server = dialogueIn('data');
      server.feed(randomPieces(`${content.replace(/^\./gm, '..')}.\r\n`, random, 20));
      if (server.mails[0]?.content !== content) expect({ seed, content: server.mails[0]?.content }).toEqual({ seed, content });
    }
  });
});

/** Lines that look like commands, and ends of mail data that are none. */
function hostileContent(random: Random): string {
  const kinds = random.chance(0.4) ? COMMAND_LINES : HOSTILE;
  for (;;) {
    const content = Array.from({ length: 1 + random.below(12) }, () => random.pick(kinds)).join('');
    if (!`\r\n${content}`.includes('\r\n.\r\n') && !/\r\n\.\r?$|^\.\r?$/.test(`\r\n${content}`)) return content;
  }
}

const COMMAND_LINES = ['MAIL FROM:<evil@x>\r\n', 'RCPT TO:<evil@x>\r\n', 'DATA\r\n', 'RSET\r\n', 'QUIT\r\n', 'EHLO evil.example\r\n', 'NOOP\r\n', 'GET / HTTP/1.1\r\n', '..\r\n'];
const HOSTILE = [...COMMAND_LINES, '\n.\n', '\n.\r\n', '\r.\r', '\r.\r\n', '\r\n.\n', '\r\n.\r', '.', '\r', '\n', '\0', '\r\n..\r\n', '\r\n. \r\n', 'x'.repeat(40), `${'x'.repeat(28)}\r\n`, '\r\n'];

const CHUNK_PARTS = [...COMMAND_LINES, '\r\n.\r\n', 'BDAT 5 LAST\r\n', 'text\r\n', '\r\n', 'a\nb', `${'x'.repeat(30)}\r\n`];

const OCTETS = ['BDAT 3\r\n', 'BDAT 9 LAST\r\n', 'AUTH PLAIN\r\n', '*\r\n', 'STARTTLS\r\n', '\xc3\xa4', '\r', '\n', '\r\n', '.', '\r\n.\r\n', '\0', ' ', ':', '<', '>', '@', '"', '\\', 'A', 'a', '0', '=', '-', '\xff', 'MAIL FROM:<', 'RCPT TO:<', 'DATA\r\n', 'EHLO x\r\n', '[', ']', '\t'];

const COMMANDS = ['EHLO a.example', 'HELO a.example', 'MAIL FROM:<alice@example.org>', 'MAIL FROM:<no@example.org>', 'MAIL FROM:<> SIZE=101', 'MAIL FROM:<a@b> X=1', 'RCPT TO:<bob@example.com>', 'RCPT TO:<no@example.com>', 'RCPT TO:<>', 'DATA', 'DATA x', '.', '..', 'text', 'bare\nLF', 'RSET', 'NOOP', 'NOOP x', 'HELP', 'VRFY bob', 'EXPN bob', 'XYZZY', '', '\xe4', 'ETRN x', 'QUIT x', 'BDAT 0', 'BDAT 0 LAST', 'BDAT x', 'AUTH PLAIN', 'AUTH XYZZY', '*', `AUTH PLAIN ${plain('alice', 'secret')}`, `AUTH PLAIN ${plain('no', 'secret')}`, 'STARTTLS x', 'LHLO a', 'VRFY \xc3\xa4 SMTPUTF8', 'MAIL FROM:<\xc3\xa4@b> SMTPUTF8 RET=HDRS', 'RCPT TO:<\xc3\xa4@b> NOTIFY=NEVER', 'x'.repeat(3_000), 'EHLO a.example', 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>', 'DATA', '.'];
