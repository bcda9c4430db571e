// What RFC 5321 says of single commands, rule by rule: the state that a command comes in, its line, and the code that answers it.

import { describe, expect, it } from 'vitest';
import type { Verb } from '../../../src/syntax/command.ts';
import { COMMAND_ORDER } from '../../../src/protocol/server/table.ts';
import { ServerDialogue, STARTS, codesOf, dialogueIn } from '../../support/server-dialogue.ts';
import type { Start } from '../../support/server-dialogue.ts';

const RULES: readonly (readonly [rule: string, start: Start, line: string, code: number])[] = [
  ['§2.4: verbs have no case', 'ready', 'nOoP', 250],
  ['§2.4: verbs have no case', 'greeted', 'ehlo a.example', 250],
  ['§2.4: FROM has no case', 'ready', 'mail from:<a@b>', 250],
  ['§2.4: TO has no case', 'mail', 'rcpt to:<a@b>', 250],

  ['§3.3: RCPT needs MAIL', 'ready', 'RCPT TO:<a@b>', 503],
  ['§3.3: RCPT may be repeated', 'rcpt', 'RCPT TO:<a@b>', 250],
  ['§3.3: DATA needs MAIL', 'ready', 'DATA', 503],
  ['§3.3: DATA needs RCPT', 'mail', 'DATA', 503],
  ['§3.3: DATA is answered 354', 'rcpt', 'DATA', 354],
  ['§3.3: no space behind the colon', 'ready', 'MAIL FROM: <a@b>', 501],
  ['§3.3: no space before the colon', 'ready', 'MAIL FROM :<a@b>', 501],
  ['§3.3: no space behind the colon', 'mail', 'RCPT TO: <a@b>', 501],
  ['§3.3: no space before the colon', 'mail', 'RCPT TO :<a@b>', 501],
  ['§3.5.3: VRFY is not 250 where nothing was verified', 'ready', 'VRFY bob', 252],
  // shows RFC5321:3.5.1-16
  ['§3.5.1: VRFY takes user@domain', 'ready', 'VRFY bob@example.com', 252],
  ['§3.5.2: EXPN may be disabled', 'ready', 'EXPN staff', 502],

  ['§4.1.1: white space before CRLF is tolerated', 'ready', 'NOOP \t ', 250],
  ['§4.1.1: white space before CRLF is tolerated', 'ready', 'MAIL FROM:<a@b>  ', 250],
  ['§4.1.1: white space before CRLF is tolerated', 'rcpt', 'DATA ', 354],
  ['§4.1.1: RSET has no parameter', 'ready', 'RSET now', 501],
  ['§4.1.1: DATA has no parameter', 'rcpt', 'DATA now', 501],
  ['§4.1.1: QUIT has no parameter', 'ready', 'QUIT now', 501],

  ['§4.1.1.1: EHLO takes a domain', 'greeted', 'EHLO a.example', 250],
  ['§4.1.1.1: EHLO takes a literal', 'greeted', 'EHLO [192.0.2.1]', 250],
  ['§4.1.1.1: EHLO takes a literal', 'greeted', 'EHLO [IPv6:2001:db8::1]', 250],
  // shows RFC5321:4.1.1.1-3
  ['§4.1.1.1: information behind the literal is coped with', 'greeted', 'EHLO [192.0.2.1] my.host', 250],
  ['§4.1.1.1: EHLO without argument', 'greeted', 'EHLO', 501],
  ['§4.1.1.1: HELO takes a domain', 'greeted', 'HELO a.example', 250],
  ['§4.1.1.1: HELO without argument', 'greeted', 'HELO', 501],

  ['§4.1.1.2: the reverse-path may be null', 'ready', 'MAIL FROM:<>', 250],
  ['§4.1.1.2: a space parts path and parameters', 'ready', 'MAIL FROM:<a@b>SIZE=1', 501],
  ['§4.1.1.3: a forward-path is never null', 'mail', 'RCPT TO:<>', 501],
  ['§4.1.1.3: a source route is recognized', 'mail', 'RCPT TO:<@x.example,@y.example:a@b>', 250],
  ['§4.1.1.3: Postmaster without domain, in any case', 'mail', 'RCPT TO:<pOStMaster>', 250],
  ['§4.1.1.3: Postmaster with domain', 'mail', 'RCPT TO:<Postmaster@example.com>', 250],
  ['§4.1.1.3: no other local part goes without domain', 'mail', 'RCPT TO:<bob>', 501],
  ['§4.1.1.2: nor does a sender', 'ready', 'MAIL FROM:<postmaster>', 501],

  ['§4.1.1.5: RSET before EHLO', 'greeted', 'RSET', 250],
  ['§4.1.1.5: RSET without transaction', 'ready', 'RSET', 250],
  ['§4.1.1.6: VRFY needs an argument', 'ready', 'VRFY', 501],
  ['§4.1.1.7: EXPN needs an argument', 'ready', 'EXPN', 501],
  ['§4.1.1.8: HELP needs none', 'ready', 'HELP', 214],
  ['§4.1.1.8: HELP may have one', 'ready', 'HELP MAIL', 214],
  ['§4.1.1.9: what NOOP is given is ignored', 'ready', 'NOOP hello', 250],
  ['§4.1.1.10: QUIT before EHLO', 'greeted', 'QUIT', 221],
  ['§4.1.1.10: QUIT in a transaction', 'rcpt', 'QUIT', 221],
  ['§4.1.1.11: parameter of MAIL not recognized', 'ready', 'MAIL FROM:<a@b> X-OURS=1', 555],
  ['§4.1.1.11: parameter of RCPT not recognized', 'mail', 'RCPT TO:<a@b> NOTIFY=NEVER', 555],
  // shows RFC5321:4.2.1-11 RFC5321:4.2.2-5
  ['§4.2.2: value of a parameter not implemented', 'ready', 'MAIL FROM:<a@b> BODY=BINARYMIME', 504],
  ['§4.1.1.11: parameter of an extension that is not offered', 'ready', 'MAIL FROM:<a@b> SMTPUTF8', 555],
  ['§4.1.1.11: value as its extension has it', 'ready', 'MAIL FROM:<a@b> BODY=7bit', 250],
  ['§4.1.1.11: value not as its extension has it', 'ready', 'MAIL FROM:<a@b> BODY=9BIT', 501],

  ['§4.1.2: parameters are parted by one space', 'ready', 'MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME', 250],
  ['§4.1.2: parameters are parted by one space', 'ready', 'MAIL FROM:<a@b> SIZE=1  BODY=8BITMIME', 501],
  ['§4.1.2: a value holds no "="', 'ready', 'MAIL FROM:<a@b> SIZE=1=2', 501],
  ['§4.1.2: a keyword begins with a letter or digit', 'ready', 'MAIL FROM:<a@b> -SIZE=1', 501],
  ['§4.1.2: no parameter twice', 'ready', 'MAIL FROM:<a@b> SIZE=1 size=1', 501],
  ['§4.1.2: a quoted local part', 'mail', 'RCPT TO:<"a b"@c>', 250],
  ['§4.1.2: a quoted pair', 'mail', 'RCPT TO:<"a\\"b"@c>', 250],
  ['§4.1.2: an empty quoted string', 'mail', 'RCPT TO:<""@c>', 250],
  ['§4.1.2: an unfinished quoted string', 'mail', 'RCPT TO:<"a@c>', 501],
  ['§4.1.2: no dot at the end of a local part', 'mail', 'RCPT TO:<a.@c>', 501],
  ['§4.1.2: no dot at the end of a domain', 'mail', 'RCPT TO:<a@c.>', 501],
  ['§4.1.2: no hyphen at the end of a label', 'mail', 'RCPT TO:<a@c->', 501],
  ['§4.1.2: no underscore in a domain', 'mail', 'RCPT TO:<a@c_d>', 501],
  ['§4.1.2: angle brackets are not left out', 'mail', 'RCPT TO:a@c', 501],
  ['§4.1.2: nothing behind the path', 'mail', 'RCPT TO:<a@c>>', 501],
  ['§4.1.2: characters that are not ASCII', 'mail', 'RCPT TO:<\xe4@c>', 501],
  ['§4.1.2: characters that are not ASCII', 'greeted', 'EHLO \xe4.example', 501],
  ['§4.1.2: control characters', 'mail', 'RCPT TO:<a\x01@c>', 501],
  ['§4.1.2: control characters', 'mail', 'RCPT TO:<"a\x7f"@c>', 501],

  ['§4.1.3: an IPv4 literal', 'mail', 'RCPT TO:<a@[192.0.2.255]>', 250],
  ['§4.1.3: no Snum above 255', 'mail', 'RCPT TO:<a@[192.0.2.256]>', 501],
  ['§4.1.3: four Snums', 'mail', 'RCPT TO:<a@[192.0.2]>', 501],
  ['§4.1.3: an IPv6 literal', 'mail', 'RCPT TO:<a@[IPv6:::ffff:192.0.2.1]>', 250],
  ['§4.1.3: an IPv6 literal needs its tag', 'mail', 'RCPT TO:<a@[::1]>', 501],
  ['§4.1.3: at most six groups beside ::', 'mail', 'RCPT TO:<a@[IPv6:1:2:3:4:5:6:7::]>', 501],
  ['§4.1.3: a general literal', 'mail', 'RCPT TO:<a@[x400:c=de]>', 250],

  ['§4.1.4: NOOP before EHLO', 'greeted', 'NOOP', 250],
  ['§4.1.4: HELP before EHLO', 'greeted', 'HELP', 214],
  ['§4.1.4: VRFY before EHLO', 'greeted', 'VRFY bob', 252],
  ['§4.1.4: EXPN before EHLO', 'greeted', 'EXPN staff', 502],
  ['§4.1.4: MAIL before EHLO', 'greeted', 'MAIL FROM:<a@b>', 503],
  ['§4.1.4: MAIL in a transaction', 'mail', 'MAIL FROM:<a@b>', 503],
  ['§4.1.4: MAIL in a transaction', 'rcpt', 'MAIL FROM:<a@b>', 503],
  ['§4.1.4: an argument of MAIL that is not acceptable', 'ready', 'MAIL FROM:a@b', 501],
  ['§4.1.4: the order goes before the argument', 'greeted', 'MAIL FROM:nonsense', 503],
  ['§4.1.4: EHLO in a transaction', 'rcpt', 'EHLO a.example', 250],

  ['RFC 3207 §4: TLS that is not to be had', 'ready', 'STARTTLS', 502],
  ['RFC 3207 §4: STARTTLS has no parameter', 'ready', 'STARTTLS now', 501],
  ['RFC 3207 §4: STARTTLS before EHLO', 'greeted', 'STARTTLS', 503],
  ['RFC 3207 §4: STARTTLS in a transaction', 'mail', 'STARTTLS', 503],
  ['RFC 4954 §4: AUTH that is not to be had', 'ready', 'AUTH PLAIN', 502],
  ['RFC 4954 §4: AUTH needs a mechanism', 'ready', 'AUTH', 501],
  ['RFC 4954 §4: AUTH before EHLO', 'greeted', 'AUTH PLAIN', 503],
  ['RFC 4954 §4: AUTH in a transaction', 'rcpt', 'AUTH PLAIN', 503],
  ['RFC 3030 §2: BDAT before EHLO', 'greeted', 'BDAT 0 LAST', 503],
  ['RFC 3030 §2: BDAT needs MAIL', 'ready', 'BDAT 0 LAST', 503],
  ['RFC 3030 §2: BDAT needs RCPT', 'mail', 'BDAT 0', 503],
  ['RFC 3030 §2: BDAT of nothing', 'rcpt', 'BDAT 0', 250],
  ['RFC 3030 §2: LAST has no case', 'rcpt', 'bdat 0 last', 250],
  ['RFC 3030 §2: BDAT needs a size', 'rcpt', 'BDAT', 501],
  ['RFC 3030 §2: a size is digits', 'rcpt', 'BDAT -1', 501],
  ['RFC 3030 §2: nothing but LAST behind the size', 'rcpt', 'BDAT 0 FIRST', 501],
  ['RFC 3030 §2: DATA behind BDAT', 'bdat', 'DATA', 503],
  ['RFC 3030 §2: RCPT behind BDAT', 'bdat', 'RCPT TO:<a@b>', 503],
  ['RFC 3030 §2: MAIL behind BDAT', 'bdat', 'MAIL FROM:<a@b>', 503],
  ['RFC 3030 §2: RSET behind BDAT', 'bdat', 'RSET', 250],
  ['RFC 3030 §2: another chunk', 'bdat', 'BDAT 0', 250],
  ['RFC 2033 §4.1: LHLO is not SMTP', 'greeted', 'LHLO a.example', 500],

  ['§4.1.5: a private command that is unknown', 'ready', 'XDEBUG', 500],
  ['§4.2.4: not recognized', 'ready', 'FROB a', 500],
  ['§4.2.4: not recognized', 'ready', '', 500],
  ['§4.2.4: not recognized', 'ready', 'MAILFROM:<a@b>', 500],
  ['§4.2.4: not recognized', 'ready', ' NOOP', 500],
  ['§4.2.4: recognized and not implemented', 'ready', 'TURN', 502],
  ['§4.2.4: recognized and not implemented', 'ready', 'ETRN example.com', 502],
  ['§4.5.3.1.1: a local part of 64 octets', 'mail', `RCPT TO:<${'a'.repeat(64)}@b>`, 250],
  ['§4.5.3.1.1: a local part of 65 octets', 'mail', `RCPT TO:<${'a'.repeat(65)}@b>`, 501],
  ['§4.5.3.1.2: a domain of 252 octets', 'mail', `RCPT TO:<a@${'a.'.repeat(125)}aa>`, 250],
  ['§4.5.3.1.2: a domain of 256 octets', 'mail', `RCPT TO:<a@${'a.'.repeat(127)}aa>`, 501],
  ['§4.5.3.1.3: a path of 256 octets', 'mail', `RCPT TO:<${'a'.repeat(62)}@${'b.'.repeat(95)}b>`, 250],
  ['§4.5.3.1.3: a path of 257 octets', 'mail', `RCPT TO:<${'a'.repeat(63)}@${'b.'.repeat(95)}b>`, 501],
];

