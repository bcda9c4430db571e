// AUTH from the client's side (RFC 4954 §4): which mechanism, and the lines of its exchange. Base 64, `*` and `=` are here.
//
// Rule 1: the strongest mechanism first; the next one only where the server says that it was the mechanism that did not suit it
//         (504, 534), never because it called the secret wrong.
// Rule 2: what shows the secret needs TLS with a verified certificate (RFC 4954 §14). Two ways lead round that, both to be asked
//         for: the policy 'require' is content with any certificate, for AUTH as for mail; `clearText` needs no TLS at all (§4).
// Choice: 'opportunistic' asks for neither: who is in the middle could show a certificate of his own as well as hide STARTTLS.
//         What does not show the secret (SCRAM, CRAM-MD5) goes to anyone. Postfix keeps plain text back alike.
// Rule 3: success counts only where the mechanism is complete: of SCRAM, when the server has proven that it knows the password.

import { encodeAscii } from '../../wire/ascii.ts';
import { decodeBase64, encodeBase64 } from '../../wire/base64.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { ClientExchange, DeriveQuestion, Hash, MechanismName } from '../sasl/exchange.ts';
import { beginClientExchange, MECHANISMS, usableMechanisms, type ClientSecret } from '../sasl/mechanism.ts';
import type { ClientTls } from './action.ts';
import type { TlsPolicy } from './option.ts';

/** Who a client says it is, and what it can show for it (RFC 4954). */
export interface ClientAuth {
  /** A password, for SCRAM, CRAM-MD5, PLAIN and LOGIN, or a token, for OAUTHBEARER and XOAUTH2: the best of what the server offers is taken. */
  readonly secret: ClientSecret;
  /** The hashes that mechanisms are made of. */
  readonly hash: Hash;
  /** Printable, without commas, new and unpredictable for each session: at least 18 random octets in base 64. */
  readonly nonce: string;
  /** Shows the secret without TLS, or to a server whose certificate proves nothing. Default: false; to the latter also under the policy 'require'. */
  readonly clearText?: boolean;
}

/** What comes of a challenge. `shown` may stand in a log. */
export type AuthTurn =
  | { readonly type: 'line'; readonly text: string; readonly shown: string }
  | { readonly type: 'derive'; readonly question: DeriveQuestion }
  | { readonly type: 'cancel'; readonly detail: string };

/** RFC 5321 §4.5.3.1.4; an initial response that makes the line longer has to wait for a challenge (RFC 4954 §4). */
const LONGEST_COMMAND = 512;

/** Stands for a secret in what may be shown. */
const STRUCK_OUT = '…';

export class Authentication {
  readonly #options: ClientAuth;
  readonly #tlsPolicy: TlsPolicy;
  readonly #tried = new Set<MechanismName>();
  readonly #sent = new Set<string>(); // responses, any of which may show the secret
  #exchange: ClientExchange | undefined;
  #initial: Uint8Array | undefined; // that did not fit into the command
  /** What would do, but that it shows the secret. */
  withheld: string | undefined;
  /** Why the exchange was cancelled by us. */
  cancelled: string | undefined;

  constructor(options: ClientAuth, tlsPolicy: TlsPolicy) {
    this.#options = options;
    this.#tlsPolicy = tlsPolicy;
  }

