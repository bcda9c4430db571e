// The `A:` lines of a transcript: what the application is told by the session, and what it says to it.
//
// `parseApplicationLine` and `formatApplicationLine` are each other's inverse: one space between words, spellings kept.
// A reply stands as on the wire, without its CRLF; one of several lines is as many `A:` lines, parted by `-` after the
// code (RFC 5321 §4.2). A character in a path that nobody would see is written as `\u{202e}`.

import { decodeLatin1, encodeAscii } from '../wire/ascii.ts';
import { isFault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../syntax/path.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { parseReplyLine } from '../syntax/reply.ts';
import { LENIENCIES, type LeniencyName } from '../protocol/leniency.ts';
import type { AbortReason, ServerQuestion, TransactionEnd, Unauthenticated } from '../protocol/server/action.ts';
import type { Outcome, Reason, Transaction } from '../protocol/client/action.ts';
import type { RecipientParameters } from '../protocol/mail.ts';
import { formatCredential, parseCredential } from '../protocol/sasl/credential.ts';
import { isRefusal, type AuthAnswer } from '../protocol/sasl/exchange.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { NOTICES, type NoticeName } from '../protocol/server/notice.ts';
import { ABORT_REPLIES, AUTH_FAILURES } from '../protocol/server/reply.ts';
import { formatMailParameters, formatRecipientParameters, parseMailParameters, parseRecipientParameters } from '../protocol/parameter-text.ts';
import { formatExact, parseExact, seen, unseen } from './exact.ts';

/** Whom a transcript is about: the session that is replayed, while the transcript plays its peer. */
export type Subject = 'server' | 'client';

/** Octets with the spelling that they have in the transcript. */
export interface Spelled {
  readonly text: string;
  readonly octets: Uint8Array;
}

export type ApplicationLine =
  | ({ readonly say: 'content' } & Spelled)
  // Of a server's application.
  | { readonly say: 'ask'; readonly about: ServerQuestion['about']; readonly detail: string | undefined }
  | { readonly say: 'accept'; readonly reply: string | undefined }
  | { readonly say: 'refuse'; readonly reply: string }
  | { readonly say: 'each'; readonly reply: string } // of the replies of LMTP, one for each recipient
  | { readonly say: 'next'; readonly reply: string } // likewise, of the next recipient alone
  | { readonly say: 'auth'; readonly answer: AuthAnswer }
  | { readonly say: 'data' }
  | { readonly say: 'start-tls' }
  | { readonly say: 'ended'; readonly how: TransactionEnd; readonly replied: boolean }
  | { readonly say: 'leniency'; readonly name: LeniencyName }
  | { readonly say: 'notice'; readonly name: NoticeName }
  | { readonly say: 'unauthenticated'; readonly reason: Unauthenticated['reason']; readonly authcid: string | undefined }
  | { readonly say: 'abort'; readonly reason: AbortReason | undefined } // undefined: a client's application gives up
  // Of a client's application.
  | { readonly say: 'mail'; readonly transaction: Transaction }
  | { readonly say: 'content ends' } | { readonly say: 'content lost' } | { readonly say: 'done' } | { readonly say: 'quit' }
  | OutcomeLine;

/** One line of the reply that became a recipient's outcome. */
interface OutcomeLine {
  readonly say: 'outcome';
  readonly forwardPath: string;
  readonly state: Outcome['state'];
  readonly reason: Reason | undefined;
  readonly inReplyTo: string | undefined;
  readonly reply: string;
}

/** How the lines of one first word are written, and read. */
interface Form {
  readonly grammar: string;
  readonly pattern: RegExp;
  readonly read: (groups: Readonly<Record<string, string | undefined>>) => ApplicationLine | undefined;
}

/** What may stand behind a question, as words for people. */
const QUESTIONS: Readonly<Record<ServerQuestion['about'], string>> = {
  client: '',
  helo: 'EHLO|HELO|LHLO DOMAIN',
  auth: 'password|credential|secret NAME, authority NAME as NAME, token [of NAME]',
  mail: 'REVERSE-PATH [PARAMETER…]',
  rcpt: 'FORWARD-PATH [PARAMETER…]',
  vrfy: 'TEXT',
  message: 'REVERSE-PATH to FORWARD-PATH… size=N',
};
const STATES = ['delivered', 'failed', 'deferred', 'unknown'] as const satisfies readonly Outcome['state'][];

const ENDS = ['accepted', 'refused', 'reset', 'peer-gone', 'timeout', 'shutdown', 'dropped'] as const satisfies readonly TransactionEnd[];

const FAILURES = [...keysOf(AUTH_FAILURES), 'cancelled'] as const satisfies readonly Unauthenticated['reason'][];

const PATH = String.raw`<(?:[^">]|"(?:[^"\\]|\\.)*")*>`; // a quoted local part may hold ">" and spaces
const ASKED = String.raw`(?: [A-Z0-9][A-Z0-9-]*(?:=[^\x00-\x20=\x7f]+)?)*`; // esmtp-params (RFC 6531 §3.3: above ASCII too)

const FORMS: Readonly<Record<Subject, Readonly<Record<string, Form>>>> = {
  server: {
    ask: { grammar: `ask ${Object.keys(QUESTIONS).join('|')} [DETAIL]`, pattern: /^ask (?<about>\w+)(?: (?<detail>.+))?$/s, read: readAsk },
    accept: { grammar: 'accept [REPLY of 2yz]', pattern: /^accept(?: (?<reply>2.+))?$/, read: readAccept },
    refuse: { grammar: 'refuse REPLY of 4yz or 5yz', pattern: /^refuse (?<reply>[45].+)$/, read: replying('refuse') },
    each: { grammar: 'each REPLY of 2yz, 4yz or 5yz', pattern: /^each (?<reply>[245].+)$/, read: replying('each') },
    next: { grammar: 'next REPLY of 2yz, 4yz or 5yz', pattern: /^next (?<reply>[245].+)$/, read: replying('next') },
    auth: { grammar: 'auth yes|no|unavailable|transition|too-weak|needs-tls|identity NAME|secret TEXT|credential SCRAM-SHA-256$…', pattern: /^auth (?<type>[\w-]+)(?: (?<value>.+))?$/, read: readAuth },
    data: { grammar: 'data', pattern: /^data$/, read: () => ({ say: 'data' }) },
    'start-tls': { grammar: 'start-tls', pattern: /^start-tls$/, read: () => ({ say: 'start-tls' }) },
    ended: { grammar: `ended ${ENDS.join('|')} [unheard]`, pattern: /^ended (?<how>[\w-]+)(?: (?<unheard>unheard))?$/, read: readEnded },
    leniency: { grammar: `leniency ${Object.keys(LENIENCIES).join('|')}`, pattern: /^leniency (?<name>\w+)$/, read: readLeniency },
    notice: { grammar: `notice ${Object.keys(NOTICES).join('|')}`, pattern: /^notice (?<name>.+)$/, read: readNotice },
    unauthenticated: { grammar: `unauthenticated ${FAILURES.join('|')} [NAME]`, pattern: /^unauthenticated (?<reason>[\w-]+)(?: (?<authcid>.+))?$/, read: readUnauthenticated },
    content: { grammar: 'content "…"', pattern: /^content "(?<text>.*)"$/, read: readContent },
    abort: { grammar: `abort ${Object.keys(ABORT_REPLIES).join('|')}`, pattern: /^abort (?<reason>.+)$/, read: readAbort },
  },
  client: {
    mail: {
      grammar: 'mail REVERSE-PATH [PARAMETER…] to FORWARD-PATH [PARAMETER…]… [size=N] [8bit] [followed] [content "…"]',
      pattern: new RegExp(String.raw`^mail (?<reverse>${PATH})(?<asked>${ASKED}) to (?<forward>${PATH}${ASKED}(?: ${PATH}${ASKED})*)(?: size=(?<size>0|[1-9]\d{0,14}))?(?<eightBit> 8bit)?(?<followed> followed)?(?: content "(?<text>.*)")?$`, 's'),
      read: readMail,
    },
    content: { grammar: 'content "…" or content ends or content lost', pattern: /^content (?:"(?<text>.*)"|(?<end>ends|lost))$/, read: readContent },
    outcome: {
      grammar: `outcome FORWARD-PATH ${STATES.join('|')} [(REASON)] [in reply to COMMAND:] REPLY`,
      pattern: new RegExp(String.raw`^outcome (?<path>${PATH}) (?<state>\w+)(?: \((?<reason>[^)]+)\))?(?: in reply to (?<inReplyTo>[^:]+):)? (?<reply>[245].+)$`, 's'),
      read: readOutcome,
    },
    'start-tls': { grammar: 'start-tls', pattern: /^start-tls$/, read: () => ({ say: 'start-tls' }) },
    done: { grammar: 'done', pattern: /^done$/, read: () => ({ say: 'done' }) },
    quit: { grammar: 'quit', pattern: /^quit$/, read: () => ({ say: 'quit' }) },
    abort: { grammar: 'abort', pattern: /^abort$/, read: () => ({ say: 'abort', reason: undefined }) },
  },
};

/** The line behind `A: ` as a value; or the grammar that it should have followed, as a string. */
export function parseApplicationLine(written: string, subject: Subject): ApplicationLine | string {
  const text = unseen(written);
  const forms = FORMS[subject];
  const word = /^[\w-]*/.exec(text)?.[0] ?? '';
  const form = Object.hasOwn(forms, word) ? forms[word] : undefined;
  if (form === undefined) return `one of ${Object.keys(forms).join(', ')}`;
  const match = form.pattern.exec(text);
  return (match && form.read(match.groups ?? {})) ?? form.grammar;
}

/** The line as it stands behind `A: `. */
export function formatApplicationLine(line: ApplicationLine): string {
  return seen(textOf(line));
}

function textOf(line: ApplicationLine): string {
  switch (line.say) {
    case 'content': return `content "${line.text}"`;
    case 'ask': return `ask ${line.about}${line.detail === undefined ? '' : ` ${line.detail}`}`;
    case 'accept': return line.reply === undefined ? 'accept' : `accept ${line.reply}`;
    case 'refuse': case 'each': case 'next': return `${line.say} ${line.reply}`;
    case 'auth': return `auth ${formatAnswer(line.answer)}`;
    case 'ended': return `ended ${line.how}${line.replied || !isConclusion(line.how) ? '' : ' unheard'}`;
    case 'leniency': case 'notice': return `${line.say} ${line.name}`;
    case 'unauthenticated': return `unauthenticated ${line.reason}${line.authcid === undefined ? '' : ` ${line.authcid}`}`;
    case 'abort': return line.reason === undefined ? 'abort' : `abort ${line.reason}`;
    case 'mail': {
      const { reversePath, forwardPaths, size, eightBit, followed, content, parameters = {}, recipientParameters = [] } = line.transaction;
      const paths = `${withWords(reversePath.text, formatMailParameters(parameters))} to ${forwardPaths.map(({ text }, at) => withWords(text, formatRecipientParameters(recipientParameters[at] ?? {}))).join(' ')}`;
      return `mail ${paths}${size === undefined ? '' : ` size=${size}`}${eightBit === true ? ' 8bit' : ''}${followed === true ? ' followed' : ''}${content === undefined ? '' : ` content "${formatExact(content)}"`}`;
    }
    case 'outcome': {
      const reason = line.reason === undefined ? '' : ` (${line.reason})`;
      const inReplyTo = line.inReplyTo === undefined ? '' : ` in reply to ${line.inReplyTo}:`;
      return `outcome ${line.forwardPath} ${line.state}${reason}${inReplyTo} ${line.reply}`;
    }
    case 'data': case 'start-tls': case 'content ends': case 'content lost': case 'done': case 'quit': return line.say;
    default: return line satisfies never;
  }
}

type Groups = Parameters<Form['read']>[0];

function readAsk({ about, detail }: Groups): ApplicationLine | undefined {
  const known = keysOf(QUESTIONS).find((one) => one === about);
  return known && { say: 'ask', about: known, detail };
}

function readAccept({ reply }: Groups): ApplicationLine | undefined {
  return reply === undefined || isReplyLine(reply) ? { say: 'accept', reply } : undefined;
}

/** Reads a word with a reply behind it. */
function replying(say: 'refuse' | 'each' | 'next'): Form['read'] {
  return ({ reply = '' }) => (isReplyLine(reply) ? { say, reply } : undefined);
}

function readAuth({ type, value = '' }: Groups): ApplicationLine | undefined {
  const answer = parseAnswer(type, value);
  return answer && { say: 'auth', answer };
}

function parseAnswer(type: string | undefined, value: string): AuthAnswer | undefined {
  switch (type) {
    case 'yes': return value === '' ? { type } : undefined;
    case 'no': case 'unavailable': case 'transition': case 'too-weak': case 'needs-tls': return value === '' ? { type } : { type, text: value };
    case 'identity': return value === '' ? undefined : { type, authcid: value };
    case 'secret': return /^[ -~]+$/.test(value) ? { type, secret: encodeAscii(value) } : undefined;
    case 'credential': {
      const credential = parseCredential(value);
      return 'type' in credential && credential.type === 'scram-sha-256' ? { type, credential } : undefined;
    }
    default: return undefined;
  }
}

function formatAnswer(answer: AuthAnswer): string {
  if (answer.type === 'no' || isRefusal(answer)) return answer.text === undefined ? answer.type : `${answer.type} ${answer.text}`;
  switch (answer.type) {
    case 'yes': return answer.type;
    case 'identity': return `identity ${answer.authcid}`;
    case 'secret': return `secret ${decodeLatin1(answer.secret)}`;
    case 'credential': return `credential ${formatCredential(answer.credential)}`;
    default: return answer satisfies never;
  }
}

function readEnded({ how, unheard }: Groups): ApplicationLine | undefined {
  const known = ENDS.find((one) => one === how);
  if (known === undefined || (unheard !== undefined && !isConclusion(known))) return undefined;
  return { say: 'ended', how: known, replied: isConclusion(known) && unheard === undefined };
}

/** The end of mail data was answered. */
function isConclusion(how: TransactionEnd): boolean {
  return how === 'accepted' || how === 'refused';
}

function readLeniency({ name }: Groups): ApplicationLine | undefined {
  const known = keysOf(LENIENCIES).find((one) => one === name);
  return known && { say: 'leniency', name: known };
}

function readNotice({ name }: Groups): ApplicationLine | undefined {
  const known = keysOf(NOTICES).find((one) => one === name);
  return known && { say: 'notice', name: known };
}

function readUnauthenticated({ reason, authcid }: Groups): ApplicationLine | undefined {
  const known = FAILURES.find((one) => one === reason);
  return known && { say: 'unauthenticated', reason: known, authcid };
}

function readAbort({ reason }: Groups): ApplicationLine | undefined {
  const known = keysOf(ABORT_REPLIES).find((one) => one === reason);
  return known && { say: 'abort', reason: known };
}

function readContent({ text, end }: Groups): ApplicationLine | undefined {
  if (text === undefined) return { say: end === 'ends' ? 'content ends' : 'content lost' };
  const octets = parseExact(text);
  return typeof octets === 'number' ? undefined : { say: 'content', text, octets };
}

function readMail({ reverse = '', asked = '', forward = '', size, eightBit, followed, text: spelled }: Groups): ApplicationLine | undefined {
  const reversePath = parseReversePath(reverse, UTF8);
  const forwardPaths: ForwardPath[] = [];
  const recipientParameters: RecipientParameters[] = [];
  for (const [, text = '', words = ''] of forward.matchAll(new RegExp(`(${PATH})(${ASKED})`, 'gs'))) {
    const path = parseForwardPath(text, UTF8);
    const parameters = parseRecipientParameters(words.trimStart());
    if (isFault(path) || formatRecipientParameters(parameters) !== words.trimStart()) return undefined;
    forwardPaths.push(path);
    recipientParameters.push(parameters);
  }
  const parameters = parseMailParameters(asked.trimStart());
  const content = spelled === undefined ? undefined : parseExact(spelled);
  if (isFault(reversePath) || formatMailParameters(parameters) !== asked.trimStart() || typeof content === 'number') return undefined;
  if (content !== undefined && spelled !== formatExact(content)) return undefined; // one spelling, so that it is written as it was read
  return {
    say: 'mail',
    transaction: {
      reversePath,
      forwardPaths,
      eightBit: eightBit !== undefined,
      followed: followed !== undefined,
      ...(size === undefined ? {} : { size: Number(size) }),
      ...(content === undefined ? {} : { content }),
      ...(asked === '' ? {} : { parameters }),
      ...(recipientParameters.every((each) => Object.keys(each).length === 0) ? {} : { recipientParameters }),
    },
  };
}

const UTF8 = { utf8: true };

/** A path with the parameters that were asked for behind it. */
export function withWords(text: string, words: string): string {
  return words === '' ? text : `${text} ${words}`;
}

function readOutcome({ path: forwardPath = '', state, reason, inReplyTo, reply = '' }: Groups): ApplicationLine | undefined {
  const known = { state: STATES.find((one) => one === state), reason: keysOf(REASONS).find((one) => one === reason) };
  if (known.state === undefined || known.reason !== reason || !isReplyLine(reply)) return undefined;
  return { say: 'outcome', forwardPath, state: known.state, reason: known.reason, inReplyTo, reply };
}

function isReplyLine(text: string): boolean {
  return !isFault(parseReplyLine(text));
}

/** The keys of a table, which are its own. */
function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[];
}
