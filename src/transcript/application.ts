// The `A:` lines of a transcript: what the application is told by the session, and what it says to it.
//
// `parseApplicationLine` and `formatApplicationLine` are each other's inverse: one space between words, spellings kept.
// A reply stands as on the wire, without its CRLF; one of several lines is as many `A:` lines, parted by `-` after the
// code (RFC 5321 §4.2).

import { isFault } from '../syntax/fault.ts';
import { parseForwardPath, parseReversePath } from '../syntax/path.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { parseReplyLine } from '../syntax/reply.ts';
import type { AbortReason, ServerQuestion } from '../protocol/server/action.ts';
import type { Outcome, Reason, Transaction } from '../protocol/client/action.ts';
import { parseExact } from './exact.ts';

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
  | { readonly say: 'data' }
  | { readonly say: 'abort'; readonly reason: AbortReason | undefined } // undefined: a client's application gives up
  // Of a client's application.
  | { readonly say: 'mail'; readonly transaction: Transaction }
  | { readonly say: 'content ends' } | { readonly say: 'content lost' } | { readonly say: 'done' } | { readonly say: 'quit' }
  | { readonly say: 'outcome'; readonly forwardPath: string; readonly state: Outcome['state']; readonly reason: Reason | undefined; readonly inReplyTo: string | undefined; readonly reply: string };

/** How the lines of one first word are written, and read. */
interface Form {
  readonly grammar: string;
  readonly pattern: RegExp;
  readonly read: (groups: Readonly<Record<string, string | undefined>>) => ApplicationLine | undefined;
}

const QUESTIONS = ['client', 'helo', 'mail', 'rcpt', 'vrfy', 'message'] as const satisfies readonly ServerQuestion['about'][];
const ABORTS = ['bare-lf', 'bare-cr', 'text-line-too-long', 'too-much-mail-data', 'timeout', 'peer-gone', 'shutdown'] as const satisfies readonly AbortReason[];
const STATES = ['delivered', 'failed', 'deferred', 'unknown'] as const satisfies readonly Outcome['state'][];
const REASONS = ['no-connection', 'connection-lost', 'timeout', 'bad-reply', 'bad-content', 'content-lost', '8bit-not-offered', 'size-not-accepted', 'aborted'] as const satisfies readonly Reason[];

const PATH = String.raw`<(?:[^">]|"(?:[^"\\]|\\.)*")*>`; // a quoted local part may hold ">" and spaces

const FORMS: Readonly<Record<Subject, Readonly<Record<string, Form>>>> = {
  server: {
    ask:     { grammar: `ask ${QUESTIONS.join('|')} [DETAIL]`, pattern: /^ask (?<about>\w+)(?: (?<detail>.+))?$/, read: readAsk },
    accept:  { grammar: 'accept [REPLY]',                      pattern: /^accept(?: (?<reply>.+))?$/, read: ({ reply }) => (reply === undefined || isReplyLine(reply, '2') ? { say: 'accept', reply } : undefined) },
    refuse:  { grammar: 'refuse REPLY',                        pattern: /^refuse (?<reply>.+)$/, read: ({ reply = '' }) => (isReplyLine(reply, '45') ? { say: 'refuse', reply } : undefined) },
    data:    { grammar: 'data',                                pattern: /^data$/, read: () => ({ say: 'data' }) },
    content: { grammar: 'content "…"',                         pattern: /^content "(?<text>.*)"$/, read: readContent },
    abort:   { grammar: `abort ${ABORTS.join('|')}`,           pattern: /^abort (?<reason>.+)$/, read: readAbort },
  },
  client: {
    mail:    { grammar: 'mail REVERSE-PATH to FORWARD-PATH… [size=N] [8bit]', pattern: new RegExp(`^mail (?<reverse>${PATH}) to (?<forward>${PATH}(?: ${PATH})*)(?: size=(?<size>0|[1-9]\\d{0,14}))?(?<eightBit> 8bit)?$`), read: readMail },
    content: { grammar: 'content "…" or content ends or content lost', pattern: /^content (?:"(?<text>.*)"|(?<end>ends|lost))$/, read: readContent },
    outcome: { grammar: `outcome FORWARD-PATH ${STATES.join('|')} [(REASON)] [in reply to COMMAND:] REPLY`, pattern: new RegExp(`^outcome (?<path>${PATH}) (?<state>\\w+)(?: \\((?<reason>[^)]+)\\))?(?: in reply to (?<inReplyTo>[^:]+):)? (?<reply>\\d.*)$`), read: readOutcome },
    done:    { grammar: 'done',                                pattern: /^done$/, read: () => ({ say: 'done' }) },
    quit:    { grammar: 'quit',                                pattern: /^quit$/, read: () => ({ say: 'quit' }) },
    abort:   { grammar: 'abort',                               pattern: /^abort$/, read: () => ({ say: 'abort', reason: undefined }) },
  },
};

