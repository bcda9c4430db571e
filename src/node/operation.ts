// What an operator can do with the queue: look at it, and say of a mail that it is to be tried now, held, released, removed or
// returned. The same on a queue whose relay runs (control.ts) and on one that nobody has open (cli/queue.ts).
//
// Rule 1: an order is durable before it is said to be done.
// Rule 2: of several mails each has its own answer; that one is not there keeps none of the others from theirs.
// Rule 3: what is told is data that JSON can hold: times as ISO 8601, octets that are not UTF-8 as `\xHH`.
// Rule 4: the log of a relay that runs tells what was ordered: no mail goes, or stays, without a word.

import type { QueuedMail, RecipientState } from '../relay/queue/port.ts';
import { formatMailParameters, formatRecipientParameters } from '../protocol/parameter-text.ts';
import { decodeLatin1 } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import { inOneLine } from './conclusion.ts';
import { errorText } from './error-text.ts';
import type { Journal } from './journal.ts';
import type { Log } from './log.ts';

export const ORDERS = ['show', 'retry', 'hold', 'release', 'remove', 'bounce'] as const;
export type OrderName = (typeof ORDERS)[number];

/** What is asked for: all mails, or something about some of them. */
export type Request = { readonly command: 'list' } | { readonly command: OrderName; readonly ids: readonly string[] };

/** A mail as it is told. */
export interface MailRow {
  readonly id: string;
  readonly from: string;
  readonly arrival: string;
  readonly size: number;
  /** `sending`: an attempt is under way. */
  readonly state: 'waiting' | 'sending' | 'held' | 'returned';
  /** When it is tried next, unless it is held. */
  readonly next: string;
  readonly recipients: readonly RecipientRow[];
  readonly parameters?: string;
  /** With `show`: the header of the content; of a very long one its first lines. */
  readonly header?: string;
  readonly headerCut?: true;
  /** With `show`: why the content, and so its header, cannot be read. */
  readonly unreadable?: string;
}

export interface RecipientRow {
  readonly to: string;
  readonly state: RecipientState['state'];
  /** What was said last, and by whom; absent: nobody has said anything. */
  readonly reply?: string;
  readonly host?: string;
  /** An attempt began of whose outcome nothing is known; of whom, where that is known. */
  readonly unsettled?: string;
  /** The sender has been told of the delay. */
  readonly warned?: true;
  /** The destination is dead: it could not be reached with this mail or with others, and one of them is to try it again. */
  readonly dead?: true;
  readonly parameters?: string;
}

export type Answer = { readonly mail: MailRow } | { readonly done: Done } | { readonly unknown: string };

export interface Done {
  readonly id: string;
  readonly what: OrderName;
  /** With `retry`: all who wait for it are being tried already. */
  readonly trying?: true;
}

/** What a relay that runs does about orders; nothing where none runs. */
export interface RunningRelay {
  /** Tries a mail now; false: all who wait for it are being tried already. */
  retry(id: string): boolean;
  /** Returns a mail to its sender. */
  giveUp(id: string): void;
  isTrying(id: string): boolean;
  /** When it is tried next; undefined: not known. Later than when it is due while its destination is dead. */
  nextAttempt(id: string): number | undefined;
  /** Recipients of it, by index, whose destination is dead. */
  behindDead(id: string): ReadonlySet<number>;
}

const NOBODY: RunningRelay = { retry: () => true, giveUp: () => undefined, isTrying: () => false, nextAttempt: () => undefined, behindDead: () => new Set() };

/** What the log calls an order; the others it tells as what the relay makes of them, `retry` and `failed`. */
const EVENTS: { readonly [order in OrderName]?: string } = { hold: 'held', remove: 'removed' };

/** Orders that are under way at a time: they share syncs. */
const AT_A_TIME = 100;

/** Does what is asked for; yields the answers. */
export async function* operate(journal: Journal, request: Request, relaying: RunningRelay = NOBODY, log: Log = () => undefined): AsyncGenerator<Answer, void> {
  if (request.command === 'list') {
    for (const mail of journal.mails()) yield { mail: rowOf(mail, relaying) };
    return;
  }
  const { command, ids } = request;
  const many = command === 'show' ? 1 : AT_A_TIME; // a header may be long
  for (let at = 0; at < ids.length; at += many) {
    const answers = ids.slice(at, at + many).map((id) => answerAbout(journal, id, command, relaying, log));
    for (const answer of answers) answer.catch(() => undefined); // the first that fails is told
    for (const answer of answers) yield await answer;
  }
}

function waitingOf({ forwardPaths, recipients }: QueuedMail): string {
  return forwardPaths.filter((_, recipient) => recipients[recipient]?.state === 'waiting').map(({ text }) => text).join(',');
}

