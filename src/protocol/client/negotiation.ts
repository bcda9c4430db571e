// From the reply to EHLO to a session that takes mail: TLS where the policy wants it (RFC 3207), then AUTH (RFC 4954).
//
// Rule 1: TLS comes first, and makes forget everything that was known before it (RFC 3207 §4.2).
// Rule 2: nothing is sent to a server that offers less than the policy wants; a refusal of STARTTLS counts as no offer.
// Choice: what goes wrong with AUTH defers the mail, and fails none: our own credentials are at fault, and the sender of the
//         mail cannot mend them. Postfix does the same (`smtp_sasl_auth_soft_bounce`).

import type { Reply } from '../../syntax/reply.ts';
import type { ClientTls, InReplyTo, Reason } from './action.ts';
import { Authentication, suggestsAnother, type AuthTurn } from './authentication.ts';
import { ServerOffer } from './offer.ts';
import type { Settings } from './option.ts';
import { replyOf } from './reason.ts';

/** Of 64 KiB each, as the shell cuts them. */
const CHUNKS_AHEAD = 16;

/** What is to be done next in state 'ready'. */
export type NextStep =
  | { readonly type: 'ready' }
  | { readonly type: 'start tls' }
  | { readonly type: 'authenticate'; readonly line: Extract<AuthTurn, { readonly type: 'line' }> }
  | { readonly type: 'leave'; readonly reply: Reply; readonly inReplyTo: InReplyTo; readonly reason?: Reason };

export class Negotiation {
  readonly #settings: Settings;
  /** What the server offers; nothing before EHLO, and behind HELO. */
  offer = new ServerOffer();
  /** TLS at work. */
  tls: ClientTls | undefined;
  #names: readonly string[] = []; //   by which the server has called itself
  #startTlsRefusal: Reply | undefined;
  #authentication: Authentication | undefined;
  #authenticated = false;
  #authRefusal: Reply | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** Chunks, or whole mails, that may be unanswered (RFC 2920). In LMTP what is answered depends on the replies before (RFC 2033 §4.3). */
  get chunksAhead(): number {
    return this.offer.has('PIPELINING') && !this.#settings.lmtp ? CHUNKS_AHEAD : 1;
  }

  /**
   * The envelope of one mail may go right behind the end of mail data of another: RFC 2920 §3.1 has content "explicitly allowed
   * to be the first 'command' in a group". Where there is CHUNKING a mail goes in one flight instead; where a session takes so
   * many mails or domains, a mail may have to wait for a further one (RFC 9422 §4.1, §4.3).
   */
  get takesNext(): boolean {
    const { limits: { mailMax, rcptDomainMax } } = this.offer;
    return this.offer.has('PIPELINING') && !this.#settings.lmtp && !this.offer.has('CHUNKING') && mailMax === Infinity && rcptDomainMax === Infinity;
  }

  /** The server has greeted. */
  noteName(reply: Reply): void {
    const [name = ''] = (reply.lines[0] ?? '').split(' ', 1);
    this.#names = [...this.#names, name.toLowerCase()];
  }

  /** The server has answered EHLO, LHLO or HELO. */
  hello(reply: Reply, keywords: ReadonlyMap<string, readonly string[]>): void {
    this.noteName(reply);
    this.offer = new ServerOffer(keywords);
  }

  /** RFC 3207 §4.2: what was known without TLS counts for nothing. Returns what that means for the session. */
  secured(tls: ClientTls): 'secured' | 'secured at once' | 'not verified' | 'broken' {
    const { tlsAtOnce, tlsPolicy } = this.#settings;
    this.tls = tls;
    this.offer = new ServerOffer();
    if (tls.verified || tlsPolicy !== 'verify') return tlsAtOnce ? 'secured at once' : 'secured';
    return tlsAtOnce ? 'broken' : 'not verified';
  }

  startTlsRefused(reply: Reply): void {
    this.#startTlsRefusal = reply;
  }

  /** We have broken the exchange off; what follows is its end. */
  get cancelled(): boolean {
    return this.#authentication?.cancelled !== undefined;
  }

  /** The reply, which may go into a log and to the sender of a mail, without what it quotes of AUTH. */
  unquoted(reply: Reply): Reply {
    return this.#authentication === undefined || this.#authenticated ? reply : this.#authentication.unquoted(reply);
  }

  /** A 334: what to answer. */
  challenged(reply: Reply): AuthTurn {
    return this.#authentication?.respond(reply.lines) ?? { type: 'cancel', detail: 'expected no challenge' };
  }

  derived(octets: Uint8Array): AuthTurn {
    return this.#authentication?.answer(octets) ?? { type: 'cancel', detail: 'expected no key' };
  }

  /** The exchange is over, as the server has it. */
  authEnded(reply: Reply, positive: boolean): void {
    this.#authenticated = positive && this.#authentication?.complete === true;
    this.#authRefusal = reply;
  }

  next(): NextStep {
    const { tlsPolicy, auth, ownNames } = this.#settings;
    if (this.#names.some((name) => ownNames.has(name))) return leave('own-host');
    if (this.tls === undefined && tlsPolicy !== 'off') {
      if (this.offer.has('STARTTLS') && this.#startTlsRefusal === undefined) return { type: 'start tls' };
      if (tlsPolicy !== 'opportunistic') {
        return this.#startTlsRefusal === undefined ? leave('tls-not-offered') : { type: 'leave', reply: this.#startTlsRefusal, inReplyTo: 'STARTTLS' };
      }
    }
    return auth === undefined || this.#authenticated ? { type: 'ready' } : this.#authenticate(auth);
  }

  #authenticate(auth: NonNullable<Settings['auth']>): NextStep {
    const refusal = this.#authRefusal;
    if (refusal !== undefined && !suggestsAnother(refusal.code)) return this.#unauthenticated(refusal);
    this.#authentication ??= new Authentication(auth, this.#settings.tlsPolicy);
    const line = this.#authentication.begin(this.offer.keywords.get('AUTH') ?? [], this.tls);
    if (line !== undefined) return { type: 'authenticate', line };
    return refusal === undefined ? leave('auth-not-offered', this.#authentication.withheld) : this.#unauthenticated(refusal);
  }

  /** A cancelled exchange, and a success that the mechanism does not bear out, are our verdict; everything else is the server's. */
  #unauthenticated(refusal: Reply): NextStep {
    const cancelled = this.#authentication?.cancelled;
    if (cancelled !== undefined) return leave('auth-failed', cancelled);
    if (refusal.code < 400) return leave('auth-failed', 'expected a server that proves that it knows the password (RFC 5802 §3)');
    return { type: 'leave', reply: refusal, inReplyTo: 'AUTH' };
  }
}

function leave(reason: Reason, detail?: string): NextStep {
  return { type: 'leave', reply: replyOf(reason, detail), inReplyTo: reason === 'auth-failed' ? 'AUTH' : 'EHLO', reason };
}
