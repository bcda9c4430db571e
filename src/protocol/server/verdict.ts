// Verdicts: what a hook answers, as values. The types tie the reply code to the enhanced code: `refuse(552, '4.3.1', …)`
// does not compile.

import { shown, UsageError } from '../../wire/usage.ts';
import { isConsistent, isReply, reply } from '../../syntax/reply.ts';
import type { EnhancedFor, Reply, ReplyCode } from '../../syntax/reply.ts';
import type { ServerQuestion } from './action.ts';
import { REPLIES } from './reply.ts';

/** Reply codes that refuse: 4yz and 5yz (RFC 5321 §4.2.1). */
export type RefusalCode = Exclude<ReplyCode, 211 | 214 | 220 | 221 | 235 | 250 | 251 | 252 | 334 | 354>;

/** The answer to a question of a `ServerSession`, or what a hook answers; the text of an acceptance replaces the default one, the codes stay. */
export type Verdict = { readonly type: 'accept'; readonly text?: string } | { readonly type: 'refuse'; readonly reply: Reply };

/** Goes on as the RFC has it, with `text` in the reply. Throws UsageError for what is no text. */
export function accept(text?: string): Verdict {
  if (text !== undefined && typeof text !== 'string') throw new UsageError(`the text of an acceptance is text, not ${shown(text)}`);
  return text === undefined ? { type: 'accept' } : { type: 'accept', text };
}

/** Refuses with a reply of 4yz or 5yz, whose enhanced code has the same class. Throws UsageError where it is not so, as a program without types can have it. */
export function refuse<Code extends RefusalCode>(code: Code, enhanced: EnhancedFor<Code>, text: string): Verdict {
  if (typeof text !== 'string') throw new UsageError(`refuse takes a text behind the codes, such as "no such user", not ${shown(text)}`);
  if (typeof code !== 'number' || !/^([45])\d\d \1\.\d{1,3}\.\d{1,3}$/.test(`${code} ${enhanced}`)) throw new UsageError(`refuse takes a code of 4yz or 5yz and an enhanced code of the same class, such as 550 and "5.1.1", not ${shown(code)} and ${shown(enhanced)}`);
  return { type: 'refuse', reply: reply(code, enhanced, text) };
}

/** Accepts a mail that a queue has made durable: the reply names the entry. Throws UsageError for anything else: nobody would have said that the mail is durable. */
export function committed(entry: { readonly id: string }): Verdict {
  if (typeof entry?.id !== 'string' || entry.id === '') throw new UsageError('committed takes the entry of a queue, which has an id');
  return accept(`queued as ${entry.id}`);
}

/** The reply that an acceptance of each question is answered with; its codes stand also where the text is another. */
const ACCEPTANCES: Readonly<Record<ServerQuestion['about'], Reply>> = {
  client: REPLIES['banner'],
  helo: REPLIES['hello'],
  auth: REPLIES['authenticated'],
  mail: REPLIES['sender ok'],
  rcpt: REPLIES['recipient ok'],
  vrfy: { ...REPLIES['not verified'], code: 250, enhanced: '2.1.5' }, // §3.5.3: a text of the application's is a mailbox
  message: REPLIES['mail ok'],
};

/** The reply that an acceptance asks for; undefined: the default one. */
export function acceptance(about: ServerQuestion['about'], text: string | undefined): Reply | undefined {
  return text === undefined ? undefined : { ...ACCEPTANCES[about], lines: [text] };
}

/** The reply that a verdict on one recipient of LMTP is. */
export function replyOf(verdict: Verdict): Reply {
  return verdict.type === 'refuse' ? verdict.reply : (acceptance('message', verdict.text) ?? REPLIES['mail ok']);
}

/** Whether it is a list of them. */
export function isList(verdict: Verdict | readonly Verdict[] | undefined | void): verdict is readonly Verdict[] {
  return Array.isArray(verdict);
}

/** Whether it can be told, and refuses where it says so, whatever its type promised: programs without types may answer anything. */
export function isVerdict(verdict: Verdict | undefined | void): boolean {
  if (verdict?.type === 'accept') return verdict.text === undefined || typeof verdict.text === 'string';
  if (verdict?.type !== 'refuse') return false;
  return isReply(verdict.reply) && verdict.reply.code >= 400 && isConsistent(verdict.reply);
}

/** Whether it is what `refuse()` makes, whatever its type promised. */
export function isRefusal(verdict: Verdict): boolean {
  return isVerdict(verdict) && verdict.type === 'refuse';
}