describe('a command line', () => {
  it.each(RULES.map(([rule, start, line, code]) => [`${rule}: ${JSON.stringify(line).slice(0, 60)} gets ${code} in state ${start}`, start, line, code] as const))('%s', (_, start, line, code) => {
    const server = dialogueIn(start);
    expect(codesOf(server.say(line))).toEqual([code]);
  });

  it('that is refused changes nothing (§4.1.4), but a chunk that is takes its mail with it', () => {
    for (const [, start, line, code] of RULES) {
      if (code < 400) continue;
      const server = dialogueIn(start);
      server.say(line);
      expect(server.session.state).toBe((start === 'mail' || start === 'rcpt') && line.startsWith('BDAT') ? 'ready' : start); // RFC 3030 §2: no mail without the chunk that failed
      expect(server.questions.length).toBe(Math.min(STARTS.indexOf(start) + 1, 4)); // a chunk asks nothing
    }
  });

  // shows RFC5321:4.2.1-7 RFC5321:4.3.1-5 RFC5321:4.3.1-7 RFC5321:4.3.2-12 RFC5321:4.3.2-14 RFC5321:4.3.2-16 RFC5321:4.3.2-17
  // shows RFC5321:4.3.2-18 RFC5321:4.3.2-19 RFC5321:4.3.2-20 RFC5321:4.3.2-21
  it('gets a reply that the table of commands and replies has for it, in every state (§4.3.2)', () => {
    const verbs = Object.keys(COMMAND_ORDER) as Verb[]; // the keys are COMMAND_ORDER's own
    for (const [, , line] of RULES) {
      const [word = ''] = /^[A-Z]*/i.exec(line) ?? [];
      const verb = verbs.find((name) => name === word.toUpperCase());
      const allowed = verb === undefined ? [500, 502] : [...REPLY_SEQUENCES[verb], 500, 501, 421];
      for (const start of STARTS) {
        const [code = 0] = codesOf(dialogueIn(start).say(line));
        if (!allowed.includes(code)) expect({ start, line, code }).toEqual({ start, line, code: allowed });
      }
    }
  });
});

