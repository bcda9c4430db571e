// Mutations that know what SMTP looks like: lines, verbs and keywords, the games that are played with CR, LF and dots, numbers,
// cues, options; and besides, octets. All chance comes from one seed.

import { concat } from '../../src/wire/octet.ts';
import type { Random } from '../support/random.ts';

const octetsOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const LINES = [
  'EHLO client.example.org', 'HELO a', 'LHLO client.example.org', 'STARTTLS', 'AUTH PLAIN', 'AUTH PLAIN AGFsaWNlAHh5enp5LTEyMzQ1Njc4', 'AUTH LOGIN', 'AUTH CRAM-MD5', 'AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWNsaWVudDEyMw==', 'AUTH OAUTHBEARER', '*', '=',
  'MAIL FROM:<>', 'MAIL FROM:<alice@example.org>', 'MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME', 'MAIL FROM:<a@b> BODY=BINARYMIME', 'MAIL FROM:<\xc3\xbc@b> SMTPUTF8', 'MAIL FROM:<a@b> RET=HDRS ENVID=x REQUIRETLS AUTH=<>',
  'RCPT TO:<bob@example.com>', 'RCPT TO:<Postmaster>', 'RCPT TO:<a@c> NOTIFY=NEVER ORCPT=rfc822;a+2Bb', 'DATA', 'BDAT 0', 'BDAT 5', 'BDAT 12 LAST', 'BDAT 0 LAST', 'BDAT 7 FIRST', 'RSET', 'NOOP', 'HELP', 'VRFY bob', 'EXPN staff', 'QUIT', '.', '..', '', 'GET / HTTP/1.1',
  '220 mx.example.com ESMTP', '220 mx.example.com', '250-mx.example.com', '250-PIPELINING', '250-CHUNKING', '250-SIZE 100', '250-AUTH PLAIN SCRAM-SHA-256', '250-STARTTLS', '250-8BITMIME', '250-SMTPUTF8', '250-DSN', '250-BINARYMIME', '250-LIMITS RCPTMAX=1 MAILMAX=1', '250 HELP', '250 2.0.0 ok', '235 2.7.0 in', '334 ', '334 VXNlcm5hbWU6', '354 go', '421 4.3.2 closing', '450 4.2.0 later', '451 no', '452 4.5.3 too many', '500 what', '503 order', '550 5.1.1 no', '552 full', '554 no', '250-', '250',
].map((line) => octetsOf(`${line}\r\n`));

const TOKENS = ['\r\n', '\n', '\r', '\r\r\n', '\r\n.\r\n', '\n.\n', '\n.\r\n', '\r\n.\n', '\r\n.\r', '.', '..', '\0', '\xff', '\xc3\xbc', '\xe2\x80\xa6', ' ', '  ', '\t', '<', '>', '<>', '@', ':', ';', '=', '+', '"', '\\', '[', ']', '-', 'LAST', ' SMTPUTF8', ' SIZE=', ' BODY=', '0', '18446744073709551616', '9007199254740993', '999999999', 'x'.repeat(70), 'given    ', 'A: ask ', 'S= "\\x', '* clock +'].map(octetsOf);

const CUES = 'cctTelshiabwnfdxmgkqwz';

const LINE_FEED = 0x0a;
const OPTIONS = 14; // octets at the front that mean more than others
const LONGEST = 3_000;

/** Returns a changed copy. `other`: an input to take parts of. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let changed = input;
  for (let count = 1 + random.below(random.chance(0.2) ? 8 : 3); count > 0; count--) changed = mutateOnce(changed, other, random);
  return changed.length > LONGEST ? changed.slice(0, LONGEST) : changed;
}

function mutateOnce(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = random.below(input.length + 1);
  const line = lineStart(input, at);
  switch (random.below(17)) {
    case 0: return splice(input, line, line, random.pick(LINES));
    case 1: return splice(input, line, lineEnd(input, line), random.pick(LINES));
    case 2: return splice(input, line, lineEnd(input, line), new Uint8Array(0));
    case 3: return splice(input, line, line, input.subarray(line, lineEnd(input, line)));
    case 4: return splice(input, at, at, random.pick(TOKENS));
    case 5: return splice(input, at, at + 1, random.pick(TOKENS));
    case 6: return splice(input, line, line, octetsOf('.'));
    case 7: return splice(input, Math.max(0, lineEnd(input, line) - 2), lineEnd(input, line), random.pick(TOKENS)); // another end of the line
    case 8: return splice(input, at, at, Uint8Array.of(0xff, CUES.charCodeAt(random.below(CUES.length))));
    case 9: return splice(input, line, line, Uint8Array.of(0xff, CUES.charCodeAt(random.below(CUES.length))));
    case 10: case 11: { // an option
      const option = random.below(Math.min(OPTIONS, input.length + 1));
      return splice(input, option, option + 1, Uint8Array.of(random.chance(0.5) ? (input[option] ?? 0) ^ (1 << random.below(8)) : random.below(256)));
    }
    case 12: return splice(input, at, at + 1, Uint8Array.of(random.below(256)));
    case 13: return splice(input, at, at + random.below(6), new Uint8Array(0));
    case 14: { // a part of another input
      const from = lineStart(other, random.below(other.length + 1));
      return splice(input, line, line, other.subarray(from, Math.min(other.length, from + random.below(120))));
    }
    case 15: return concat([input.subarray(0, line), other.subarray(lineStart(other, random.below(other.length + 1)))]);
    default: { // a number
      const digits = [...input.keys()].filter((index) => isDigit(input[index]));
      if (digits.length === 0) return splice(input, at, at, Uint8Array.of(0x30 + random.below(10)));
      const index = random.pick(digits);
      return splice(input, index, index + 1, octetsOf(random.pick(['0', '1', '9', '00', '', String(random.below(300))])));
    }
  }
}

function splice(input: Uint8Array, from: number, to: number, part: Uint8Array): Uint8Array {
  return concat([input.subarray(0, from), part, input.subarray(Math.max(from, to))]);
}

function lineStart(input: Uint8Array, at: number): number {
  return at === 0 ? 0 : input.lastIndexOf(LINE_FEED, at - 1) + 1;
}

function lineEnd(input: Uint8Array, at: number): number {
  return input.indexOf(LINE_FEED, at) + 1 || input.length;
}

function isDigit(octet: number | undefined): boolean {
  return octet !== undefined && octet >= 0x30 && octet <= 0x39;
}
