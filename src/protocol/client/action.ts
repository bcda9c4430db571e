// What a ClientSession hands out (actions), and what became of each recipient (outcomes).

import type { Reply } from '../../syntax/reply.ts';
import type { ForwardPath, ReversePath } from '../../syntax/path.ts';
import type { MailParameters, RecipientParameters } from '../mail.ts';
import type { ChannelBinding, DeriveQuestion } from '../sasl/exchange.ts';

/** One mail transaction for a `ClientSession` to carry out. */
export interface Transaction {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  /** Octets of the content, where known: declared with SIZE where that is offered (RFC 1870 §6). */
  readonly size?: number | undefined;
  /** The content holds octets above 0x7f, so that 8BITMIME is needed (RFC 6152 §3). */
  readonly eightBit?: boolean | undefined;
  /** All of the content, where it is at hand: none is asked for then, and it goes in one flight with the envelope where the server lets it. */
  readonly content?: Uint8Array | undefined;
  /** Another transaction may go right behind the end of this one: 'takes-next' is handed out where the server lets it. */
  readonly followed?: boolean | undefined;
  /** What MAIL asked for when the mail came to us, and asks for again; `size` and 8BITMIME are found from the content instead. */
  readonly parameters?: MailParameters | undefined;
  /** The same of RCPT, one for each of `forwardPaths`. */
  readonly recipientParameters?: readonly RecipientParameters[] | undefined;
}

/**
 * Why a recipient was deferred, has failed, or has an unknown fate, if no reply of the server says why.
 *
 *   not-routed               no way to the recipient's domain was found: the reply says why
 *   no-connection            nothing answered there
 *   connection-lost          it broke
 *   timeout                  the server took longer than RFC 5321 §4.5.3.2 has clients wait, or the embedder would
 *   bad-reply                unparsable, out of step, or of a class that this command cannot have
 *   bad-content              our own content holds a bare CR or LF (RFC 5321 §2.3.8)
 *   content-lost             our own content could not be read to its end
 *   8bit-not-offered         the content needs 8BITMIME
 *   binary-not-offered       the mail was declared to need BINARYMIME
 *   utf8-not-offered         an address needs SMTPUTF8
 *   utf8-header-not-offered  the mail was declared to need it
 *   size-not-accepted        the content is larger than the SIZE of the server
 *   require-tls-not-offered  the mail needs REQUIRETLS
 *   require-tls-not-secured  REQUIRETLS without TLS, or with a certificate that proves nothing
 *   tls-not-offered          the policy wants TLS
 *   tls-failed               the handshake
 *   tls-not-verified         the policy wants a certificate that is good, and names the server
 *   auth-not-offered         no mechanism that can be used
 *   auth-failed              on our side: the server has not proven itself, or says what no mechanism knows
 *   own-host                 the server has our own name
 *   no-room                  more recipients than the server takes in one transaction (RFC 9422 §4.2)
 *   session-limit            more transactions, or domains, than it takes in one session (RFC 9422 §4.1, §4.3)
 *   aborted                  the embedder gave up
 */
export type Reason =
  | 'not-routed' | 'no-connection' | 'connection-lost' | 'timeout' | 'bad-reply' | 'bad-content' | 'content-lost'
  | '8bit-not-offered' | 'binary-not-offered' | 'utf8-not-offered' | 'utf8-header-not-offered' | 'size-not-accepted'
  | 'require-tls-not-offered' | 'require-tls-not-secured' | 'tls-not-offered' | 'tls-failed' | 'tls-not-verified'
  | 'auth-not-offered' | 'auth-failed' | 'own-host' | 'no-room' | 'session-limit' | 'aborted';

/**
 * What an outcome is the reply to, or what was said last and not answered: a command (`BDAT LAST` is the last BDAT), or what else a
 * server answers; `nothing`: nothing was said for this recipient.
 */