  /** Begins with the best mechanism of those offered that was not tried; undefined: there is none. */
  begin(offered: readonly string[], tls: ClientTls | undefined): Extract<AuthTurn, { readonly type: 'line' }> | undefined {
    const { secret, hash, nonce, clearText = false } = this.#options;
    const channelBinding = tls?.channelBinding;
    const trusted = tls?.verified === true || (tls !== undefined && this.#tlsPolicy === 'require');
    const usable = usableMechanisms(offered, secret, { secured: clearText || trusted, bindable: channelBinding !== undefined });
    const shown = usableMechanisms(offered, secret, { secured: true, bindable: false }).filter((name) => MECHANISMS[name].revealsSecret);
    this.withheld = clearText || trusted || shown.length === 0 ? undefined : `${shown.join(', ')} only under TLS with a verified certificate`;
    for (const mechanism of usable) {
      if (this.#tried.has(mechanism)) continue;
      this.#tried.add(mechanism);
      const exchange = beginClientExchange(mechanism, { secret, hash, nonce, ...(channelBinding === undefined ? {} : { channelBinding }) });
      if ('fault' in exchange) continue; // it cannot carry this name or password
      this.#exchange = exchange;
      return this.#command(mechanism, exchange.initial);
    }
    return undefined;
  }

  /** Answers a 334. */
  respond(lines: readonly string[]): AuthTurn {
    const [text = '', ...more] = lines;
    const challenge = more.length === 0 ? decodeBase64(text) : undefined;
    if (challenge === undefined) return this.#cancel('expected one line of base 64 behind 334 (RFC 4954 §4)');
    const initial = this.#initial;
    this.#initial = undefined;
    if (initial === undefined) return this.#turn((exchange) => exchange.next(challenge));
    return challenge.length === 0 ? this.#line(initial) : this.#cancel('expected an empty challenge before the initial response (RFC 4954 §4)');
  }

  /** Takes what 'derive' asked for. */
  answer(derived: Uint8Array): AuthTurn {
    return this.#turn((exchange) => exchange.answer(derived));
  }

  /** Whether a 235 is to be believed. */
  get complete(): boolean {
    return this.#exchange?.complete === true && this.cancelled === undefined;
  }

  /** The reply without what it quotes of our own lines. */
  unquoted(reply: Reply): Reply {
    let lines = reply.lines;
    for (const sent of this.#sent) lines = lines.map((text) => text.replaceAll(sent, STRUCK_OUT));
    return { ...reply, lines };
  }

  #command(mechanism: MechanismName, initial: Uint8Array | undefined): Extract<AuthTurn, { readonly type: 'line' }> {
    const text = initial === undefined ? '' : ` ${initial.length === 0 ? '=' : encodeBase64(initial)}`;
    const command = `AUTH ${mechanism}`;
    const fits = command.length + text.length + '\r\n'.length <= LONGEST_COMMAND;
    this.#initial = fits ? undefined : initial;
    if (fits) this.#note(text.slice(1));
    return { type: 'line', text: `${command}${fits ? text : ''}`, shown: `${command}${fits && text !== '' ? ` ${STRUCK_OUT}` : ''}` };
  }

  #turn(take: (exchange: ClientExchange) => ReturnType<ClientExchange['next']>): AuthTurn {
    const step = this.#exchange === undefined ? undefined : take(this.#exchange);
    switch (step?.type) {
      case 'response': return this.#line(step.octets);
      case 'ask': return { type: 'derive', question: step.question };
      case 'fault': return this.#cancel(step.detail);
      case undefined: return this.#cancel('expected no challenge'); // not reached: an exchange was begun
      default: return step satisfies never;
    }
  }

  #line(octets: Uint8Array): AuthTurn {
    const text = encodeBase64(octets);
    this.#note(text);
    return { type: 'line', text, shown: text === '' ? '' : STRUCK_OUT };
  }

  #note(response: string): void {
    if (response.length > 1) this.#sent.add(response); // but for '' and '='
  }

  #cancel(detail: string): AuthTurn {
    this.cancelled = detail;
    return { type: 'cancel', detail };
  }
}

/** Replies that tell of the mechanism, not of the secret (RFC 4954 §4, §6): the next one may do. */
const ANOTHER_MECHANISM: ReadonlySet<number> = new Set([504, 534]);

export function suggestsAnother(code: number): boolean {
  return ANOTHER_MECHANISM.has(code);
}

/** Octets of the line. */
export function authLine(text: string): Uint8Array {
  return encodeAscii(`${text}\r\n`);
}
