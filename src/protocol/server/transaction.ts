// The mail transaction under way (RFC 5321 §3.3): what MAIL and RCPT have said so far.

import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import type { Envelope, MailParameters, RecipientParameters } from '../mail.ts';

export class Transaction {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  /** Recipients that were refused. */
  refused = 0;
  readonly #forwardPaths: ForwardPath[] = [];
  readonly #recipientParameters: RecipientParameters[] = [];

  constructor(reversePath: ReversePath, parameters: MailParameters) {
    this.reversePath = reversePath;
    this.parameters = parameters;
  }

  /** The client asked for SMTPUTF8, so that replies may hold UTF-8 (RFC 6531 §3.7.4). */
  get utf8(): boolean {
    return this.parameters.smtpUtf8 === true;
  }

  /** Recipients that were accepted. */
  get accepted(): number {
    return this.#forwardPaths.length;
  }

  add(forwardPath: ForwardPath, parameters: RecipientParameters): void {
    this.#forwardPaths.push(forwardPath);
    this.#recipientParameters.push(parameters);
  }

  get envelope(): Envelope {
    const { reversePath, parameters } = this;
    return { reversePath, parameters, forwardPaths: [...this.#forwardPaths], recipientParameters: [...this.#recipientParameters] };
  }
}