export type InReplyTo =
  | 'nothing' | 'the connection' | 'EHLO' | 'LHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'RSET' | 'MAIL' | 'RCPT' | 'DATA' | 'BDAT' | 'BDAT LAST'
  | 'end of mail data' | 'QUIT';

/** What is known of TLS at work, as the client sees it. */
export interface ClientTls {
  /** For example `TLSv1.3`. */
  readonly version: string;
  readonly cipher: string;
  /** The server's certificate is good, and names the host that was meant. */
  readonly verified: boolean;
  /** Why it is not, in the words of whoever looked. */
  readonly fault?: string;
  /** SHA-256 of the certificate, in hexadecimal digits. */
  readonly fingerprint?: string;
  /** For SCRAM-SHA-256-PLUS (RFC 9266). */
  readonly channelBinding?: ChannelBinding;
}

/** Circumstances of an outcome. */
interface Circumstances {
  /** The reply as the server wrote it, where its enhanced code is not of the class of its code: then `reply` has it in that class. */
  readonly verbatim?: Reply;
  /** TLS under which it came about; absent: none. */
  readonly tls?: ClientTls;
  /** When, in milliseconds since 1970; the shell's to know. */
  readonly time?: number;
}

/** Why the server, or this client, has not delivered to the recipient. */
interface Refusal {
  readonly reply: Reply;
  readonly inReplyTo: InReplyTo;
  /** Absent where `reply` is the server's word on the recipient. */
  readonly reason?: Reason;
}

/**
 * What became of a recipient.
 *
 *   delivered  the server has taken the mail
 *   failed     not to be tried again
 *   deferred   to be tried again: refused for now, or never sent
 *   unknown    end of mail data was sent and its reply never came (RFC 1047): the mail may have been taken
 *
 * `state` decides, not the code of `reply`: a host that greets with 554, or says 535 to AUTH, has said nothing of the recipient, who is
 * deferred.
 *
 * `reply` is the server's, or the one that stands for it. Its enhanced code is always of the class of its code: `550 4.1.1 gone` has
 * 5.1.1 and the text "gone", since subject and detail are the same in every class (RFC 3463 §2) and the code decides (RFC 2034 §4).
 * It is undefined where the server said none; whoever needs one takes X.0.0, of the same class.
 */
export type Outcome = Circumstances &
  (
    /** `dsn`: the server offers DSN and was told what the sender asked for, so that it reports to him itself (RFC 3461 §5.2.1). */
    | { readonly state: 'delivered'; readonly reply: Reply; readonly dsn?: true }
    | ({ readonly state: 'failed' } & Refusal)
    | ({ readonly state: 'deferred' } & Refusal)
    | ({ readonly state: 'unknown' } & Refusal)
  );

/**
 * What a `ClientSession` hands out, to be done by whoever holds the socket.
 *
 *   send          write the octets; `shown` is what may stand in a log in place of octets that hold a secret
 *   start-tls     shake hands, then call `secured` or `tlsFailed`
 *   derive        answer with `derived`: PBKDF2 takes its time
 *   ready         it takes a transaction: call `send`, or `quit`
 *   want-content  call `content` with octets, or `contentEnd`, or `contentLost`
 *   takes-next    the end of a transaction that is to be `followed` is out: call `send` now, or do not
 *   outcome       what became of a recipient, by index in the transaction
 *   done          every recipient of the transaction has its outcome
 *   close         close the socket
 */
export type ClientAction =
  | { readonly type: 'send'; readonly octets: Uint8Array; readonly shown?: string }
  | { readonly type: 'start-tls' }
  | { readonly type: 'derive'; readonly question: DeriveQuestion }
  | { readonly type: 'ready' }
  | { readonly type: 'want-content' }
  | { readonly type: 'takes-next' }
  | { readonly type: 'outcome'; readonly recipient: number; readonly forwardPath: ForwardPath; readonly outcome: Outcome }
  | { readonly type: 'done' }
  | { readonly type: 'close' };
