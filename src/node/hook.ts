// What an embedder's hooks are asked and what they answer; see `listen`.

import type { AddressLiteral, Domain } from '../syntax/domain.ts';
import type { Mailbox } from '../syntax/mailbox.ts';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import type { MailParameters } from '../protocol/mail.ts';
import type { Verdict } from '../protocol/server/verdict.ts';

/** What is known of a session; it changes as the session goes on. */
export interface SessionFacts {
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
  /** What the client called itself with the EHLO or HELO that was accepted last; undefined before that. */
  readonly helo: Domain | AddressLiteral | undefined;
  /** RFC 3848: ESMTP after EHLO. */
  readonly protocol: 'SMTP' | 'ESMTP';
}

interface Asked {
  readonly session: SessionFacts;
  /** Aborts when the peer has gone or the answer comes too late. */
  readonly signal: AbortSignal;
}

/** A mail whose data are coming in. */
export interface Mail extends Asked {
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly parameters: MailParameters;
  /** The mail data without dot-stuffing, to be read once; not reading is legal. Ends with an error if they come to nothing. */
  readonly content: AsyncIterable<Uint8Array>;
}

type Answer = Verdict | undefined | void | PromiseLike<Verdict | undefined | void>;

/**
 * Hooks of a server. `undefined` means "go on as the RFC has it". A hook that throws, rejects or takes longer than
 * `hookTimeout` is 451 4.3.0 to the client. A verdict returned without a promise costs no microtask.
 */
export interface Hooks {
  /** Before the banner; a refusal is a 554 banner (RFC 5321 §3.1). */
  readonly client?: (asked: Asked) => Answer;
  readonly helo?: (asked: Asked & { readonly verb: 'EHLO' | 'HELO'; readonly domain: Domain | AddressLiteral }) => Answer;
  /** `mailbox` is undefined for the null reverse-path. */
  readonly mail?: (asked: Asked & { readonly reversePath: ReversePath; readonly mailbox: Mailbox | undefined; readonly parameters: MailParameters }) => Answer;
  /** `mailbox` of `<postmaster>` is that of this host (RFC 5321 §4.5.1). */
  readonly rcpt?: (asked: Asked & { readonly forwardPath: ForwardPath; readonly mailbox: Mailbox; readonly reversePath: ReversePath }) => Answer;
  readonly vrfy?: (asked: Asked & { readonly text: string }) => Answer;
  /** Called as the mail data begin; its verdict is the reply to their end, and must be given. */
  readonly message: (mail: Mail) => Verdict | PromiseLike<Verdict>;
  /** Told of what hooks throw, and of nothing that a client does. Default: a warning of the process. */
  readonly error?: (error: Error) => void;
}
