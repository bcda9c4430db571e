// The mail object's envelope (RFC 5321 §2.3.1): what MAIL and RCPT said, and nothing about content.

import type { ForwardPath, ReversePath } from '../syntax/path.ts';

/** The parameters of MAIL, by the extension that defines them, as typed values. */
export interface MailParameters {
  /** Declared size in octets (RFC 1870 §3). */
  readonly size?: number;
  /** RFC 6152 §3, RFC 3030 §3. Absent: not declared, that is 7BIT. */
  readonly body?: '7BIT' | '8BITMIME' | 'BINARYMIME';
  /** The mail needs SMTPUTF8 on its whole way (RFC 6531 §3.4). */
  readonly smtpUtf8?: true;
  /** Who submitted it, as a mailbox; `<>`: not known, which is also what a client means that is not authenticated (RFC 4954 §5). */
  readonly auth?: string;
  /** How much of the mail a notification of failure returns (RFC 3461 §4.3). */
  readonly ret?: 'FULL' | 'HDRS';
  /** The sender's own name for the transaction, xtext decoded (RFC 3461 §4.4). */
  readonly envelopeId?: string;
  /** TLS is needed on its whole way (RFC 8689 §2). */
  readonly requireTls?: true;
}

/** The parameters of RCPT (RFC 3461). */
export interface RecipientParameters {
  /** When to notify the sender about this recipient; empty: never (§4.1). */
  readonly notify?: readonly ('SUCCESS' | 'FAILURE' | 'DELAY')[];
  /** The recipient as the sender first named it: an address of a type such as rfc822, xtext decoded (§4.2). */
  readonly originalRecipient?: { readonly type: string; readonly address: string };
}

/** Who a mail is from and for, with the parameters that came with each path (RFC 5321 §2.3.1). */
export interface Envelope {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly parameters: MailParameters;
  /** One for each of `forwardPaths`. */
  readonly recipientParameters: readonly RecipientParameters[];
}
