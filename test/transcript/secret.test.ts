import { describe, expect, it } from 'vitest';
import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { HASH } from '../../src/node/credential.ts';
import { SecretStriker } from '../../src/transcript/secret.ts';

const PASSWORD = 'tanstaaftanstaaf';
const base64 = (text: string): string => encodeBase64(encodeAscii(text));
const GONE = base64('struck out');

type Turn = readonly ['C' | 'S', string];

/** What is written down of one side's octets, each turn of it cut into pieces of this length. */
function written(turns: readonly Turn[], length = Infinity, side: Turn[0] = 'C'): string {
  const striker = new SecretStriker(HASH);
  let text = '';
  for (const [from, line] of turns) {
    const octets = encodeAscii(line);
    for (let at = 0; at < octets.length; at += length) {
      const piece = octets.slice(at, at + length);
      const said = decodeLatin1(from === 'S' ? striker.server(piece) : striker.client(piece));
      if (from === side) text += said;
    }
  }
  return text + decodeLatin1(striker.end());
}

const HELLO: readonly Turn[] = [['S', '220 mx\r\n'], ['C', 'EHLO a\r\n'], ['S', '250-mx\r\n250 AUTH PLAIN LOGIN\r\n']];

const DIALOGUES: readonly (readonly [name: string, turns: readonly Turn[], written: string])[] = [
  ['PLAIN with an initial response', [...HELLO, ['C', `AUTH PLAIN ${base64(`\0alice\0${PASSWORD}`)}\r\n`], ['S', '235 ok\r\n'], ['C', 'NOOP\r\n']],
    `EHLO a\r\nAUTH PLAIN ${base64('\0alice\0struck out')}\r\nNOOP\r\n`],
  ['PLAIN without one, in lower case', [...HELLO, ['C', 'auth plain\r\n'], ['S', '334 \r\n'], ['C', `${base64(`bob\0alice\0${PASSWORD}`)}\r\n`], ['S', '535 no\r\n'], ['C', 'QUIT\r\n']],
    `EHLO a\r\nauth plain\r\n${base64('bob\0alice\0struck out')}\r\nQUIT\r\n`],
  ['PLAIN that is none', [...HELLO, ['C', `AUTH PLAIN ${PASSWORD}\r\n`], ['S', '501 no\r\n'], ['C', 'QUIT\r\n']], `EHLO a\r\nAUTH PLAIN ${GONE}\r\nQUIT\r\n`],
  ['LOGIN', [...HELLO, ['C', 'AUTH LOGIN\r\n'], ['S', '334 x\r\n'], ['C', `${base64('alice')}\r\n`], ['S', '334 y\r\n'], ['C', `${base64(PASSWORD)}\r\n`], ['S', '235 ok\r\n'], ['C', 'RSET\r\n']],
    `EHLO a\r\nAUTH LOGIN\r\n${base64('alice')}\r\n${GONE}\r\nRSET\r\n`],
  ['LOGIN with the name at once', [...HELLO, ['C', `AUTH LOGIN ${base64('alice')}\r\n`], ['S', '334 y\r\n'], ['C', `${base64(PASSWORD)}\r\n`], ['S', '235 ok\r\n']],
    `EHLO a\r\nAUTH LOGIN ${base64('alice')}\r\n${GONE}\r\n`],
  ['any other mechanism', [...HELLO, ['C', `AUTH XOAUTH2 ${base64(PASSWORD)}\r\n`], ['S', '334 e30=\r\n'], ['C', '\r\n'], ['S', '535 no\r\n'], ['C', 'QUIT\r\n']],
    `EHLO a\r\nAUTH XOAUTH2 ${GONE}\r\n\r\nQUIT\r\n`],
  ['an exchange given up', [...HELLO, ['C', 'AUTH LOGIN\r\n'], ['S', '334 x\r\n'], ['C', '*\r\n'], ['S', '501 cancelled\r\n'], ['C', 'NOOP\r\n']], 'EHLO a\r\nAUTH LOGIN\r\n*\r\nNOOP\r\n'],
  ['responses that do not wait', [...HELLO, ['C', `AUTH LOGIN\r\n${base64('alice')}\r\n${base64(PASSWORD)}\r\n`], ['S', '334 x\r\n334 y\r\n235 ok\r\n'], ['C', 'QUIT\r\n']],
    `EHLO a\r\nAUTH LOGIN\r\n${base64('alice')}\r\n${GONE}\r\nQUIT\r\n`],
  ['AUTH behind what is not answered yet', [['S', '220 mx\r\n'], ['C', 'EHLO a\r\nNOOP\r\nAUTH LOGIN\r\n'], ['S', '250 mx\r\n250 ok\r\n'], ['C', `${base64('alice')}\r\n`], ['S', '334 x\r\n'], ['C', `${base64(PASSWORD)}\r\n`]],
    `EHLO a\r\nNOOP\r\nAUTH LOGIN\r\n${base64('alice')}\r\n${GONE}\r\n`],
  ['a secret that breaks off', [...HELLO, ['C', 'AUTH LOGIN\r\n'], ['S', '334 x\r\n'], ['C', `${base64('alice')}\r\n`], ['S', '334 y\r\n'], ['C', base64(PASSWORD)]],
    `EHLO a\r\nAUTH LOGIN\r\n${base64('alice')}\r\nstruck out`],
  ['an initial response that breaks off', [...HELLO, ['C', `AUTH PLAIN ${base64(PASSWORD)}`]], 'EHLO a\r\nAUTH PLAIN struck out'],
  ['mail data that speak of AUTH', [...HELLO, ['C', 'DATA\r\n'], ['S', '354 go\r\n'], ['C', `AUTH PLAIN abc\r\n.\r\n`], ['S', '250 ok\r\n'], ['C', `AUTH PLAIN ${base64(PASSWORD)}\r\n`]],
    `EHLO a\r\nDATA\r\nAUTH PLAIN abc\r\n.\r\nAUTH PLAIN ${GONE}\r\n`],
  ['a chunk that speaks of AUTH', [...HELLO, ['C', 'BDAT 12\r\nAUTH PLAIN aAUTH PLAIN abcd\r\n'], ['S', '250 ok\r\n501 no\r\n']], `EHLO a\r\nBDAT 12\r\nAUTH PLAIN aAUTH PLAIN ${GONE}\r\n`],
  ['an initial response with a bare CR behind it', [...HELLO, ['C', `AUTH PLAIN ${base64(`\0alice\0${PASSWORD}`)}\r\r\n`], ['S', '501 no\r\n'], ['C', 'QUIT\r\n']], `EHLO a\r\nAUTH PLAIN struck-out\r\nQUIT\r\n`],
  ['a response that is no base 64, and hears so again', [...HELLO, ['C', 'AUTH SCRAM-SHA-256\r\n'], ['S', '334 \r\n'], ['C', `${PASSWORD}!\r\n`], ['S', '501 no\r\n'], ['C', `AUTH PLAIN ${PASSWORD}!\r\n`], ['S', '501 no\r\n'], ['C', 'QUIT\r\n']],
    'EHLO a\r\nAUTH SCRAM-SHA-256\r\nstruck-out\r\nAUTH PLAIN struck-out\r\nQUIT\r\n'],
  ['what does not wait behind an AUTH that is refused, commands aside', [...HELLO, ['C', `AUTH LOGIN\r\n${base64('alice')}\r\n${base64(PASSWORD)}\r\nMAIL FROM:<a@b>\r\nrcpt to:<c@d>\r\nAUTH PLAIN ${base64(PASSWORD)}\r\nDATA\r\n`], ['S', '538 no\r\n500 no\r\n500 no\r\n250 ok\r\n250 ok\r\n503 no\r\n354 go\r\n'], ['C', 'AUTH PLAIN abc\r\n.\r\n'], ['S', '250 ok\r\n'], ['C', 'QUIT\r\n']],
    `EHLO a\r\nAUTH LOGIN\r\n${base64('alice')}\r\n${GONE}\r\nMAIL FROM:<a@b>\r\nrcpt to:<c@d>\r\nstruck-out\r\nDATA\r\nAUTH PLAIN abc\r\n.\r\nQUIT\r\n`],
  ['what comes behind an AUTH that was refused, up to a command', [...HELLO, ['C', 'AUTH LOGIN\r\n'], ['S', '538 no\r\n'], ['C', `${base64('alice')}\r\n`], ['S', '500 no\r\n'], ['C', `${PASSWORD}!\r\n`], ['S', '500 no\r\n'], ['C', 'mail from:<a@b>\r\n'], ['S', '250 ok\r\n'], ['C', 'XFOO\r\n']],
    `EHLO a\r\nAUTH LOGIN\r\n${GONE}\r\nstruck-out\r\nmail from:<a@b>\r\nXFOO\r\n`],
  ['a password that comes once more when it was wrong', [...HELLO, ['C', `AUTH PLAIN ${base64(`\0alice\0${PASSWORD}`)}\r\n`], ['S', '535 no\r\n'], ['C', `${base64(PASSWORD)}\r\n`], ['S', '500 no\r\n'], ['C', 'AUTH LOGIN\r\n'], ['S', '334 x\r\n'], ['C', '*\r\n'], ['S', '501 no\r\n'], ['C', base64(PASSWORD)]],
    `EHLO a\r\nAUTH PLAIN ${base64('\0alice\0struck out')}\r\n${GONE}\r\nAUTH LOGIN\r\n*\r\nstruck out`],
  ['what follows an AUTH that was refused, and is framed by commands', [...HELLO, ['C', 'AUTH LOGIN\r\n'], ['S', '504 no\r\n'], ['C', `BDAT 12\r\n${base64('AUTH PLAIN ')}`.slice(0, 21)], ['S', '250 ok\r\n'], ['C', `AUTH PLAIN ${base64(PASSWORD)}\r\n`]],
    `EHLO a\r\nAUTH LOGIN\r\nBDAT 12\r\n${base64('AUTH PLAIN ').slice(0, 12)}AUTH PLAIN ${GONE}\r\n`],
  ['AUTH behind a BDAT that is one only where a bare LF ends lines', [...HELLO, ['C', `x\nBDAT 2\r\nAUTH PLAIN ${base64(PASSWORD)}\r\n`], ['S', '500 no\r\n501 no\r\n']], `EHLO a\r\nx\nBDAT 2\r\nAUTH PLAIN ${GONE}\r\n`],
  ['AUTH behind a BDAT that is none', [...HELLO, ['C', `BDAT 9T\r\nAUTH PLAIN ${base64(PASSWORD)}\r\n`], ['S', '501 no\r\n501 no\r\n']], `EHLO a\r\nBDAT 9T\r\nAUTH PLAIN ${GONE}\r\n`],
  ['AUTH with tabs, and behind spaces, as some servers take it', [...HELLO, ['C', `AUTH\tPLAIN \t${base64(PASSWORD)}\r\n`], ['S', '501 no\r\n'], ['C', ` \tauth PLAIN ${base64(`\0alice\0${PASSWORD}`)}\r\n`], ['S', '235 ok\r\n'], ['C', ' QUIT\r\n \r\n']],
    `EHLO a\r\nAUTH\tPLAIN \t${GONE}\r\n \tauth PLAIN ${base64('\0alice\0struck out')}\r\n QUIT\r\n \r\n`],
  ['one with a tab that breaks off', [...HELLO, ['C', ` AUTH\tPLAIN\t${base64(PASSWORD)}`]], 'EHLO a\r\n AUTH\tPLAIN\tstruck out'],
  ['commands that begin like it', [...HELLO, ['C', 'AUTH\r\nA\r\nAUTHOR\r\nAUTH \r\n'], ['S', '501 a\r\n500 b\r\n500 c\r\n501 d\r\n'], ['C', 'QUIT\r\n']], 'EHLO a\r\nAUTH\r\nA\r\nAUTHOR\r\nAUTH \r\nQUIT\r\n'],
];

