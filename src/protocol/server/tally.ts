// What a client has done in its session, as far as there are caps on it.

import { CAPS } from '../limit.ts';
import type { ReplyName } from './reply.ts';

export type Counted = keyof typeof CAPS;
export type Caps = Readonly<Record<Counted, number>>;

/** The reply with which the session ends when a cap is exceeded. */
export const CAP_REPLIES: Readonly<Record<Counted, ReplyName>> = {
  commands: 'too many commands',
  errors: 'too many errors',
  refusedRecipients: 'too many refused',
  mails: 'too many mails', // RFC 9422 §4.1 leaves open what is said; 421 sends the client to another session, as Exim and Sendmail do
};

export class Tally {
  /** Domains of the recipients accepted so far, by their keys (RFC 9422 §4.3), where they count. */
  readonly domains: Set<string> | undefined;
  readonly #caps: Caps;
  #commands = 0;
  #errors = 0;
  #refusedRecipients = 0;
  #mails = 0;

  constructor(caps: Caps, countsDomains = false) {
    this.#caps = caps;
    if (countsDomains) this.domains = new Set();
  }

  /** Counts one more; tells whether that is one too many. */
  exceeds(counted: Counted): boolean {
    switch (counted) { // each by its own name: one of four names is looked up anew each time (2 % of what a mail of 1 kB costs besides its system calls)
      case 'commands': return ++this.#commands > this.#caps.commands;
      case 'errors': return ++this.#errors > this.#caps.errors;
      case 'refusedRecipients': return ++this.#refusedRecipients > this.#caps.refusedRecipients;
      case 'mails': return ++this.#mails > this.#caps.mails;
      default: return counted satisfies never;
    }
  }
}