/** §4.3.2, with 503 for commands of a transaction (§4.1.4) and 504 for a value of a parameter (§4.2.2). */
const REPLY_SEQUENCES: Readonly<Record<Verb, readonly number[]>> = {
  EHLO: [250, 504, 550, 502],
  HELO: [250, 504, 550, 502],
  MAIL: [250, 552, 451, 452, 550, 553, 503, 455, 555, 504],
  RCPT: [250, 251, 550, 551, 552, 553, 450, 451, 452, 503, 455, 555],
  DATA: [354, 503, 554],
  RSET: [250],
  VRFY: [250, 251, 252, 550, 551, 553, 502, 504],
  EXPN: [250, 252, 550, 500, 502, 504],
  HELP: [211, 214, 502, 504],
  NOOP: [250],
  QUIT: [221],
  STARTTLS: [220, 454, 502, 503], // RFC 3207 §4
  AUTH: [235, 334, 432, 454, 504, 530, 534, 535, 538, 502, 503], // RFC 4954 §4, §6
  BDAT: [250, 503, 554, 552], // RFC 3030 §2; 554 where no recipient is valid, as DATA
  LHLO: [250, 550], // RFC 2033 §4.1; 500 where it is SMTP
};

describe('the forward-path of RCPT', () => {
  // shows RFC5321:4.1.1.3-3 RFC5321:4.1.1.3-12 RFC5321:4.1.2-7 RFC5321:2.4-3 RFC5321:2.4-4 RFC5321:2.4-5 RFC5321:3.3-13
  it('keeps what was written, and is known by its mailbox: the source route is stripped (§4.1.1.3, §3.6.1)', () => {
    const server = dialogueIn('mail');
    server.say('RCPT TO:<@x.example:Bob@EXAMPLE.com>', 'RCPT TO:<POSTMASTER>');
    const paths = server.questions.flatMap((question) => (question.about === 'rcpt' ? [question.forwardPath] : []));
    expect(paths.map(({ text, key }) => ({ text, key }))).toEqual([
      { text: '<@x.example:Bob@EXAMPLE.com>', key: 'Bob@example.com' },
      { text: '<POSTMASTER>', key: 'postmaster' },
    ]);
  });
});

describe('the reply to EHLO', () => {
  // shows RFC5321:4.1.1.1-19 RFC5321:4.2.4-4
  it('lists a keyword for each optional command that is taken, and none that is not (§4.1.1.1, §4.2.4)', () => {
    const keywords = new ServerDialogue().say('EHLO a.example').slice(1).map((line) => line.slice(4).split(' ')[0] ?? '');
    expect(keywords.filter((keyword) => ['EXPN', 'HELP', 'VRFY', 'ETRN', 'TURN', 'SEND', 'SOML', 'SAML'].includes(keyword))).toEqual(['HELP']);
    for (const keyword of keywords) expect(keyword).toMatch(/^[A-Z0-9][A-Z0-9-]*$/);
  });
});
