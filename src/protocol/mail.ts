// The mail object's envelope (RFC 5321 §2.3.1): what MAIL and RCPT said, and nothing about content.

import type { ForwardPath, ReversePath } from '../syntax/path.ts';

/** The parameters of MAIL, by the extension that defines them, as typed values. */
export interface MailParameters {
  /** Declared size in octets (RFC 1870 §3). */
  readonly size?: number;
  /** RFC 6152 §3. Absent: not declared, that is 7BIT. */
  readonly body?: '7BIT' | '8BITMIME';
}

export interface Envelope {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly parameters: MailParameters;
}
