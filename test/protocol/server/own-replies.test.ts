import { describe, expect, it } from 'vitest';
import { OwnReplies, ownReplies } from '../../../src/protocol/server/own-replies.ts';
import { enhanced, named, REPLIES } from '../../../src/protocol/server/reply.ts';
import type { ReplyName } from '../../../src/protocol/server/reply.ts';
import { formatReply, reply } from '../../../src/syntax/reply.ts';
import { textOf } from '../../wire/every.ts';
import { ServerDialogue, dialogueIn } from '../../support/server-dialogue.ts';

describe('our own replies', () => {
  it('are the octets of their table, with the server\'s name, made once', () => {
    const replies = new OwnReplies('mx.example.com', 1_000);
    for (const name of Object.keys(REPLIES) as ReplyName[]) {
      expect(textOf(replies.octets(name))).toBe(formatReply(replies.reply(name)));
      expect(textOf(replies.octets(name))).not.toMatch(/[{}]/);
      expect(replies.octets(name)).toBe(replies.octets(name));
    }
  });

  it('are one set for one name, however many there have been', () => {
    const first = ownReplies('a.example', 1_000);
    expect(ownReplies('a.example', 1_000)).toBe(first);
    expect(textOf(ownReplies('a.example', 10).octets('text line too long'))).toContain(' 10 octets');
    for (let count = 0; count < 100; count++) expect(textOf(ownReplies(`h${count}.example`, 1_000).octets('goodbye'))).toContain(` h${count}.example `);
    expect(textOf(ownReplies('a.example', 1_000).octets('goodbye'))).toBe(textOf(first.octets('goodbye')));
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
    expect(named(reply(220, undefined, '', 'more'), 'a.example').lines).toEqual(['a.example', 'more']);
  });

  it('have an enhanced code on each line, X.0.0 where the application gave none (RFC 2034 §4)', () => {
    const server = (without: readonly 'ENHANCEDSTATUSCODES'[]): string[] => dialogueIn('mail', { without }, ({ about }) => (about === 'rcpt' ? { code: 550, enhanced: undefined, lines: ['no', 'such'] } : 'accept')).say('RCPT TO:<a@b>');
    expect(server([])).toEqual(['550-5.0.0 no', '550 5.0.0 such']);
    expect(server(['ENHANCEDSTATUSCODES'])).toEqual(['550-no', '550 such']);
    expect(enhanced(reply(354, undefined, 'go on'))).toEqual(reply(354, undefined, 'go on'));
    expect(enhanced(reply(250, '2.1.5', 'ok'))).toEqual(reply(250, '2.1.5', 'ok'));
    expect(enhanced(reply(451, undefined, 'later')).enhanced).toBe('4.0.0');
  });
});
