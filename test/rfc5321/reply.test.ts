// What RFC 5321 §4.2 and §4.3 ask of every reply of a server, whatever it answers.

import { describe, expect, it } from 'vitest';
import { formatReply, reply } from '../../src/syntax/reply.ts';
import { parseEhloReply } from '../../src/syntax/keyword.ts';
import { REPLIES, ownReply, type ReplyName } from '../../src/protocol/server/reply.ts';
import { dialogueIn, HOST, STARTS } from '../support/server-dialogue.ts';

/** §4.2.3. */
const LISTED = [211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 455, 500, 501, 502, 503, 504, 550, 551, 552, 553, 554, 555];
/** RFC 3207 §4 and RFC 4954 §4, §6. */
const OF_EXTENSIONS = [235, 432, 454, 530, 534, 535, 538];

/** What hostile clients say, each as a line. */
const LINES = ['', ' ', 'FROB', '\x7f\x1b[2J', '\xe4\xff', 'NOOP \xe4', 'NOOP \x07', 'MAIL FROM:<\x1b@b>', 'MAIL FROM:<\xe4@b>', 'RCPT TO:<"\x07">', 'EHLO \x85.example', 'EHLO [\x00]', 'HELP \x01', 'VRFY \xff', 'QUIT \x00'];

describe('a reply of the server', () => {
  // shows RFC5321:4.2-8 RFC5321:4.2-9 RFC5321:4.2-10 RFC5321:4.2-15 RFC5321:4.2-21 RFC5321:4.2.1-13 RFC5321:4.3.2-3
  it('has a code in range and text that can be seen on every line, whatever it quotes', () => {
    const said = STARTS.flatMap((start) => LINES.flatMap((line) => dialogueIn(start).say(line)));
    const own = (Object.keys(REPLIES) as ReplyName[]).flatMap((name) => formatReply(ownReply(name, HOST)).split('\r\n').slice(0, -1));
    for (const line of [...said, ...own]) expect(line).toMatch(/^[2-5][0-5]\d[ -][\t -~]+$/);
    for (const line of LINES) {
      const lines = dialogueIn('greeted').say(line);
      expect(lines.map((text) => text[3]).join('')).toMatch(/^-* $/);
    }
  });

  // shows RFC5321:4.2-12 RFC5321:4.2.1-6 RFC5321:4.2.1-8
  it('has a code of this RFC, or of the extension that it answers for', () => {
    const codes = Object.values(REPLIES).map(({ code }) => code);
    expect(codes.filter((code) => ![...LISTED, ...OF_EXTENSIONS].includes(code))).toEqual([]);
  });

  // shows RFC5321:4.2.1-14
  it('has a space behind its code though no text follows', () => {
    expect(formatReply(reply(250, undefined, ''))).toBe('250 \r\n');
  });

  // shows RFC5321:4.3.2-6 RFC5321:4.5.1-1 RFC5321:4.5.1-2
  it('never says that a command of the minimum implementation is not known, in any state', () => {
    const lines = ['EHLO a.example', 'HELO a.example', 'MAIL FROM:<a@b>', 'RCPT TO:<a@b>', 'DATA', 'RSET', 'NOOP', 'QUIT', 'VRFY bob'];
    for (const start of STARTS) for (const line of lines) expect(dialogueIn(start).say(line)[0]).not.toMatch(/^50[02]/);
    const mail = dialogueIn('greeted');
    expect([...lines.slice(0, 4), 'VRFY bob', 'NOOP', 'DATA', '.', 'RSET', 'QUIT'].map((line) => mail.say(line).at(-1)?.slice(0, 3))).toEqual(['250', '250', '250', '250', '252', '250', '354', '250', '250', '221']);
  });
});

describe('the reply to EHLO', () => {
  // shows RFC5321:4.1.1.1-14
  it('may have any character but CR and LF in its greeting', () => {
    const greeting = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((character) => !'\r\n'.includes(character)).join('');
    expect(parseEhloReply({ code: 250, enhanced: undefined, lines: [`mx.example ${greeting}`, 'SIZE 1'] })).toEqual({ domain: 'mx.example', greeting, keywords: new Map([['SIZE', ['1']]]) });
  });
});
