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
  | 'binary-not-offered'
  | 'utf8-not-offered' // an address needs SMTPUTF8
  | 'utf8-header-not-offered' // the mail was declared to need it
  | 'size-not-accepted'
  | 'require-tls-not-offered'
  | 'require-tls-not-secured' // REQUIRETLS without TLS, or with a certificate that proves nothing
  | 'tls-not-offered'
  | 'tls-failed' // the handshake
  | 'tls-not-verified'
  | 'auth-not-offered' // no mechanism that can be used
  | 'auth-failed' // on our side: the server has not proven itself, or says what no mechanism knows
  | 'own-host' // the server has our own name
  | 'no-room' // more recipients than the server takes in one transaction (RFC 9422 §4.2)
  | 'session-limit' // more transactions, or domains, than it takes in one session (RFC 9422 §4.1, §4.3)
  | 'aborted'; // the embedder gave up

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

interface Refusal {
  readonly reply: Reply;
  readonly inReplyTo: string;
  readonly reason?: Reason;
}

/**
 * What became of a recipient. `unknown`: end of mail data was sent and its reply never came (RFC 1047).
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

/** What a `ClientSession` hands out, to be done by whoever holds the socket. */
export type ClientAction =
  /** `shown`: what may stand in a log in place of the octets, which hold a secret. */
  | { readonly type: 'send'; readonly octets: Uint8Array; readonly shown?: string }
  | { readonly type: 'start-tls' } // shake hands, then call `secured` or `tlsFailed`
  | { readonly type: 'derive'; readonly question: DeriveQuestion } // answer with `derived`: PBKDF2 takes its time
  | { readonly type: 'ready' } // takes a transaction: call `send`, or `quit`
  | { readonly type: 'want-content' } // call `content` with octets, or `contentEnd`, or `contentLost`
  | { readonly type: 'takes-next' } // the end of a transaction that is to be `followed` is out: call `send` now, or do not
  | { readonly type: 'outcome'; readonly recipient: number; readonly forwardPath: ForwardPath; readonly outcome: Outcome }
  | { readonly type: 'done' } // every recipient of the transaction has its outcome
  | { readonly type: 'close' };
