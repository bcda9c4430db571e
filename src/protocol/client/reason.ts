// Verdicts that the client reaches without a reply of the server's: what it reports in place of one.

import { reply } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { Reason } from './action.ts';
import type { State } from './table.ts';

/** The state of a recipient to whom this happens before end of mail data is out, and the reply that stands for it (RFC 3463). */
export const REASONS: Readonly<Record<Reason, { readonly state: 'deferred' | 'failed'; readonly reply: Reply }>> = {
  'not-routed':              { state: 'deferred', reply: reply(451, '4.4.0', 'no way to the domain was found') },
  'no-connection':           { state: 'deferred', reply: reply(451, '4.4.1', 'no connection') },
  'connection-lost':         { state: 'deferred', reply: reply(451, '4.4.2', 'connection lost') }, // RFC 5321 §3.8
  'timeout':                 { state: 'deferred', reply: reply(451, '4.4.2', 'timed out') },
  'bad-reply':               { state: 'deferred', reply: reply(451, '4.5.0', 'the server\'s reply is not SMTP, or answers nothing') },
  'bad-content':             { state: 'failed',   reply: reply(554, '5.6.0', 'the content holds a CR or LF that is no line end') }, // §2.3.8
  'content-lost':            { state: 'deferred', reply: reply(451, '4.3.0', 'the content could not be read') },
  '8bit-not-offered':        { state: 'failed',   reply: reply(554, '5.6.3', 'the content needs 8BITMIME, which the server does not offer') }, // RFC 6152 §3
  'binary-not-offered':      { state: 'failed',   reply: reply(554, '5.6.3', 'the content needs BINARYMIME, which the server does not offer') }, // RFC 3030 §3
  'utf8-not-offered':        { state: 'failed',   reply: reply(553, '5.6.7', 'the address needs SMTPUTF8, which the server does not offer') }, // RFC 6531 §3.5
  'utf8-header-not-offered': { state: 'failed',   reply: reply(554, '5.6.9', 'the mail needs SMTPUTF8, which the server does not offer') }, // RFC 6531 §3.5
  'size-not-accepted':       { state: 'failed',   reply: reply(552, '5.3.4', 'the mail is larger than the server\'s SIZE') }, // RFC 1870 §6.1
  'require-tls-not-offered': { state: 'failed',   reply: reply(550, '5.7.30', 'the mail needs REQUIRETLS, which the server does not offer') }, // RFC 8689 §4.2.1
  'require-tls-not-secured': { state: 'failed',   reply: reply(550, '5.7.10', 'the mail needs TLS with a certificate that names the server') }, // RFC 8689 §4.2.1
  'tls-not-offered':         { state: 'deferred', reply: reply(451, '4.7.4', 'TLS is required, and the server does not offer it') }, // RFC 3463 §3.8
  'tls-failed':              { state: 'deferred', reply: reply(451, '4.7.5', 'the TLS handshake failed') },
  'tls-not-verified':        { state: 'deferred', reply: reply(451, '4.7.5', 'the server\'s certificate is not to be trusted') },
  'auth-not-offered':        { state: 'deferred', reply: reply(454, '4.7.0', 'the server offers no way to authenticate that can be used here') },
  'auth-failed':             { state: 'deferred', reply: reply(454, '4.7.0', 'the authentication was broken off') },
  'own-host':                { state: 'deferred', reply: reply(451, '4.4.6', 'the server has the name of this host') },
  'no-room':                 { state: 'deferred', reply: reply(452, '4.5.3', 'more recipients than the server takes at once') }, // RFC 9422 §4.2
  'session-limit':           { state: 'deferred', reply: reply(452, '4.5.3', 'more than the server takes in one session') }, // RFC 9422 §4.1, §4.3
  'aborted':                 { state: 'deferred', reply: reply(451, '4.3.2', 'given up on our side') },
};

/** Ends of a session that we bring about, in which the server may well be listening. */
export const OUR_DOING: ReadonlySet<Reason> = new Set(['timeout', 'bad-reply', 'aborted']);

/** What did not come in time, where no command is out that would say so. */
export const UNSAID: Readonly<Partial<Record<State, string>>> = { greeting: 'no greeting came', tls: 'the TLS handshake came to no end' };

/** The same with a detail behind its text. */
export function replyOf(reason: Reason, detail?: string): Reply {
  const { reply: row } = REASONS[reason];
  return detail === undefined ? row : { ...row, lines: row.lines.map((line) => `${line}: ${detail}`) };
}