describe('what is struck out', () => {
  it.each(DIALOGUES)('%s', (_, turns, expected) => {
    for (const length of [Infinity, 1, 2, 3, 5, 7, 11]) expect(written(turns, length)).toBe(expected);
  });

  it('is every password, however its client cuts and pipelines', () => {
    for (const [, turns] of DIALOGUES)
      for (let length = 1; length < 40; length += 1) {
        const text = written(turns, length);
        expect(text).not.toContain(PASSWORD);
        expect(text).not.toContain(base64(PASSWORD).slice(0, 12));
      }
  });

  // found by reading: a server that does not know AUTH may quote it, `500 5.5.1 Command unrecognized: "AUTH PLAIN …"`
  it('is struck out of the replies that quote it too', () => {
    const plain = base64(`\0alice\0${PASSWORD}`);
    const turns: readonly Turn[] = [
      ...HELLO, ['C', `AUTH PLAIN ${plain}\r\n`], ['S', `500-5.5.1 unrecognized:\r\n500 5.5.1 "AUTH PLAIN ${plain}"\r\n`],
      ['C', `${PASSWORD}! \r\n`], ['S', `500 5.5.1 what is ${PASSWORD}!?\r\n`], ['C', '500\r\n \r\n'], ['S', '500 5.5.1 what?\r\n500 5.5.1 and what?\r\n'], ['C', 'QUIT\r\n'], ['S', `221 ${plain}\r\n`],
    ];
    for (const length of [Infinity, 1, 2, 3, 5, 7, 11]) {
      const text = written(turns, length, 'S');
      expect(text).toBe(`220 mx\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n500-5.5.1 unrecognized:\r\n500 5.5.1 "AUTH PLAIN ${base64('\0alice\0struck out')}"\r\n500 5.5.1 what is struck-out?\r\n500 5.5.1 what?\r\n500 5.5.1 and what?\r\n221 ${base64('\0alice\0struck out')}\r\n`);
    }
  });

  it('is looked for in replies without an end as they come', () => {
    const striker = new SecretStriker(HASH);
    striker.client(encodeAscii(`AUTH PLAIN ${PASSWORD}\r\n`));
    expect(decodeLatin1(striker.server(encodeAscii(`500 ${PASSWORD}`)))).toBe('');
    expect(decodeLatin1(striker.server(encodeAscii('x'.repeat(70_000))))).toBe(`500 ${GONE}${'x'.repeat(70_000)}`);
    expect(decodeLatin1(striker.server(encodeAscii('y\r\n')))).toBe('y\r\n');
    striker.server(encodeAscii(`250 ${PASSWORD}`));
    expect(decodeLatin1(striker.serverEnd())).toBe(`250 ${GONE}`);
  });

  it('passes everything else on at once', () => {
    const striker = new SecretStriker(HASH);
    expect(decodeLatin1(striker.client(encodeAscii('MAIL FR')))).toBe('MAIL FR');
    expect(decodeLatin1(striker.client(encodeAscii('OM:<>\r\n')))).toBe('OM:<>\r\n');
  });

  it('takes what follows a BDAT of more octets than can be counted for its chunk', () => {
    const striker = new SecretStriker(HASH);
    const text = 'BDAT 9999999999999999\r\nAUTH PLAIN not-a-command\r\n';
    expect(decodeLatin1(striker.client(encodeAscii(text)))).toBe(text);
  });

  it('begins anew under TLS', () => {
    const striker = new SecretStriker(HASH);
    striker.client(encodeAscii('AUTH LOGIN\r\n'));
    striker.secured();
    expect(decodeLatin1(striker.client(encodeAscii('EHLO a\r\n')))).toBe('EHLO a\r\n');
  });
});
