// The mail transaction under way (RFC 5321 §3.3): what MAIL and RCPT have said so far.

import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import { replyClass, type Reply } from '../../syntax/reply.ts';
import type { Envelope, MailParameters, RecipientParameters } from '../mail.ts';
import type { TransactionEnd } from './action.ts';
import type { ServerEvent } from './table.ts';

export class Transaction {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  /** Recipients that were refused. */
  refused = 0;
  /** LMTP: one of the replies to the end of mail data that were given was 2yz. */
  taken = false;
  /** LMTP: one of them was 421. */
  closes = false;
  #answered = 0;
  #forwardPaths: ForwardPath[] | undefined; // nearly always one: a list that begins empty makes room for seventeen
  #recipientParameters: RecipientParameters[] | undefined;
  #envelope: Envelope | undefined;

  constructor(reversePath: ReversePath, parameters: MailParameters) {
    this.reversePath = reversePath;
    this.parameters = parameters;
  }

  /** The client asked for SMTPUTF8, so that paths, and addresses in 251 and 551, may be in UTF-8 (RFC 6531 §3.4, §3.7.4.1). */
  get utf8(): boolean {
    return this.parameters.smtpUtf8 === true;
  }

  /** Recipients that were accepted. */
  get accepted(): number {
    return this.#forwardPaths?.length ?? 0;
  }

  add(forwardPath: ForwardPath, parameters: RecipientParameters): void {
    this.#envelope = undefined;
    if (this.#forwardPaths === undefined || this.#recipientParameters === undefined) {
      this.#forwardPaths = [forwardPath];
      this.#recipientParameters = [parameters];
    } else {
      this.#forwardPaths.push(forwardPath);
      this.#recipientParameters.push(parameters);
    }
  }

  /** LMTP: recipients whose reply to the end of mail data was not given yet (RFC 2033 §4.2). */
  get unanswered(): number {
    return this.accepted - this.#answered;
  }

  /** The end of mail data is answered for one more recipient. */
  answer(reply: Reply): void {
    this.#answered++;
    this.taken ||= replyClass(reply.code) === 2;
    this.closes ||= reply.code === 421;
  }

  /** The envelope so far: the same as long as no recipient is added. */
  get envelope(): Envelope {
    const { reversePath, parameters } = this;
    this.#envelope ??= { reversePath, parameters, forwardPaths: this.#forwardPaths?.slice() ?? [], recipientParameters: this.#recipientParameters?.slice() ?? [] };
    return this.#envelope;
  }
}

export type EndEvent = Extract<ServerEvent, 'lost' | 'timeout' | 'shutdown' | 'dropped'>;

/** What the end of a session is to the transaction under way. */
export const ENDS: Readonly<Record<EndEvent, TransactionEnd>> = { lost: 'peer-gone', timeout: 'timeout', shutdown: 'shutdown', dropped: 'dropped' };
