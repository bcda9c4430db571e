// Makes the mail that tells the sender what became of a mail (relay/notification.ts), from the queue in which that waits.
//
// Rule 1: the same news of the same recipients have the same id, so that a notification is added once, whatever crash comes
//         between; and other news another, so that no report is taken for one that went before.
// Rule 2: content that has decayed keeps nobody from being told: what is returned of it is nothing then.
// Departs: `<postmaster>` is reported as postmaster of this host, though RFC 3464 §2.3.2 wants the address as it came: one of the type
// rfc822 has a domain.

import { admit, type Admission } from '../relay/admission.ts';
import { formatNotification, LONGEST_HEADER, mayNotify, mostReturned, notificationEnvelope, returnsContent } from '../relay/notification.ts';
import { outgoingForwardPath } from '../relay/outgoing.ts';
import type { Queue, QueuedMail } from '../relay/queue/port.ts';
import type { Action, ReportedRecipient } from '../relay/report.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { formatOriginalRecipient } from '../protocol/parameter-value.ts';
import { OWN_VERDICTS } from '../relay/own-verdict.ts';
import { statusOf, type Reply } from '../syntax/reply.ts';
import { concat, EMPTY } from '../wire/octet.ts';
import { encodeXtext } from '../wire/xtext.ts';
import { lookedUp } from './ascii-path.ts';
import type { News } from './conclusion.ts';
import { shortageOf } from './disk.ts';
import type { Maildir } from './maildir.ts';
import { contentOf } from './queue-answer.ts';
import type { NotificationMail } from './recorder.ts';

export interface NotifierOptions {
  readonly hostname: string;
  readonly queue: Pick<Queue, 'content'>;
  /** Where notifications to accepted domains go. */
  readonly maildir?: Maildir | undefined;
  readonly admission: Admission;
  /** The age, in milliseconds, at which mail is given up. */
  readonly expire: number;
}

/** What is said of a recipient where nobody has said anything. */
const BY_DEFAULT: Readonly<Record<Action, Reply>> = {
  failed:    OWN_VERDICTS['local-failure'].reply,
  delayed:   REASONS['no-connection'].reply,
  delivered: { code: 250, enhanced: '2.0.0', lines: ['in the mailbox'] },
  relayed:   { code: 250, enhanced: '2.0.0', lines: ['taken by the next host'] },
  expanded:  { code: 250, enhanced: '2.0.0', lines: ['taken for several addresses'] },
};

/** Makes a notification; undefined where there is nobody to tell. Into a Maildir it is delivered at once. */
export async function notify(mail: QueuedMail, news: readonly News[], { hostname, queue, maildir, admission, expire }: NotifierOptions): Promise<NotificationMail | undefined> {
  const { reversePath, forwardPaths, parameters = {}, recipientParameters, arrival } = mail;
  const [first] = news;
  if (!mayNotify(reversePath) || first === undefined) return undefined;
  const id = `${mail.id}-${first.recipient}${first.action === 'delayed' ? '-d' : ''}`;
  const date = Date.now();
  const failed = news.filter(({ action }) => action === 'failed').map(({ state: { reply = BY_DEFAULT.failed } }) => reply);
  const whole = failed.length > 0 && returnsContent(parameters, mail.size, forwardPaths.length, failed);
  const content = await read(() => contentOf(queue, mail.id), whole ? Infinity : LONGEST_HEADER).catch((error: unknown) => {
    if (shortageOf(error) !== undefined) throw error; // in a while there is more
    return EMPTY;
  });
  const octets = formatNotification({
    id,
    reportingMta: hostname,
    sender: reversePath,
    arrival,
    date,
    ...(parameters.envelopeId === undefined ? {} : { envelopeId: encodeXtext(parameters.envelopeId) }),
    recipients: news.flatMap(({ recipient, action, state, said, tried }): readonly ReportedRecipient[] => {
      const { reply = BY_DEFAULT[action], host } = said ?? state;
      const forwardPath = forwardPaths[recipient];
      const original = recipientParameters?.[recipient]?.originalRecipient;
      if (forwardPath === undefined) return [];
      return [{
        forwardPath: outgoingForwardPath(forwardPath, hostname),
        action,
        reply,
        ...(said === undefined || state.reply === undefined ? {} : { status: statusOf(state.reply) }),
        ...(tried === undefined ? {} : { lastAttempt: tried }),
        willRetryUntil: arrival + expire,
        ...(host === undefined ? {} : { host }),
        ...(original === undefined ? {} : { originalRecipient: formatOriginalRecipient(original) }),
      }];
    }),
    original: { header: content, most: mostReturned(forwardPaths.length), ...(whole && content.length > 0 ? { content } : {}) },
  });
  const again = async function* (): AsyncGenerator<Uint8Array, void> {
    yield octets;
  };
  const envelope = notificationEnvelope(reversePath, parameters);
  if (maildir !== undefined && admit(admission, '', lookedUp(reversePath)) === 'local') {
    await maildir.deliver(envelope.reversePath, again());
    return { id };
  }
  return { id, queue: { mail: { id, ...envelope }, content: again } };
}

/** Returns the content, as far as so many octets go and a little. */
async function read(content: () => AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const octets of content()) {
    pieces.push(octets);
    size += octets.length;
    if (size >= most) break;
  }
  return concat(pieces);
}
