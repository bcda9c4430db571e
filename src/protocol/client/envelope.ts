// The commands of an envelope, MAIL and its RCPTs, with the parameters that the server's extensions know.

import { writeMailParameters, writeRecipientParameters, type ExtensionKeyword } from '../extension.ts';
import type { MailParameters } from '../mail.ts';
import type { ClientTls, Transaction } from './action.ts';
import { isBinary, needsUtf8, type ServerOffer } from './offer.ts';
import type { Exchange } from './pipeline.ts';

const NOTHING: MailParameters = {};

/** What decides which parameters may be said besides what the server offers: that we are authenticated, and TLS at work. */
interface Standing {
  readonly offer: ServerOffer;
  readonly authenticated: boolean;
  readonly tls: ClientTls | undefined;
}

/** MAIL, and RCPT for each of the recipients. */
export function envelopeOf(transaction: Transaction, recipients: readonly number[], standing: Standing): Exchange[] {
  const { reversePath, forwardPaths, recipientParameters } = transaction;
  const offered = (keyword: ExtensionKeyword): boolean => maySay(keyword, standing);
  const paths = recipients.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
  const utf8 = needsUtf8(reversePath) || paths.some(needsUtf8);
  return [
    { to: 'MAIL', command: { verb: 'MAIL', reversePath, parameters: writeMailParameters(declared(transaction, utf8), offered) } },
    ...paths.map((forwardPath, index): Exchange => {
      const recipient = recipients[index] ?? 0;
      return { to: 'RCPT', recipient, command: { verb: 'RCPT', forwardPath, parameters: writeRecipientParameters(recipientParameters?.[recipient] ?? {}, offered) } };
    }),
  ];
}

function maySay(keyword: ExtensionKeyword, { offer, authenticated, tls }: Standing): boolean {
  switch (keyword) {
    case '8BITMIME': return offer.has(keyword) || offer.has('BINARYMIME');
    case 'AUTH': return authenticated && offer.has(keyword); // RFC 4954 §5
    case 'REQUIRETLS': return tls?.verified === true && offer.has(keyword); // RFC 8689 §2: a notification goes without it elsewhere
    default: return offer.has(keyword);
  }
}

/** What is asked for on this hop: size and body are those of the content, whatever was declared to us. */
function declared(transaction: Transaction, utf8: boolean): MailParameters {
  const { parameters, size, eightBit } = transaction;
  const body = isBinary(transaction) ? 'BINARYMIME' : eightBit === true ? '8BITMIME' : undefined; // RFC 3030 §3, RFC 6152 §3
  const { size: _, body: __, ...asked } = parameters ?? NOTHING;
  return {
    ...(size === undefined ? NOTHING : { size }), // RFC 1870 §6
    ...(body === undefined ? NOTHING : { body }),
    ...asked,
    ...(utf8 ? { smtpUtf8: true } : NOTHING), // RFC 6531 §3.4
  };
}
