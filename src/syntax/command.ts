// One command line ↔ one command (RFC 5321 §4.1.1), without its CRLF.
//
// White space before the CRLF is dropped (§4.1.1); all other white space is exactly where the grammar has it, so `MAIL FROM: <…>`
// is a fault. Verbs and the words `FROM:` and `TO:` are taken in any case, ASCII letters only. The commands of extensions are here
// too: STARTTLS (RFC 3207 §4), AUTH (RFC 4954 §4), BDAT (RFC 3030 §2), LHLO (RFC 2033 §4.1). Left out: the order of commands, and
// what the parameters of MAIL and RCPT mean.

import { isAsciiText } from '../wire/ascii.ts';
import { checkText, shown, UsageError } from '../wire/usage.ts';
import { ALPHA, DIGIT, GRAPHIC, PRINTABLE, run } from './character.ts';
import { formatHost, parseHost, takesUtf8 } from './domain.ts';
import type { AddressLiteral, Domain, SyntaxOptions } from './domain.ts';
import { fault, isFault, unexpected } from './fault.ts';
import type { Fault } from './fault.ts';
import { formatParameters, NO_PARAMETERS, readParameters } from './parameter.ts';
import type { Parameter } from './parameter.ts';
import { formatPath, readForwardPath, readReversePath } from './path.ts';
import type { ForwardPath, ReversePath } from './path.ts';

/** A command with its arguments (RFC 5321 §4.1), by its `verb`. */
export type Command =
  | {
      readonly verb: 'EHLO' | 'HELO' | 'LHLO';
      readonly domain: Domain | AddressLiteral;
      /** What RFC 2821 let clients write behind an address literal; to be ignored, not to be sent (§4.1.1.1). */
      readonly information?: string;
    }
  | { readonly verb: 'MAIL'; readonly reversePath: ReversePath; readonly parameters: readonly Parameter[] }
  | { readonly verb: 'RCPT'; readonly forwardPath: ForwardPath; readonly parameters: readonly Parameter[] }
  | { readonly verb: 'DATA' | 'RSET' | 'QUIT' | 'STARTTLS' }
  | {
      readonly verb: 'AUTH';
      /** As written; SASL mechanisms are compared in upper case. */
      readonly mechanism: string;
      /** Base 64 as written, or `=`, which is an empty response; absent where the server begins. */
      readonly initialResponse?: string;
    }
  | { readonly verb: 'BDAT'; readonly size: number; readonly last: boolean }
  | { readonly verb: 'NOOP' | 'HELP'; readonly text: string | undefined }
  | { readonly verb: 'VRFY' | 'EXPN'; readonly text: string };

/** The word that a command begins with (RFC 5321 §4.1.1). */
export type Verb = Command['verb'];

const SECTION: Readonly<Record<Verb, string>> = {
  EHLO: 'RFC 5321 §4.1.1.1',
  HELO: 'RFC 5321 §4.1.1.1',
  MAIL: 'RFC 5321 §4.1.1.2',
  RCPT: 'RFC 5321 §4.1.1.3',
  DATA: 'RFC 5321 §4.1.1.4',
  RSET: 'RFC 5321 §4.1.1.5',
  VRFY: 'RFC 5321 §4.1.1.6',
  EXPN: 'RFC 5321 §4.1.1.7',
  HELP: 'RFC 5321 §4.1.1.8',
  NOOP: 'RFC 5321 §4.1.1.9',
  QUIT: 'RFC 5321 §4.1.1.10',
  LHLO: 'RFC 2033 §4.1',
  STARTTLS: 'RFC 3207 §4',
  AUTH: 'RFC 4954 §4',
  BDAT: 'RFC 3030 §2',
};

/** Returns the verb that `line` begins with, whatever follows it, or why it is none: the order of commands is checked before their arguments. */
export function parseVerb(line: string): Verb | Fault {
  const verb = isVerbEnd(line, 4) ? VERBS.get(fourLetters(line)) : undefined;
  return verb ?? (isVerbEnd(line, 8) && hasWord(line, 0, 'STARTTLS') ? 'STARTTLS' : notAVerb(line));
}

