// What an embedder's hooks are asked and what they answer; see `listen`.

import type { AddressLiteral, Domain } from '../syntax/domain.ts';
import type { Mailbox } from '../syntax/mailbox.ts';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import type { AuthAnswer, AuthQuestion, Identity } from '../protocol/sasl/exchange.ts';
import type { LeniencyName } from '../protocol/leniency.ts';
import type { TransactionEnd, Unauthenticated } from '../protocol/server/action.ts';
import type { NoticeName } from '../protocol/server/notice.ts';
import type { Verdict } from '../protocol/server/verdict.ts';
import type { Signal } from './aborter.ts';
import type { TlsFacts } from './tls.ts';

/** What is known of a session; it changes as the session goes on. */
export interface SessionFacts<State = unknown> {
  /** Its IP address and port; '' and 0 on a Unix socket. Behind a proxy of `proxyFrom`: those in its header. */
  readonly client: { readonly address: string; readonly port: number };
  /** The end that it has connected to, likewise. */
  readonly server: { readonly address: string; readonly port: number };
  /** What the client called itself with the EHLO or HELO that was accepted last; undefined before that. */
  readonly helo: Domain | AddressLiteral | undefined;
  /** `SMTP`, `ESMTPS`, `LMTPA` and the like (RFC 3848). */
  readonly protocol: string;
  /** TLS at work; undefined where it is not. */
  readonly tls: TlsFacts | undefined;
  /** Who the client is, once it has authenticated (RFC 4954). */
  readonly identity: Identity | undefined;
  /** What the hook `sessionState` made: the embedder's own. */
  readonly state: State;
}

/** What every hook is told. */
export interface Asked<State = unknown> {
  readonly session: SessionFacts<State>;
  /** Aborts when the peer has gone or the answer comes too late. */
  readonly signal: Signal;
  /** Cuts the connection, without a reply. */
  readonly drop: () => void;
}

/** What the hooks of a mail transaction are told besides (RFC 5321 §3.3). */
export interface AskedOfMail<State = unknown, MailState = unknown> extends Asked<State> {
  /** What the hook `mailState` made for this transaction: the embedder's own. */
  readonly mailState: MailState;
}

/** A mail whose data are coming in. */
export interface Mail<State = unknown, MailState = unknown> extends AskedOfMail<State, MailState> {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly parameters: MailParameters;
  /** One for each of `forwardPaths`. */
  readonly recipientParameters: readonly RecipientParameters[];
  /** The mail data without dot-stuffing, to be read once; not reading is legal. Its pieces may be kept, and must not be written into. Ends with an error if they come to nothing. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** How a mail transaction came to its end (RFC 5321 §3.3). */
export interface EndedTransaction<State = unknown, MailState = unknown> {
  readonly session: SessionFacts<State>;
  readonly mailState: MailState;
  readonly how: TransactionEnd;
  /**
   * What became of the reply to the end of mail data: the system has taken it (`flushed`); the connection broke before that
   * (`lost`: where it was a 2yz, the client will send the mail again, RFC 1047); or there was none.
   */
  readonly reply: 'flushed' | 'lost' | 'none';
}

/** Something that a client had no right to do, and was not refused for: a leniency that was used, or a notice. */
export interface Noticed<State = unknown> {
  readonly session: SessionFacts<State>;
  readonly type: 'leniency' | 'notice';
  readonly name: LeniencyName | NoticeName;
  /** The section that it breaks. */
  readonly source: string;
}

/** An AUTH that came to nothing, whoever judged it: the hook `auth`, or the session, which alone sees the proof of SCRAM. */
export interface FailedAuth<State = unknown> extends Unauthenticated {
  readonly session: SessionFacts<State>;
}

/** The verdict on a mail; in LMTP it may be a list with one for each of `forwardPaths` (RFC 2033 §4.2). */
export type MessageAnswer = Verdict | readonly Verdict[];

type Answer = Verdict | undefined | void | PromiseLike<Verdict | undefined | void>;

/**
 * What a server asks your program: one function for each command; only `message` is required. `undefined` means "go on as the RFC has it". A hook that throws, rejects or takes longer than
 * `hookTimeout` is 451 4.3.0 to the client; 421 before the banner, 454 to AUTH. A verdict returned without a promise costs no microtask.
 *
 * `State` and `MailState` are what `sessionState` and `mailState` return, and are found from them.
 */
export interface Hooks<State = undefined, MailState = undefined> {
  /** Makes `session.state`, once for each connection, before any other hook. */
  readonly sessionState?: () => State;
  /** Makes `mailState`, once for each MAIL: the state of one mail transaction. */
  readonly mailState?: () => MailState;
  /** Before the banner. A refusal replaces it: 554 (RFC 5321 §3.1), or 421 for now, which ends the session. */
  readonly client?: (asked: Asked<State>) => Answer;
  /** EHLO, HELO or LHLO, each time. */
  readonly helo?: (asked: Asked<State> & { readonly verb: 'EHLO' | 'HELO' | 'LHLO'; readonly domain: Domain | AddressLiteral }) => Answer;
  /** `mailbox` is undefined for the null reverse-path. */
  readonly mail?: (asked: AskedOfMail<State, MailState> & { readonly reversePath: ReversePath; readonly mailbox: Mailbox | undefined; readonly parameters: MailParameters }) => Answer;
  /** `mailbox` of `<postmaster>` is that of this host (RFC 5321 §4.5.1). */
  readonly rcpt?: (asked: AskedOfMail<State, MailState> & { readonly forwardPath: ForwardPath; readonly mailbox: Mailbox; readonly parameters: RecipientParameters; readonly reversePath: ReversePath }) => Answer;
  /** Whether a client is who it says; see `AuthQuestion`. Needed if the option `auth` is set; set its `decoy` if you keep credentials for SCRAM yourself. */
  readonly auth?: (asked: Asked<State> & { readonly question: AuthQuestion }) => AuthAnswer | Promise<AuthAnswer>;
  /** Told of each AUTH that came to nothing; where a password is wrong, `reason` is 'credentials'. */
  readonly unauthenticated?: (failed: FailedAuth<State>) => void;
  /** VRFY: `accept('Alice <alice@example.org>')` is 250 2.1.5, `undefined` 252 (RFC 5321 §3.5.3). */
  readonly vrfy?: (asked: Asked<State> & { readonly text: string }) => Answer;
  /** Called as the mail data begin; its verdict is the reply to their end, and must be given. */
  readonly message: (mail: Mail<State, MailState>) => MessageAnswer | PromiseLike<MessageAnswer>;
  /** Told of the end of each transaction that MAIL began. */
  readonly ended?: (end: EndedTransaction<State, MailState>) => void;
  /** Told of what a client had no right to do, and was not refused for; see `LeniencyName` and `NoticeName`. */
  readonly notice?: (noticed: Noticed<State>) => void;
  /** Told what hooks throw, and of proxies that send no valid PROXY header; never of what a client does. Default: a warning of the process. */
  readonly error?: (error: Error) => void;
}

/** The hooks as the shell holds them: whose states it keeps and never looks at. */
export type AnyHooks = Hooks<unknown, unknown>;
