// The queue's port: what the relay needs of whatever keeps its mail. `add` is the promise on which the 250 rests.

import type { MailParameters, RecipientParameters } from '../../protocol/mail.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';

/** What is known of a mail when it is handed to the queue. */
export interface NewMail {
  /** Given where adding the same mail twice must not make two of it (a notification, after a crash); never used again; else the queue makes one. */
  readonly id?: string;
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  /** What MAIL asked for, but for SIZE: what is stored is measured. */
  readonly parameters?: MailParameters;
  /** What RCPT asked for, one for each of `forwardPaths`. */
  readonly recipientParameters?: readonly RecipientParameters[];
}

/** What became of a recipient so far. `waiting` is tried again; the others are final. */
export interface RecipientState {
  readonly state: 'waiting' | 'delivered' | 'failed';
  /** The last reply as the server wrote it, or the verdict that stands for one, and the host that said it. */
  readonly reply?: Reply;
  readonly host?: string;
  /** An attempt has begun whose outcome is not known: it is under way, or was when the relay died, and the mail may have been taken (RFC 1047). */
  readonly unsettled?: { /** Which was asked; '' where that is not known. */ readonly host: string };
  /** The sender has been told of the delay. */
  readonly warned?: boolean;
}

/** A mail of the queue, as it is now. */
export interface QueuedMail {
  /** Letters, digits and hyphens; unique within the queue. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly arrival: number;
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  /** The same as they were written, where the queue has them so: for who only shows them. */
  readonly texts?: { readonly reversePath: string; readonly forwardPaths: readonly string[] };
  readonly parameters?: MailParameters;
  /** One for each of `forwardPaths`; absent where none had any. */
  readonly recipientParameters?: readonly RecipientParameters[];
  /** Octets of the content. */
  readonly size: number;
  /** The content holds octets above 0x7f (RFC 6152). */
  readonly eightBit: boolean;
  /** One for each of `forwardPaths`. */
  readonly recipients: readonly RecipientState[];
  /** When it is due, milliseconds since 1970. */
  readonly nextAttempt: number;
  /** The operator wants it kept, and not tried. Absent where the queue knows no such thing. */
  readonly held?: boolean;
  /** The operator wants it returned to its sender, as if its time were over. */
  readonly returned?: boolean;
}

/** What a relay needs of the store that keeps its mail: `add` makes a mail durable, and the rest says what becomes of it. What is optional is
 * asked for where it is there. */
export interface Queue {
  /** Every mail with a recipient that is not final. */
  mails(): Iterable<QueuedMail>;
  /** The mail, where it has a recipient that is not final. */
  mail(id: string): QueuedMail | undefined;
  /** Adds a mail. When this resolves it survives the loss of power; if `content` throws or this rejects, nothing was added. The octets must stay as they are from then on: `recent` may hand them back. */
  add(mail: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail>;
  /** The content, once for each call. Throws where there is no such mail. */
  content(id: string): AsyncIterable<Uint8Array>;
  /** The content of a mail that was just taken, where it is in memory still; once. */
  recent?(id: string): readonly Uint8Array[] | undefined;
  /** Records what became of recipients, and when the mail is due again. A mail without a waiting recipient is removed. Rejects where there is no such mail. What `mail` told of a recipient may be handed back, and is no news. */
  settle(id: string, recipients: readonly RecipientState[], nextAttempt: number): Promise<void>;
  /** Says that recipients, by their index, are about to be attempted, so that a crash before the outcome leaves them `unsettled`. Resolves when that survives the death of the process. */
  attempt?(id: string, recipients: readonly number[], host?: string): Promise<void>;
  /** `settle` and `add` of the notification about what became of recipients, as one: there is no state with only one of them. */
  bounce?(id: string, recipients: readonly RecipientState[], nextAttempt: number, notification: NewMail, content: AsyncIterable<Uint8Array>): Promise<QueuedMail>;
  /** Keeps a mail from being tried, or lets it go on. */
  hold?(id: string, held: boolean): Promise<void>;
  /** Says that a mail is to be returned to its sender, by whoever relays. */
  giveUp?(id: string): Promise<void>;
  /** Removes a mail; nobody is told. */
  remove?(id: string): Promise<void>;
  /** Tells whether a mail of so many octets can be taken without filling the disk (452 4.3.1 where not). */
  roomFor?(octets: number): boolean;
  /** Gives the queue free for another process. */
  close(): Promise<void>;
}