/** The line behind `A: ` as a value; or the grammar that it should have followed, as a string. */
export function parseApplicationLine(text: string, subject: Subject): ApplicationLine | string {
  const forms = FORMS[subject];
  const word = /^\w*/.exec(text)?.[0] ?? '';
  const form = Object.hasOwn(forms, word) ? forms[word] : undefined;
  if (form === undefined) return `one of ${Object.keys(forms).join(', ')}`;
  const match = form.pattern.exec(text);
  return (match && form.read(match.groups ?? {})) ?? form.grammar;
}

/** The line as it stands behind `A: `. */
export function formatApplicationLine(line: ApplicationLine): string {
  switch (line.say) {
    case 'content': return `content "${line.text}"`;
    case 'ask': return `ask ${line.about}${line.detail === undefined ? '' : ` ${line.detail}`}`;
    case 'accept': return line.reply === undefined ? 'accept' : `accept ${line.reply}`;
    case 'refuse': return `refuse ${line.reply}`;
    case 'abort': return line.reason === undefined ? 'abort' : `abort ${line.reason}`;
    case 'mail': {
      const { reversePath, forwardPaths, size, eightBit } = line.transaction;
      const paths = `${reversePath.text} to ${forwardPaths.map(({ text }) => text).join(' ')}`;
      return `mail ${paths}${size === undefined ? '' : ` size=${size}`}${eightBit === true ? ' 8bit' : ''}`;
    }
    case 'outcome': {
      const reason = line.reason === undefined ? '' : ` (${line.reason})`;
      const inReplyTo = line.inReplyTo === undefined ? '' : ` in reply to ${line.inReplyTo}:`;
      return `outcome ${line.forwardPath} ${line.state}${reason}${inReplyTo} ${line.reply}`;
    }
    case 'data': case 'content ends': case 'content lost': case 'done': case 'quit': return line.say;
    default: return line satisfies never;
  }
}

type Groups = Parameters<Form['read']>[0];

function readAsk({ about, detail }: Groups): ApplicationLine | undefined {
  const question = QUESTIONS.find((known) => known === about);
  return question && { say: 'ask', about: question, detail };
}

function readAbort({ reason }: Groups): ApplicationLine | undefined {
  const known = ABORTS.find((one) => one === reason);
  return known && { say: 'abort', reason: known };
}

function readContent({ text, end }: Groups): ApplicationLine | undefined {
  if (text === undefined) return { say: end === 'ends' ? 'content ends' : 'content lost' };
  const octets = parseExact(text);
  return typeof octets === 'number' ? undefined : { say: 'content', text, octets };
}

function readMail({ reverse = '', forward = '', size, eightBit }: Groups): ApplicationLine | undefined {
  const reversePath = parseReversePath(reverse);
  const forwardPaths: ForwardPath[] = [];
  for (const [text] of forward.matchAll(new RegExp(PATH, 'g'))) {
    const path = parseForwardPath(text);
    if (isFault(path)) return undefined;
    forwardPaths.push(path);
  }
  if (isFault(reversePath)) return undefined;
  const transaction = { reversePath, forwardPaths, eightBit: eightBit !== undefined };
  return { say: 'mail', transaction: size === undefined ? transaction : { ...transaction, size: Number(size) } };
}

function readOutcome({ path: forwardPath = '', state, reason, inReplyTo, reply = '' }: Groups): ApplicationLine | undefined {
  const known = { state: STATES.find((one) => one === state), reason: REASONS.find((one) => one === reason) };
  if (known.state === undefined || known.reason !== reason || !isReplyLine(reply, '245')) return undefined;
  return { say: 'outcome', forwardPath, state: known.state, reason: known.reason, inReplyTo, reply };
}

/** Whether the text is a line of a reply of one of the classes. */
function isReplyLine(text: string, classes: string): boolean {
  return classes.includes(text.charAt(0)) && !isFault(parseReplyLine(text));
}
