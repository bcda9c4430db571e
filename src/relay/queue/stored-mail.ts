// A mail of the journal as the relay sees it. It is kept as text and made into values when somebody asks: a hundred thousand
// waiting mails are little memory, and few of them are looked at in any minute.

import type { MailParameters, RecipientParameters } from '../../protocol/mail.ts';
import { parseMailParameters, parseRecipientParameters } from '../../protocol/parameter-text.ts';
import { isFault } from '../../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../syntax/path.ts';
import { ORDERS, type StoredEnvelope } from './fact.ts';
import type { MailState } from './fold.ts';
import type { QueuedMail, RecipientState } from './port.ts';

const UTF8 = { utf8: true };
const NULL_PATH: ReversePath = { type: 'null', text: '<>', key: '' };

/** What is known of a mail at one moment. */
export class StoredMail implements QueuedMail {
  readonly id: string;
  readonly arrival: number;
  readonly size: number;
  readonly eightBit: boolean;
  readonly recipients: readonly RecipientState[];
  readonly nextAttempt: number;
  readonly held: boolean;
  readonly returned: boolean;
  readonly #envelope: StoredEnvelope;
  // Made once somebody has asked:
  #reversePath: ReversePath | undefined;
  #forwardPaths: readonly ForwardPath[] | undefined;

  /** `paths`: those that the text of the envelope is, where somebody knows them already. */
  constructor(envelope: StoredEnvelope, { recipients, next, held }: MailState, paths?: Pick<QueuedMail, 'reversePath' | 'forwardPaths'>) {
    this.id = envelope.id;
    this.arrival = envelope.arrival;
    this.size = envelope.size;
    this.eightBit = envelope.eightBit;
    this.recipients = recipients;
    this.nextAttempt = next.value;
    const order = ORDERS[held.value];
    this.held = order === 'hold';
    this.returned = order === 'return';
    this.#envelope = envelope;
    this.#reversePath = paths?.reversePath;
    this.#forwardPaths = paths?.forwardPaths;
  }

  get reversePath(): ReversePath {
    return (this.#reversePath ??= reversePathOf(this.#envelope));
  }

  get forwardPaths(): readonly ForwardPath[] {
    return (this.#forwardPaths ??= forwardPathsOf(this.#envelope));
  }

  get texts(): Required<QueuedMail>['texts'] {
    return this.#envelope;
  }

  get parameters(): MailParameters {
    return parseMailParameters(this.#envelope.parameters);
  }

  get recipientParameters(): readonly RecipientParameters[] {
    const { forwardPaths, recipientParameters } = this.#envelope;
    return forwardPaths.map((_, recipient) => parseRecipientParameters(recipientParameters[recipient] ?? ''));
  }
}

/** A path that this version does not understand (an older one, or a newer one, took it) is the null path: nobody is told. */
export function reversePathOf({ reversePath }: StoredEnvelope): ReversePath {
  if (reversePath === NULL_PATH.text) return NULL_PATH;
  const path = parseReversePath(reversePath, UTF8);
  return isFault(path) ? NULL_PATH : path;
}

/** A path that this version does not understand is that of the postmaster: a person will find it. */
export function forwardPathsOf({ forwardPaths }: StoredEnvelope): readonly ForwardPath[] {
  return forwardPaths.map((text) => {
    const path = parseForwardPath(text, UTF8);
    return isFault(path) ? { type: 'postmaster', text: '<postmaster>', key: 'postmaster' } : path;
  });
}