async function answerAbout(journal: Journal, id: string, what: OrderName, relaying: RunningRelay, log: Log): Promise<Answer> {
  const mail = journal.mail(id);
  if (mail === undefined) return { unknown: id };
  const to = waitingOf(mail);
  let begun: boolean | void;
  try {
    if (what === 'show') return { mail: { ...rowOf(mail, relaying), ...(await shownOf(journal, id)) } };
    begun = await order(journal, mail, what, relaying);
  } catch (error) {
    if (journal.mail(id) !== undefined) throw error;
    return { unknown: id }; // it was done with meanwhile
  }
  const event = EVENTS[what];
  if (event !== undefined) log(event, { id, to });
  return { done: { id, what, ...(what === 'retry' && begun === false ? { trying: true } : {}) } };
}

/** False: there was nothing to be begun. */
async function order(journal: Journal, { id, recipients, held, returned }: QueuedMail, what: Exclude<OrderName, 'show'>, relaying: RunningRelay): Promise<boolean | void> {
  switch (what) {
    case 'hold': return journal.hold(id, true);
    case 'release':
      await journal.hold(id, false);
      return relaying.retry(id);
    case 'retry':
      if (held === true || returned === true) await journal.hold(id, false);
      await journal.settle(id, recipients, Date.now()); // for the next start, where no relay runs
      await journal.flush();
      return relaying.retry(id);
    case 'remove': return journal.remove(id);
    case 'bounce':
      await journal.giveUp(id);
      return relaying.giveUp(id);
    default: what satisfies never;
  }
}

/** Returns what the operator is told of a mail. */
export function rowOf(mail: QueuedMail, relaying: Pick<RunningRelay, 'isTrying' | 'nextAttempt' | 'behindDead'> = NOBODY): MailRow {
  const { id, arrival, size, nextAttempt, recipients, parameters = {}, recipientParameters, held, returned } = mail;
  const { reversePath, forwardPaths } = mail.texts ?? { reversePath: mail.reversePath.text, forwardPaths: mail.forwardPaths.map(({ text }) => text) }; // to make values of text, and text of them, is half of what a row costs
  const behindDead = relaying.behindDead(id);
  const texts = recipientParameters?.map(formatRecipientParameters);
  return {
    id,
    from: reversePath,
    arrival: new Date(arrival).toISOString(),
    size,
    state: relaying.isTrying(id) ? 'sending' : held === true ? 'held' : returned === true ? 'returned' : 'waiting',
    next: new Date(relaying.nextAttempt(id) ?? nextAttempt).toISOString(),
    ...optional('parameters', formatMailParameters(parameters)),
    recipients: forwardPaths.map((to, recipient) => {
      const { state = 'waiting', reply, host, unsettled, warned } = recipients[recipient] ?? {};
      return {
        to,
        state,
        ...(reply === undefined ? {} : { reply: inOneLine(reply) }),
        ...(host === undefined ? {} : { host }),
        ...(unsettled === undefined ? {} : { unsettled: unsettled.host }),
        ...(warned === true ? { warned } : {}),
        ...(behindDead.has(recipient) ? { dead: true } : {}),
        ...optional('parameters', texts?.[recipient] ?? ''),
      };
    }),
  };
}

function optional(name: 'parameters', text: string): { readonly parameters?: string } {
  return text === '' ? {} : { [name]: text };
}

/** Octets of a header that are shown. */
const LONGEST_HEADER = 65_536;

/** Returns the header, or why there is none to be shown. */
async function shownOf(journal: Journal, id: string): Promise<Pick<MailRow, 'header' | 'headerCut' | 'unreadable'>> {
  try {
    return await headerOf(journal, id);
  } catch (error) {
    if (journal.mail(id) === undefined) throw error;
    return { unreadable: errorText(error) };
  }
}

async function headerOf(journal: Journal, id: string): Promise<Pick<MailRow, 'header' | 'headerCut'>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const octets of journal.content(id)) {
    pieces.push(octets);
    size += octets.length;
    if (size > LONGEST_HEADER) break;
  }
  const beginning = concat(pieces).subarray(0, LONGEST_HEADER);
  const latin1 = decodeLatin1(beginning);
  const end = latin1.startsWith('\r\n') ? 0 : latin1.indexOf('\r\n\r\n') + 2;
  const cut = end === 1 && size > LONGEST_HEADER;
  const lines = cut ? latin1.lastIndexOf('\r\n') + 2 : end; // 1: there is no such line end
  const header = lines === 1 ? beginning : beginning.subarray(0, lines);
  return { header: decodeUtf8(header) ?? decodeLatin1(header).replace(/[\x80-\xff]/g, (octet) => `\\x${octet.charCodeAt(0).toString(16)}`), ...(cut ? { headerCut: true } : {}) };
}
