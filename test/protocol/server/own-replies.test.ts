import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../../../src/protocol/server/option.ts';
import { OwnReplies } from '../../../src/protocol/server/own-replies.ts';
import { REPLIES, withEnhanced, withName } from '../../../src/protocol/server/reply.ts';
import type { ReplyName } from '../../../src/protocol/server/reply.ts';
import { formatReply, reply } from '../../../src/syntax/reply.ts';
import { textOf } from '../../wire/every.ts';
import { ANY_AUTH, ServerDialogue, dialogueIn, plain } from '../../support/server-dialogue.ts';

describe('our own replies', () => {
  it('are the octets of their table, with the server\'s name, made once', () => {
    const replies = new OwnReplies({ hostname: 'mx.example.com', maxTextLine: 1_000 });
    for (const name of Object.keys(REPLIES) as ReplyName[]) {
      expect(textOf(replies.octets(name))).toBe(formatReply(replies.reply(name)));
      expect(textOf(replies.octets(name))).not.toMatch(/[{}]/);
      expect(replies.octets(name)).toBe(replies.octets(name));
    }
  });

  it('are made octets by what a server has for that, once', () => {
    const named = { hostname: 'mx.example.com', maxTextLine: 1_000 };
    const own = new OwnReplies({ ...named, encode: (text) => Buffer.from(text, 'latin1') });
    for (const name of Object.keys(REPLIES) as ReplyName[]) {
      expect(own.octets(name)).toBeInstanceOf(Buffer);
      expect(own.octets(name)).toBe(own.octets(name));
      expect(textOf(own.octets(name))).toBe(textOf(new OwnReplies(named).octets(name)));
    }
  });

  it('are one set for all sessions of a server', () => {
    const options = { hostname: 'a.example', maxTextLine: 10 };
    const { own } = settingsOf(options);
    expect(settingsOf(options).own).toBe(own);
    expect(textOf(own.octets('text line too long'))).toContain(' 10 octets');
    expect(settingsOf({ ...options }).own).not.toBe(own);
  });

  it('are to EHLO what is offered then: before TLS, under it, and to a client that is authenticated', () => {
    const options = { hostname: 'mx.example.com', startTls: true, auth: ANY_AUTH, without: ['LIMITS', 'CHUNKING', 'HELP', 'SIZE', 'PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES', 'SMTPUTF8', 'DSN'] } as const;
    const server = new ServerDialogue(options);
    const keywords = (): string[] => server.say('EHLO a.example').slice(1).map((line) => line.slice(4).split(' ')[0] ?? '');
    expect([keywords(), keywords()]).toEqual([['STARTTLS', 'AUTH'], ['STARTTLS', 'AUTH']]);
    server.say(`AUTH PLAIN ${plain('alice', 'secret')}`);
    expect(keywords()).toEqual(['STARTTLS']);
    server.say('STARTTLS');
    server.secured();
    expect(keywords()).toEqual(['AUTH', 'REQUIRETLS']);
    const replies = new OwnReplies({ hostname: 'a.example', maxTextLine: 10 });
    expect(textOf(replies.hello('one', () => ['X', 'Y']))).toBe('250-a.example\r\n250-X\r\n250 Y\r\n');
    expect(replies.hello('one', () => ['asked once'])).toBe(replies.hello('one', () => []));
    expect(textOf(replies.hello('two', () => []))).toBe('250 a.example\r\n');
  });
});

describe('the application\'s replies', () => {
  it('begin with the server\'s name in the banner and to EHLO and HELO, as §4.2 and §4.1.1.1 have it', () => {
    const words = (text: string): string[] => {
      const server = new ServerDialogue({}, ({ about }) => (about === 'client' ? reply(220, undefined, text) : about === 'helo' ? reply(250, undefined, text) : 'accept'));
      return [...server.sent.split('\r\n').slice(0, 1), ...server.say('HELO a.example')];
    };
    expect(words('welcome')).toEqual(['220 mx.example.com welcome', '250 mx.example.com welcome']);
    expect(words('MX.example.com here')).toEqual(['220 MX.example.com here', '250 MX.example.com here']);
    expect(withName(reply(220, undefined, '', 'more'), 'a.example').lines).toEqual(['a.example', 'more']);
  });

  // shows RFC2034:3-3 RFC2034:4-1 RFC2034:4-5
  it('have an enhanced code on each line, X.0.0 where the application gave none (RFC 2034 §4)', () => {
    const server = (without: readonly 'ENHANCEDSTATUSCODES'[]): string[] => dialogueIn('mail', { without }, ({ about }) => (about === 'rcpt' ? { code: 550, enhanced: undefined, lines: ['no', 'such'] } : 'accept')).say('RCPT TO:<a@b>');
    expect(server([])).toEqual(['550-5.0.0 no', '550 5.0.0 such']);
    expect(server(['ENHANCEDSTATUSCODES'])).toEqual(['550-no', '550 such']);
    expect(withEnhanced(reply(354, undefined, 'go on'))).toEqual(reply(354, undefined, 'go on'));
    expect(withEnhanced(reply(250, '2.1.5', 'ok'))).toEqual(reply(250, '2.1.5', 'ok'));
    expect(withEnhanced(reply(451, undefined, 'later')).enhanced).toBe('4.0.0');
  });
});
