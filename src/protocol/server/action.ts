// What a ServerSession hands out (actions) and what it asks of the application (questions).
//
// A question stops the reading: no octet of the peer is looked at until `accept` or `refuse` has answered it.

import type { AddressLiteral, Domain } from '../../syntax/domain.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import type { LeniencyName } from '../leniency.ts';
import type { Envelope, MailParameters, RecipientParameters } from '../mail.ts';
import type { AuthQuestion, FailureReason } from '../sasl/exchange.ts';
import type { NoticeName } from './notice.ts';

/**
 * What a `ServerSession` waits to be told: its one open question. `accept()` means "go on as the RFC has it"; the default replies are in `reply.ts`.
 *
 *   client   before the banner: the reply of `refuse`, 554 as RFC 5321 §3.1 has it, takes its place
 *   helo     EHLO, HELO or LHLO
 *   auth     answered by `answerAuth`, not by `accept` or `refuse`
 *   mail     MAIL
 *   rcpt     RCPT
 *   vrfy     VRFY; `utf8`: the reply may be (RFC 6531 §3.7.4.2)
 *   message  the mail data are complete; `size` octets of content were handed out
 */
export type ServerQuestion =
  | { readonly about: 'client' }
  | { readonly about: 'helo'; readonly verb: 'EHLO' | 'HELO' | 'LHLO'; readonly domain: Domain | AddressLiteral }
  | { readonly about: 'auth'; readonly auth: AuthQuestion }
  | { readonly about: 'mail'; readonly reversePath: ReversePath; readonly parameters: MailParameters }
  | { readonly about: 'rcpt'; readonly forwardPath: ForwardPath; readonly parameters: RecipientParameters; readonly reversePath: ReversePath }
  | { readonly about: 'vrfy'; readonly text: string; readonly utf8: boolean }
  | { readonly about: 'message'; readonly envelope: Envelope; readonly size: number };

/**
 * Why mail data that had begun came to nothing, so that no question follows; the session has replied, or the peer has gone.
 *
 *   bare-lf, bare-cr    a CR or LF alone (RFC 5321 §2.3.8)
 *   text-line-too-long  longer than `maxTextLine`
 *   too-much-mail-data  more than `maxSize`
 *   timeout             too slow, or nothing came any more
 *   peer-gone           the connection broke
 *   reset               RSET, EHLO, QUIT or a command out of order between two chunks
 *   shutdown            the server ends
 */
export type AbortReason = 'bare-lf' | 'bare-cr' | 'text-line-too-long' | 'too-much-mail-data' | 'timeout' | 'peer-gone' | 'reset' | 'shutdown';

/**
 * How a mail transaction ended (RFC 5321 §3.3).
 *
 *   accepted   by a 2yz to the end of mail data; in LMTP for one recipient at least
 *   refused    by a 4yz or 5yz to the end of mail data
 *   reset      by RSET, EHLO, QUIT or STARTTLS; in LMTP also by a last chunk for no recipient, which has no reply
 *   peer-gone  the connection broke
 *   timeout    or too slow
 *   shutdown   the server ends
 *   dropped    by a 421 to whatever else
 */
export type TransactionEnd = 'accepted' | 'refused' | 'reset' | 'peer-gone' | 'timeout' | 'shutdown' | 'dropped';

/** Why an AUTH came to nothing. */
export interface Unauthenticated {
  readonly reason: FailureReason | 'cancelled';
  /** Who the client says it is, prepared (RFC 4013); undefined where it did not come to that, and for a token. */
  readonly authcid: string | undefined;
  /** For the log: what was expected, by which rule. No secret is in it. */
  readonly detail: string;
}

/**
 * What a `ServerSession` hands out, to be done by whoever holds the socket.
 *
 *   send       write the octets: replies of a pipelined group, in one piece (RFC 2920 §3.2); not to be written into: all sessions share some
 *   ask        answer the question, by `accept`, `refuse` or `answerAuth`
 *   data       mail data begin: 354 is on its way, or a first chunk
 *   content    a piece of the content: a view, valid until the next `receive`
 *   abort      mail data that was begun comes to nothing
 *   ended      the transaction that MAIL began is over. `replied`: the reply to the end of mail data was handed out, with the 'send' before
 *              this; false where there is none, or where nobody was left to hear it, in which case the client sends the mail again (RFC 1047)
 *   leniency   something was taken that the RFC forbids
 *   notice     the client has done what it had no right to: once a session each
 *   unauthenticated  an AUTH has come to nothing; the reply is in the next 'send'
 *   start-tls  shake hands, then call `secured`; what came in the clear behind STARTTLS is forgotten
 *   close      close the socket
 */
export type ServerAction =
  | { readonly type: 'send'; readonly octets: Uint8Array }
  | { readonly type: 'ask'; readonly question: ServerQuestion }
  | { readonly type: 'data'; readonly envelope: Envelope }
  | { readonly type: 'content'; readonly octets: Uint8Array }
  | { readonly type: 'abort'; readonly reason: AbortReason }
  | { readonly type: 'ended'; readonly how: TransactionEnd; readonly replied: boolean }
  | { readonly type: 'leniency'; readonly name: LeniencyName; readonly source: string }
  | { readonly type: 'notice'; readonly name: NoticeName; readonly source: string }
  | ({ readonly type: 'unauthenticated' } & Unauthenticated)
  | { readonly type: 'start-tls' }
  | { readonly type: 'close' };
