// Verdicts that the client reaches without a reply of the server's: what it reports in place of one.

import { reply } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import type { Reason } from './action.ts';

/** The state of a recipient to whom this happens before end of mail data is out, and the reply that stands for it (RFC 3463). */
export const REASONS: Readonly<Record<Reason, { readonly state: 'deferred' | 'failed'; readonly reply: Reply }>> = {
  'not-routed':        { state: 'deferred', reply: reply(451, '4.4.0', 'no way to the domain was found') },
  'no-connection':     { state: 'deferred', reply: reply(451, '4.4.1', 'no connection') },
  'connection-lost':   { state: 'deferred', reply: reply(451, '4.4.2', 'connection lost') },
  'timeout':           { state: 'deferred', reply: reply(451, '4.4.2', 'timed out') },
  'bad-reply':         { state: 'deferred', reply: reply(451, '4.5.0', 'the server\'s reply is not SMTP, or answers nothing') },
  'bad-content':       { state: 'failed',   reply: reply(554, '5.6.0', 'the content holds a CR or LF that is no line end') }, // §2.3.8
  'content-lost':      { state: 'deferred', reply: reply(451, '4.3.0', 'the content could not be read') },
  '8bit-not-offered':  { state: 'failed',   reply: reply(554, '5.6.3', 'the content needs 8BITMIME, which the server does not offer') }, // RFC 6152 §3
  'size-not-accepted': { state: 'failed',   reply: reply(552, '5.3.4', 'the mail is larger than the server\'s SIZE') }, // RFC 1870 §6.1
  'aborted':           { state: 'deferred', reply: reply(451, '4.3.2', 'given up on our side') },
};
