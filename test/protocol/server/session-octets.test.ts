// What holds for a server session whatever the octets and whatever the cuts: every command line gets one reply, in order; the
// actions do not depend on the segments; nothing throws; and mail data are never read as commands.

import { describe, expect, it } from 'vitest';
import { reply } from '../../../src/syntax/reply.ts';
import type { ServerOptions } from '../../../src/protocol/server/session.ts';
import { mutate, randomOf, randomPieces } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { ServerDialogue, codesOf, dialogueIn } from '../../support/server-dialogue.ts';
import type { Application } from '../../support/server-dialogue.ts';
import { someCuts } from '../../wire/every.ts';

const lines = (...texts: readonly string[]): string => texts.map((text) => `${text}\r\n`).join('');

/** Refuses what says so in its address, else takes it. */
const judge: Application = (question) => {
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
  ['a browser', lines('GET / HTTP/1.1', 'Host: a.example', '', 'EHLO a.example'), undefined],
];

describe('the actions of a server session', () => {
  it.each(DIALOGUES)('are the same whole, octet by octet and for every cut: %s', (_, text, maxSize) => {
    const options = maxSize === undefined ? {} : { maxSize };
    const whole = traceOf([text], options);
    for (const cuts of someCuts(text.length)) {
      const trace = traceOf([0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)), options);
      if (!sameTrace(trace, whole)) expect({ cuts, ...trace }).toEqual({ cuts, ...whole });
    }
  });

  it('are the same for every segmentation of mutated dialogues', () => {
    for (let seed = 0; seed < 1_200; seed++) {
      const random = randomOf(seed);
      const [, dialogue, maxSize] = random.pick(DIALOGUES);
      const text = mutate(dialogue, random, OCTETS);
      const options = maxSize === undefined ? {} : { maxSize };
      const whole = traceOf([text], options);
      for (const longest of [1, 3, 40]) {
        const trace = traceOf(randomPieces(text, random, longest), options);
        if (!sameTrace(trace, whole)) expect({ seed, text, ...trace }).toEqual({ seed, text, ...whole });
      }
    }
  });
});

describe('the replies to any command lines', () => {
  it('are one for each line, in order, and the same when the lines are pipelined (§4.2, RFC 2920 §3.2)', () => {
    for (let seed = 0; seed < 600; seed++) {
      const random = randomOf(seed);
      const said = Array.from({ length: 1 + random.below(25) }, () => random.pick(COMMANDS));
      const single = new ServerDialogue({ maxSize: 100 }, judge);
      for (const line of said) {
        const { state } = single.session;
        const count = codesOf(single.say(line)).length;
        const wanted = state === 'closed' ? 0 : state === 'data' ? Number(line === '.') : 1;
        if (count !== wanted) expect({ seed, said, line, count }).toEqual({ seed, said, line, count: wanted });
      }
      const pipelined = new ServerDialogue({ maxSize: 100 }, judge);
      pipelined.feed(randomPieces(lines(...said), random, 400));
      expect(pipelined.sent).toBe(single.sent);
    }
  });
});

describe('octets', () => {
  it('never throw: random ones', () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const random = randomOf(seed);
      survive(Array.from({ length: random.below(80) }, () => random.pick(OCTETS)).join(''), random, seed);
    }
  });

  it('never throw: those of mutated dialogues', () => {
    for (let seed = 0; seed < 12_000; seed++) {
      const random = randomOf(seed);
      const [, dialogue] = random.pick(DIALOGUES);
      survive(mutate(dialogue.slice(0, 200), random, OCTETS), random, seed);
    }
  });
});

/** Lets a session live through the octets and whatever else can happen; what comes of it must be well-formed replies and one close. */
function survive(text: string, random: Random, seed: number): void {
  const server = new ServerDialogue({ maxSize: 50, maxRecipients: 2 }, (question) => (random.chance(0.2) ? reply(550, '5.7.1', 'no') : judge(question)));
  for (const piece of randomPieces(text, random, 100)) {
    server.feed([piece]);
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

describe('mail data', () => {
  it('are never read as commands, whatever becomes of them (§4.1.1.4)', () => {
    let [taken, refused, ended] = [0, 0, 0];
    for (let seed = 0; seed < 4_000; seed++) {
      const random = randomOf(seed);
      const content = hostileContent(random);
      const maxSize = random.pick([0, 5, 200, 100_000]);
      const server = dialogueIn('data', { maxSize, maxTextLine: random.pick([30, 1_000]) }, judge);
      const asked = server.questions.length;
      const from = server.sent.length;
      server.feed(randomPieces(`${content}\r\n.\r\nNOOP\r\n`, random, random.pick([2, 20, 1_000])));
      const codes = codesOf(server.sent.slice(from).split('\r\n').slice(0, -1));
      const about = server.questions.slice(asked).map((question) => question.about).join();
      const [verdict = 0, ...rest] = codes;
      const sound =
        verdict === 250 || verdict === 451 ? about === 'message' && rest.join() === '250' && server.aborts.length === 0 :
        verdict === 552 || verdict === 554 ? about === '' && rest.join() === '250' && server.aborts.length === 1 && server.session.state === 'ready' :
        verdict === 421 && about === '' && rest.length === 0 && server.aborts.length === 1 && server.closes === 1;
      if (!sound) expect({ seed, content, codes, about }).toBe('no question but the one about the message, and one reply');
      if (verdict === 250) taken++;
      else if (verdict === 421) ended++;
      else refused++;
    }
    expect(Math.min(taken, refused, ended)).toBeGreaterThan(300); // each of the ways was gone
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
    for (let seed = 0; seed < 1_500; seed++) {
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

const OCTETS = ['\r', '\n', '\r\n', '.', '\r\n.\r\n', '\0', ' ', ':', '<', '>', '@', '"', '\\', 'A', 'a', '0', '=', '-', '\xff', 'MAIL FROM:<', 'RCPT TO:<', 'DATA\r\n', 'EHLO x\r\n', '[', ']', '\t'];

const COMMANDS = ['EHLO a.example', 'HELO a.example', 'MAIL FROM:<alice@example.org>', 'MAIL FROM:<no@example.org>', 'MAIL FROM:<> SIZE=101', 'MAIL FROM:<a@b> X=1', 'RCPT TO:<bob@example.com>', 'RCPT TO:<no@example.com>', 'RCPT TO:<>', 'DATA', 'DATA x', '.', '..', 'text', 'bare\nLF', 'RSET', 'NOOP', 'NOOP x', 'HELP', 'VRFY bob', 'EXPN bob', 'XYZZY', '', '\xe4', 'ETRN x', 'QUIT x', 'x'.repeat(3_000), 'EHLO a.example', 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>', 'DATA', '.'];
