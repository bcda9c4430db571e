// What a queue answers, looked at before anything rests on it: whatever an embedder has put behind the port, the mails in it were
// acknowledged. What it throws is for whoever asks, and for the log.

import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import { shown, UsageError } from '../wire/usage.ts';
import { isIterable } from './content-source.ts';
import { atOnce } from './hook-call.ts';

/** Every mail with a recipient that is not final, as far as the queue tells; `wrong` is told why it does not. */
export function* mailsOf(queue: Pick<Queue, 'mails'>, wrong: (error: unknown) => void): Generator<QueuedMail, void> {
  try {
    const mails: unknown = atOnce('mails of the queue', queue.mails());
    if (!isIterable(mails) || !(Symbol.iterator in mails)) throw new UsageError(`mails of the queue must return an iterable of mails, not ${shown(mails)}`);
    for (const mail of mails as Iterable<unknown>) {
      if (isMail(mail)) yield mail;
      else wrong(noMail('mails', mail));
    }
  } catch (error) {
    wrong(error);
  }
}

/** The mail, where it has a recipient that is not final. */
export function mailOf(queue: Pick<Queue, 'mail'>, id: string): QueuedMail | undefined {
  const mail: unknown = atOnce('mail of the queue', queue.mail(id)) ?? undefined; // a database may say null
  if (mail !== undefined && !isMail(mail)) throw noMail('mail', mail);
  return mail;
}

/** The mail that `add` or `bounce` has resolved with. */
export function queuedBy(name: 'add' | 'bounce', mail: unknown): QueuedMail {
  if (!isMail(mail)) throw new UsageError(`${name} of the queue must resolve with the mail, which nobody knows to be kept otherwise`);
  return mail;
}

export function contentOf(queue: Pick<Queue, 'content'>, id: string): AsyncIterable<Uint8Array> {
  const content: unknown = atOnce('content of the queue', queue.content(id));
  if (!isIterable(content)) throw new UsageError(`content of the queue must return an async iterable of octets, not ${shown(content)}`);
  return content as AsyncIterable<Uint8Array>; // whether they are octets is found out where they are used
}

/** The content of a mail that was just taken, where it is in memory still. */
export function recentOf(queue: Pick<Queue, 'recent'>, id: string): readonly Uint8Array[] | undefined {
  const recent: unknown = atOnce('recent of the queue', queue.recent?.(id)) ?? undefined;
  if (recent !== undefined && !Array.isArray(recent)) throw new UsageError(`recent of the queue must return a list of octets, or undefined, not ${shown(recent)}`);
  return recent;
}

/** Whether a mail of so many octets can be taken; a queue that does not know takes all. */
export function hasRoom(queue: Pick<Queue, 'roomFor'>, octets: number): boolean {
  return atOnce('roomFor of the queue', queue.roomFor?.(octets)) !== false;
}

function noMail(name: 'mails' | 'mail', mail: unknown): UsageError {
  return new UsageError(`${name} of the queue must return a mail as "add" resolves with, not ${shown(mail)}`);
}

/** As far as the relay could not go on without it; `checkQueue` tells more of a store. The paths are not looked at: who keeps them as text makes them when they are. */
function isMail(value: unknown): value is QueuedMail {
  if (typeof value !== 'object' || value === null || !('reversePath' in value && 'forwardPaths' in value)) return false;
  const { id, arrival, nextAttempt, recipients } = value as Readonly<Partial<Record<keyof QueuedMail, unknown>>>; // what they are is found out here
  return typeof id === 'string' && Number.isFinite(arrival) && Number.isFinite(nextAttempt) && Array.isArray(recipients);
}
