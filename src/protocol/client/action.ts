// What a ClientSession hands out (actions), and what became of each recipient (outcomes).

import type { Reply } from '../../syntax/reply.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';

/** One mail transaction for the session to carry out. */
export interface Transaction {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  /** Octets of the content, where known: declared with SIZE where that is offered (RFC 1870 §6). */
  readonly size?: number;
  /** The content holds octets above 0x7f, so that 8BITMIME is needed (RFC 6152 §3). */
  readonly eightBit?: boolean;
}

/** Why a recipient was deferred, or its fate is unknown, where no reply of the server says it. */
export type Reason =
  | 'not-routed' // no way to the recipient's domain was found: the reply says why
  | 'no-connection' // nothing answered there
  | 'connection-lost'
  | 'timeout'
  | 'bad-reply' // unparsable, out of step, or of a class that this command cannot have
  | 'bad-content' // our own content holds a bare CR or LF
  | 'content-lost' // our own content could not be read to its end
  | '8bit-not-offered'
  | 'size-not-accepted'
  | 'aborted'; // the embedder gave up

/** What became of a recipient. `unknown`: end of mail data was sent and its reply never came (RFC 1047). */
export type Outcome =
  | { readonly state: 'delivered'; readonly reply: Reply }
  | { readonly state: 'failed'; readonly reply: Reply; readonly inReplyTo: string; readonly reason?: Reason }
  | { readonly state: 'deferred'; readonly reply: Reply; readonly inReplyTo: string; readonly reason?: Reason }
  | { readonly state: 'unknown'; readonly reply: Reply; readonly inReplyTo: string; readonly reason?: Reason };

export type ClientAction =
  | { readonly type: 'send'; readonly octets: Uint8Array }
  | { readonly type: 'ready' } // takes a transaction: call `send`, or `quit`
  | { readonly type: 'want-content' } // call `content` with octets, or `contentEnd`, or `contentLost`
  | { readonly type: 'outcome'; readonly recipient: number; readonly forwardPath: ForwardPath; readonly outcome: Outcome }
  | { readonly type: 'done' } // every recipient of the transaction has its outcome
  | { readonly type: 'close' };
