// How a mail transaction ended, told to the application once, behind the reply that ended it.

import { describe, expect, it } from 'vitest';
import { reply } from '../../../src/syntax/reply.ts';
import { ServerSession } from '../../../src/protocol/server/session.ts';
import { encodeAscii } from '../../../src/wire/ascii.ts';
import { HOST, codesOf, dialogueIn } from '../../support/server-dialogue.ts';
import type { Answer, Start } from '../../support/server-dialogue.ts';
import { minutes } from '../../../src/protocol/limit.ts';

const NO = reply(550, '5.7.1', 'no');
const OK = reply(250, '2.0.0', 'ok');

describe('the end of a transaction', () => {
  it.each([
    ['accepted', 'accept'],
    ['refused', NO],
    ['refused', reply(451, '4.3.0', 'later')],
  ] as const)('is %s by the answer to its mail data', (how, answer: Answer) => {
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? answer : 'accept'));
    server.say('.');
    expect(server.ends).toEqual([how]);
    server.say('QUIT');
    expect(server.ends).toEqual([how]);
  });

  it('is refused by what is wrong with mail data, in DATA and in a chunk', () => {
    const data = dialogueIn('data');
    data.say('a\nb', '.');
    const chunk = dialogueIn('rcpt');
    chunk.receive('BDAT 3\r\na\nb');
    const big = dialogueIn('data', { maxSize: 2 });
    big.say('xxx', '.');
    const malformed = dialogueIn('bdat');
    malformed.receive('BDAT 3 X\r\nab');
    expect(malformed.ends).toEqual([]); // its chunk is still to come
    malformed.receive('c');
    expect([data.ends, chunk.ends, big.ends, malformed.ends]).toEqual([['refused'], ['refused'], ['refused'], ['refused']]);
  });

  it.each(['RSET', 'EHLO a.example', 'HELO a.example', 'QUIT'])('is reset by %s, wherever it stood', (line) => {
    for (const state of ['mail', 'rcpt', 'bdat'] as const satisfies readonly Start[]) {
      const server = dialogueIn(state);
      server.say(line);
      expect(server.ends).toEqual(['reset unheard']);
    }
  });

  it('is nothing where none had begun', () => {
    for (const line of ['RSET', 'EHLO a.example', 'QUIT', 'STARTTLS']) {
      const server = dialogueIn('ready', { startTls: true });
      server.say(line);
      expect(server.ends).toEqual([]);
    }
    const refused = dialogueIn('ready', {}, ({ about }) => (about === 'mail' ? NO : 'accept'));
    refused.say('MAIL FROM:<>', 'RSET', 'QUIT');
    expect(refused.ends).toEqual([]);
  });

  it('is that of the session, where it comes first', () => {
    const [gone, lost, late, stopped, dropped] = [dialogueIn('data'), dialogueIn('rcpt'), dialogueIn('mail'), dialogueIn('rcpt'), dialogueIn('mail', { maxErrors: 0 })];
    gone.end();
    lost.lost();
    late.wait(minutes(5));
    stopped.shutdown();
    dropped.say('XYZZY');
    expect([gone, lost, late, stopped, dropped].map(({ ends }) => ends)).toEqual([['peer-gone unheard'], ['peer-gone unheard'], ['timeout unheard'], ['shutdown unheard'], ['dropped unheard']]);
  });

  it('is that of a 421 that the application answers to anything (§3.8)', () => {
    for (const about of ['rcpt', 'vrfy'] as const) {
      const server = dialogueIn('mail', {}, (question) => (question.about === about ? reply(421, '4.3.0', 'no more') : 'accept'));
      server.say(about === 'rcpt' ? 'RCPT TO:<a@b>' : 'VRFY bob');
      expect([server.ends, server.closes]).toEqual([['dropped unheard'], 1]);
    }
  });

  it('is not heard where the connection breaks between the answer and the reply (RFC 1047)', () => {
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    server.say('.');
    server.session.accept();
    server.session.lost(); // before the reply was handed out
    server.session.lost(); // which is told once
    server.pump();
    expect(server.ends).toEqual(['accepted unheard']);
    const waiting = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    waiting.say('.');
    waiting.lost();
    expect(waiting.ends).toEqual(['peer-gone unheard']);
  });

  it('comes behind the reply, and before anything of the next transaction, however much is pipelined', () => {
    const session = new ServerSession({ hostname: HOST }, 0);
    const mail = 'MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhi\r\n.\r\n';
    session.receive(encodeAscii(`EHLO a.example\r\n${mail}${mail}MAIL FROM:<a@b>\r\nQUIT\r\n`), 0);
    const happened: string[] = [];
    for (let action; (action = session.next()) !== undefined; ) {
      if (action.type === 'ask') session.accept();
      happened.push(action.type === 'ask' ? action.question.about : action.type === 'ended' ? `${action.how} ${action.replied}` : action.type);
    }
    const one = ['mail', 'rcpt', 'data', 'send', 'content', 'message', 'send', 'accepted true'];
    expect(happened.filter((what) => what !== 'notice')).toEqual(['client', 'helo', 'send', ...one, ...one, 'mail', 'reset false', 'send', 'close']);
  });
});

describe('the end of a transaction of LMTP (RFC 2033 §4.2)', () => {
  it('is there without a reply at a last chunk for no recipient (§4.3)', () => {
    const server = dialogueIn('mail', { lmtp: true });
    expect([server.receive('BDAT 2 LAST\r\nhi'), server.ends]).toEqual([[], ['reset unheard']]);
  });

  const ending = (answer: Answer) => {
    const server = dialogueIn('mail', { lmtp: true }, ({ about }) => (about === 'message' ? answer : 'accept'));
    server.say('RCPT TO:<a@b>', 'RCPT TO:<c@d>', 'DATA', '.');
    return server;
  };

  it('is accepted where one recipient was', () => {
    expect(ending([NO, OK]).ends).toEqual(['accepted']);
    expect(ending([OK, NO]).ends).toEqual(['accepted']);
    expect(ending([NO, NO]).ends).toEqual(['refused']);
  });

  it('may be answered one recipient at a time, each reply going out at once (RFC 2033 §5)', () => {
    const server = ending('later');
    const next = (each = OK): number[] => {
      const from = server.sent.length;
      server.session.answerNext(each, server.now);
      server.pump();
      return codesOf(server.sent.slice(from).split('\r\n').slice(0, -1));
    };
    expect(next(NO)).toEqual([550]);
    expect([server.session.deadline, server.ends]).toEqual([Infinity, []]);
    expect(() => server.session.answerEach([OK, OK])).toThrow('1 recipients need 1 replies, not 2');
    expect(next()).toEqual([250]);
    expect(server.ends).toEqual(['accepted']);
    expect(() => server.session.answerNext(OK)).toThrow('is for the question "message" of LMTP');
    expect(codesOf(server.say('NOOP'))).toEqual([250]);
  });

  it('may be answered for the rest as one', () => {
    const server = ending('later');
    server.session.answerNext(OK);
    expect(codesOf(server.refuse(NO))).toEqual([250, 550]);
    expect(server.ends).toEqual(['accepted']);
  });
});
