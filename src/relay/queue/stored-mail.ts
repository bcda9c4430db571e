// A mail of the journal as the relay sees it. It is kept as text and made into values when somebody asks: a hundred thousand
// waiting mails are little memory, and few of them are looked at in any minute.
//
// Rule 1: what is written of a recipient is read when somebody asks for him: a thousand recipients of a thousand domains are a
//         thousand attempts, and each asks for the mail (measured: 3.5 seconds of work for such a mail when each read it all).

import type { MailParameters, RecipientParameters } from '../../protocol/mail.ts';
import { parseMailParameters, parseRecipientParameters } from '../../protocol/parameter-text.ts';
import { isFault } from '../../syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../syntax/path.ts';
import { ORDERS, type StoredEnvelope } from './fact.ts';
import type { MailState } from './fold.ts';
import type { QueuedMail, RecipientState } from './port.ts';

const UTF8 = { utf8: true };
const NOTHING_ASKED: RecipientParameters = {};
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
  #recipientParameters: readonly RecipientParameters[] | undefined;

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
    return (this.#forwardPaths ??= readWhenAsked(this.#envelope.forwardPaths, forwardPathOf));
  }

  get texts(): Required<QueuedMail>['texts'] {
    return this.#envelope;
  }

  get parameters(): MailParameters {
    return parseMailParameters(this.#envelope.parameters);
  }

  get recipientParameters(): readonly RecipientParameters[] {
    const { forwardPaths, recipientParameters: texts } = this.#envelope;
    return (this.#recipientParameters ??= texts.length === 0 ? forwardPaths.map(() => NOTHING_ASKED) : readWhenAsked(texts, parseRecipientParameters));
  }
}

/** A path that this version does not understand (an older one, or a newer one, took it) is the null path: nobody is told. */
function reversePathOf({ reversePath }: StoredEnvelope): ReversePath {
  if (reversePath === NULL_PATH.text) return NULL_PATH;
  const path = parseReversePath(reversePath, UTF8);
  return isFault(path) ? NULL_PATH : path;
}

/** A path that this version does not understand is that of the postmaster: a person will find it. */
function forwardPathOf(text: string): ForwardPath {
  const path = parseForwardPath(text, UTF8);
  return isFault(path) ? { type: 'postmaster', text: '<postmaster>', key: 'postmaster' } : path;
}

/** Members of a list that is read as it is asked for: of few, all cost less (0.9 µs a mail of one recipient, for 3). */
const MANY = 20;

/** Returns the list of what `read` makes of each text; of many texts, once somebody asks for it. */
function readWhenAsked<Value>(texts: readonly string[], read: (text: string) => Value): readonly Value[] {
  if (texts.length < MANY) return texts.map((text) => read(text));
  const values: Value[] = [];
  const get = (_: unknown, name: string | symbol): unknown => {
    const member: unknown = Reflect.get(texts, name);
    return typeof member === 'string' ? (values[Number(name)] ??= read(member)) : member; // the others are length and methods
  };
  return new Proxy(texts, { get }) as readonly unknown[] as readonly Value[]; // by `get`
}
