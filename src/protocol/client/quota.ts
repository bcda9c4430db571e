// Who of a mail's recipients can be in a transaction, before anything is sent: what the mail needs, and what LIMITS allow.
//
// Rule 1: whoever cannot be has an outcome at once, and leaves no trace on the wire (RFC 6152 §3, RFC 6531 §3.5, RFC 1870 §6.1).
// Rule 2: limits that the server has set are kept (RFC 9422 §4); who is too many is deferred, for the next transaction or session.

import type { ClientTls, Reason, Transaction } from './action.ts';
import { missingFor, needsUtf8, type OfferedLimits, type ServerOffer } from './offer.ts';
import { ours } from './outcome.ts';
import type { Recipients } from './recipient.ts';

/** Counts over one session. */
export class Quota {
  #mails = 0;
  readonly #domains = new Set<string>();

  /** No further transaction can begin. */
  spent({ mailMax }: OfferedLimits): boolean {
    return this.#mails >= mailMax;
  }

  /** Gives an outcome to each recipient whom this server cannot be given; counts the transaction where one is left. */
  admit(transaction: Transaction, recipients: Recipients, offer: ServerOffer, tls: ClientTls | undefined): void {
    const missing = this.spent(offer.limits) ? 'session-limit' : missingFor(transaction, offer, tls);
    if (missing !== undefined) recipients.settle(ours(missing));
    let admitted = 0;
    for (const recipient of recipients.open) {
      const reason = this.#refuse(transaction, recipient, admitted, offer);
      if (reason === undefined) admitted += 1;
      else recipients.report(recipient, ours(reason));
    }
    if (admitted > 0) this.#mails += 1;
  }

  #refuse({ forwardPaths }: Transaction, recipient: number, admitted: number, offer: ServerOffer): Reason | undefined {
    const path = forwardPaths[recipient];
    if (path === undefined) return undefined;
    if (!offer.has('SMTPUTF8') && needsUtf8(path)) return 'utf8-not-offered';
    if (admitted >= offer.limits.rcptMax) return 'no-room';
    const domain = path.type === 'path' ? path.mailbox.domain.key : '';
    if (!this.#domains.has(domain) && this.#domains.size >= offer.limits.rcptDomainMax) return 'session-limit';
    this.#domains.add(domain);
    return undefined;
  }
}