/** Returns the command that `line`, without its CRLF, is, or why it is none. `utf8`: characters above U+007F are taken where RFC 6531 has them. */
export function parseCommand(line: string, options?: SyntaxOptions): Command | Fault {
  checkText(line, 'parseCommand', 'MAIL FROM:<alice@example.org>');
  const text = withoutTrailingSpace(line);
  const verb = parseVerb(text);
  return isFault(verb) ? verb : parseArguments(verb, text, takesUtf8(options));
}

/** Returns the command that `line`, which begins with `verb`, is, or why it is none. */
export function parseArguments(verb: Verb, line: string, utf8: boolean): Command | Fault {
  const text = withoutTrailingSpace(line);
  switch (verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return parseHello(verb, text, utf8);
    case 'MAIL':
      return parseMail(text, utf8);
    case 'RCPT':
      return parseRcpt(text, utf8);
    case 'DATA':
    case 'RSET':
    case 'QUIT':
    case 'STARTTLS':
      return text.length === verb.length ? { verb } : fault('argument-not-allowed', text, verb.length, 'CRLF', SECTION[verb]);
    case 'AUTH':
      return parseAuth(text);
    case 'BDAT':
      return parseBdat(text);
    case 'NOOP':
    case 'HELP': {
      const argument = text.length === 4 ? undefined : parseText(verb, text, utf8);
      return isFault(argument) ? argument : { verb, text: argument };
    }
    case 'VRFY':
    case 'EXPN': {
      const argument = parseText(verb, text, utf8);
      return isFault(argument) ? argument : { verb, text: argument };
    }
    default:
      return verb satisfies never;
  }
}

/** Returns the line of `command`, without CRLF. */
export function formatCommand(command: Command): string {
  switch (command?.verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return join(command.verb, formatHost(command.domain), command.information);
    case 'MAIL':
      return join(`MAIL FROM:${formatPath(command.reversePath)}`, formatParameters(command.parameters));
    case 'RCPT':
      return join(`RCPT TO:${formatPath(command.forwardPath)}`, formatParameters(command.parameters));
    case 'DATA':
    case 'RSET':
    case 'QUIT':
    case 'STARTTLS':
      return command.verb;
    case 'AUTH':
      return join('AUTH', command.mechanism, command.initialResponse);
    case 'BDAT':
      return join('BDAT', String(command.size), command.last ? 'LAST' : undefined);
    case 'NOOP':
    case 'HELP':
    case 'VRFY':
    case 'EXPN':
      return join(command.verb, command.text);
    default:
      command satisfies never;
      throw new UsageError(`formatCommand takes what parseCommand has returned, where that is no fault, not ${shown(command)}`);
  }
}

function join(...words: readonly (string | undefined)[]): string {
  return words.filter((word) => word !== undefined && word !== '').join(' ');
}

/** Only SP and HT, and not by a regular expression: `/[ \t]+$/` is quadratic on a line of spaces that ends in something else. */
function withoutTrailingSpace(line: string): string {
  let end = line.length;
  while (end > 0 && isWhiteSpace(line, end - 1)) end -= 1;
  return end === line.length ? line : line.slice(0, end);
}

/** Tells whether a verb may end at `at`: at white space, or at the end of the line. */
function isVerbEnd(line: string, at: number): boolean {
  return at === line.length || isWhiteSpace(line, at);
}

/** Tells whether the character at `at` is SP or HT; none is behind the end. */
function isWhiteSpace(line: string, at: number): boolean {
  const code = line.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/** Returns the first four characters as one number, in upper case; 0 when not all are ASCII letters. */
function fourLetters(line: string): number {
  if (run(line, 0, ALPHA) < 4) return 0;
  let letters = 0;
  for (let at = 0; at < 4; at += 1) letters = (letters << 8) | (line.charCodeAt(at) & UPPER_CASE);
  return letters;
}

const UPPER_CASE = 0xdf;

const VERBS: ReadonlyMap<number, Verb> = new Map(
  (['EHLO', 'HELO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'VRFY', 'EXPN', 'HELP', 'NOOP', 'QUIT', 'LHLO', 'AUTH', 'BDAT'] as const).map(
    (verb) => [fourLetters(verb), verb] as const,
  ),
);

// RFC 5321 §F.1 and §F.6, RFC 1985.
const UNIMPLEMENTED: ReadonlySet<number> = new Set(['SEND', 'SOML', 'SAML', 'TURN', 'ETRN'].map(fourLetters));

// Case counts in HTTP. PRI: RFC 9113 §3.4.
const HTTP_METHODS: ReadonlySet<string> = new Set(
  ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'DELETE', 'TRACE', 'PATCH', 'PRI'],
);

function notAVerb(line: string): Fault {
  const end = run(line, 0, ALPHA);
  const code =
    isVerbEnd(line, 4) && UNIMPLEMENTED.has(fourLetters(line)) ? 'unimplemented-verb'
    : HTTP_METHODS.has(line.slice(0, end)) && (end === line.length || line.startsWith(' ', end)) ? 'http'
    : 'unknown-verb';
  return fault(code, line, 0, 'a verb', 'RFC 5321 §4.1.1');
}

/** Returns the fault of a verb that is not followed by SP and something, undefined where it is. */
function argumentMissing(verb: Verb, text: string, expected: string): Fault | undefined {
  if (text.length === 4) return fault('argument-missing', text, 4, expected, SECTION[verb]);
  return text.startsWith(' ', 4) ? undefined : unexpected('bad-argument', text, 4, 'SP', SECTION[verb]);
}

function parseHello(verb: 'EHLO' | 'HELO' | 'LHLO', text: string, utf8: boolean): Command | Fault {
  const missing = argumentMissing(verb, text, 'Domain or address-literal');
  if (missing !== undefined) return missing;
  // Choice: HELO takes an address literal as well; §4.1.1.1 asks clients without a name for one and then gives HELO a Domain only.
  const argument = text.slice(5);
  const space = argument.startsWith('[') ? argument.indexOf('] ') + 1 : 0;
  const domain = parseHost(space === 0 ? argument : argument.slice(0, space), { utf8 });
  if ('fault' in domain) return { ...domain, at: domain.at + 5 };
  if (space === 0) return { verb, domain };
  const information = printable(text, 5 + space + 1, utf8, SECTION[verb]);
  return isFault(information) ? information : { verb, domain, information };
}

function parseMail(text: string, utf8: boolean): Command | Fault {
  const missing = argumentMissing('MAIL', text, '"FROM:"');
  if (missing !== undefined) return missing;
  if (!hasWord(text, 5, 'FROM:')) return unexpected('bad-argument', text, 5, '"FROM:"', SECTION.MAIL);
  if (text.length === 10) return fault('argument-missing', text, 10, 'Reverse-path', SECTION.MAIL);
  const reversePath = readReversePath(text, 10, utf8);
  if ('fault' in reversePath) return reversePath;
  const parameters = parametersFrom('MAIL', text, 10 + reversePath.text.length, utf8);
  return 'fault' in parameters ? parameters : { verb: 'MAIL', reversePath, parameters };
}

function parseRcpt(text: string, utf8: boolean): Command | Fault {
  const missing = argumentMissing('RCPT', text, '"TO:"');
  if (missing !== undefined) return missing;
  if (!hasWord(text, 5, 'TO:')) return unexpected('bad-argument', text, 5, '"TO:"', SECTION.RCPT);
  if (text.length === 8) return fault('argument-missing', text, 8, 'Forward-path', SECTION.RCPT);
  const forwardPath = readForwardPath(text, 8, utf8);
  if ('fault' in forwardPath) return forwardPath;
  const parameters = parametersFrom('RCPT', text, 8 + forwardPath.text.length, utf8);
  return 'fault' in parameters ? parameters : { verb: 'RCPT', forwardPath, parameters };
}

/** Tells whether `word`, which is upper case, stands at `at` in any case of ASCII letters. */
function hasWord(text: string, at: number, word: string): boolean {
  if (text.startsWith(word, at)) return true;
  const written = text.slice(at, at + word.length);
  return written.toUpperCase() === word && isAsciiText(written); // U+017F has a capital that is ASCII
}

function parametersFrom(verb: 'MAIL' | 'RCPT', text: string, at: number, utf8: boolean): readonly Parameter[] | Fault {
  if (at === text.length) return NO_PARAMETERS;
  if (!text.startsWith(' ', at)) return unexpected('bad-path', text, at, 'SP or CRLF', SECTION[verb]);
  return readParameters(text, at + 1, utf8);
}

/**
 * RFC 4954 §4, §8: a SASL mechanism's name, and maybe an initial response. What is wrong with its base 64 is for the exchange to say.
 * Faults quote nothing behind the verb: it may be a password.
 */
function parseAuth(text: string): Command | Fault {
  const command = readAuth(text);
  return isFault(command) && command.found !== '' ? { ...command, found: '…' } : command;
}

function readAuth(text: string): Command | Fault {
  const missing = argumentMissing('AUTH', text, 'sasl-mech');
  if (missing !== undefined) return missing;
  const end = run(text, 5, GRAPHIC);
  if (end === 5 || end > 5 + LONGEST_MECHANISM) return unexpected('bad-argument', text, 5, 'sasl-mech', SECTION.AUTH);
  const mechanism = text.slice(5, end);
  if (end === text.length) return { verb: 'AUTH', mechanism };
  const last = run(text, end + 1, GRAPHIC);
  if (!text.startsWith(' ', end) || last === end + 1) return unexpected('bad-argument', text, end, 'SP initial-response', SECTION.AUTH);
  if (last < text.length) return fault('argument-not-allowed', text, last, 'CRLF', SECTION.AUTH);
  return { verb: 'AUTH', mechanism, initialResponse: text.slice(end + 1) };
}

const LONGEST_MECHANISM = 20; // characters, RFC 4422 §3.1

/** RFC 3030 §2: `BDAT SP chunk-size [SP "LAST"]`. */
function parseBdat(text: string): Command | Fault {
  const missing = argumentMissing('BDAT', text, 'chunk-size');
  if (missing !== undefined) return missing;
  const end = run(text, 5, DIGIT);
  const size = Number(text.slice(5, end));
  if (end === 5 || !Number.isSafeInteger(size)) return unexpected('bad-argument', text, 5, 'chunk-size', SECTION.BDAT);
  if (end === text.length) return { verb: 'BDAT', size, last: false };
  if (text.startsWith(' ', end) && hasWord(text, end + 1, 'LAST') && text.length === end + 5) return { verb: 'BDAT', size, last: true };
  return unexpected('bad-argument', text, end, '[SP "LAST"]', SECTION.BDAT);
}

/**
 * Returns the argument of VRFY, EXPN, HELP or NOOP.
 *
 * Choice: any printable text, although the grammar says `String = Atom / Quoted-string`. §3.5.1 wants `VRFY user@domain`, which is
 * neither, and §4.1.1.9 wants the argument of NOOP to be ignored; Postfix, Exim and Sendmail do not hold to String either.
 */
function parseText(verb: 'VRFY' | 'EXPN' | 'HELP' | 'NOOP', text: string, utf8: boolean): string | Fault {
  return argumentMissing(verb, text, 'String') ?? printable(text, 5, utf8, SECTION[verb]);
}

function printable(text: string, at: number, utf8: boolean, source: string): string | Fault {
  const end = run(text, at, PRINTABLE, utf8);
  return end === text.length ? text.slice(at) : unexpected('bad-argument', text, end, '%d32-126', source);
}
