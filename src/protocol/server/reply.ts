// Every reply that the server originates by itself, as a table (RFC 5321 §4.2, §4.3.2; codes of RFC 3463 and RFC 5248).
// `{host}` stands for the server's name, `{maxTextLine}` for that limit. Replies of the application come on top of these, through
// its verdicts.

import type { Verb } from '../../syntax/command.ts';
import { reply, replyClass } from '../../syntax/reply.ts';
import type { Reply } from '../../syntax/reply.ts';
import { formatFault } from '../../syntax/fault.ts';
import type { Fault, FaultCode } from '../../syntax/fault.ts';
import type { ParameterRefusal } from '../extension.ts';
import { LIMITS } from '../limit.ts';
import type { FailureReason } from '../sasl/exchange.ts';
import type { AbortReason } from './action.ts';

/** §4.3.1: the banner, and the replies to EHLO, QUIT and a forced end, begin with the server's name; RFC 2034 §4 gives no enhanced code to 220, 354 and EHLO. */
export const REPLIES = {
  'banner':                reply(220, undefined, '{host} ESMTP ehlo'),
  'lmtp banner':           reply(220, undefined, '{host} LMTP ehlo'),                           // RFC 2033 §4.2, as in its example
  'hello':                 reply(250, undefined, '{host}'),
  'sender ok':             reply(250, '2.1.0', 'sender ok'),
  'recipient ok':          reply(250, '2.1.5', 'recipient ok'),
  'send data':             reply(354, undefined, 'end data with <CRLF>.<CRLF>'),
  'mail ok':               reply(250, '2.0.0', 'mail accepted'),
  'reset':                 reply(250, '2.0.0', 'reset'),
  'noop':                  reply(250, '2.0.0', 'ok'),
  'not verified':          reply(252, '2.5.0', 'cannot verify, send the mail and see'),         // §3.5.3, §7.3
  'not sayable':           reply(252, '2.6.8', 'cannot be shown without SMTPUTF8, send the mail and see'), // RFC 6531 §3.7.4.2
  'chunk ok':              reply(250, '2.0.0', 'chunk received'),                               // RFC 3030 §2
  'start tls':             reply(220, '2.0.0', 'ready to start TLS'),                           // RFC 3207 §4
  'authenticated':         reply(235, '2.7.0', 'authenticated'),                                // RFC 4954 §6
  'goodbye':               reply(221, '2.0.0', '{host} closing connection'),

  'unknown command':       reply(500, '5.5.2', 'command not recognized'),
  'not implemented':       reply(502, '5.5.1', 'command not implemented'),                      // §4.2.4
  'line too long':         reply(500, '5.5.2', 'command line too long'),                        // §4.5.3.1.9
  'bare octet':            reply(500, '5.5.2', 'CR, LF or NUL inside a command line: only CRLF ends a line'), // §2.3.8
  'bare octet in command': reply(501, '5.5.2', 'CR, LF or NUL inside a command line: only CRLF ends a line'), // §4.1.2: 501 where nothing else is wrong
  'not ascii verb':        reply(500, '5.5.2', 'octets above 127 in a command line'),           // §2.4
  'not ascii':             reply(501, '5.5.2', 'octets above 127 in a command line'),           // §4.1.2: 501 where nothing else is wrong

  'hello first':           reply(503, '5.5.1', 'say EHLO first'),                               // §4.1.4
  'mail first':            reply(503, '5.5.1', 'MAIL comes first'),
  'recipient first':       reply(503, '5.5.1', 'RCPT comes first'),
  'nested mail':           reply(503, '5.5.1', 'a mail transaction is under way'),
  'chunks under way':      reply(503, '5.5.1', 'BDAT under way: more chunks, or RSET'),         // RFC 3030 §2
  'early talk':            reply(554, '5.5.0', 'commands came before the greeting'),            // §4.3.1, §3.1
  'lack of security':      reply(554, '5.7.0', 'command refused due to lack of security'),      // RFC 3207 §4.1
  'no service':            reply(503, '5.5.1', 'no service here, QUIT is all that is left'),    // §3.1
  'no valid recipients':   reply(554, '5.5.1', 'no valid recipients'),                          // §3.3

  'say lhlo':              reply(500, '5.5.1', 'this is LMTP, say LHLO'),                       // RFC 2033 §4.1
  'no tls':                reply(502, '5.5.1', 'TLS is not available'),                         // §4.2.4
  'tls not now':           reply(454, '4.7.0', 'TLS is not available due to a temporary reason'), // RFC 3207 §4
  'tls at work':           reply(503, '5.5.1', 'TLS is at work already'),
  'tls first':             reply(530, '5.7.0', 'must issue a STARTTLS command first'),          // RFC 3207 §4
  'no auth':               reply(502, '5.5.1', 'AUTH is not available'),
  'auth done':             reply(503, '5.5.1', 'authenticated already'),                        // RFC 4954 §4
  'auth first':            reply(530, '5.7.0', 'authentication required'),                      // RFC 4954 §6
  'auth needs tls':        reply(538, '5.7.11', 'that mechanism needs TLS'),                    // RFC 4954 §6, RFC 5248
  'no such mechanism':     reply(504, '5.5.4', 'no such authentication mechanism'),             // RFC 4954 §4
  'auth cancelled':        reply(501, '5.7.0', 'authentication cancelled'),                     // RFC 4954 §4
  'not base64':            reply(501, '5.5.2', 'not base 64'),                                  // RFC 4954 §4
  'response too long':     reply(500, '5.5.6', 'authentication exchange line is too long'),     // RFC 4954 §4
  'response malformed':    reply(501, '5.5.2', 'not a response of this mechanism'),
  'initial response':      reply(501, '5.7.0', 'that mechanism takes no initial response'),     // RFC 4954 §4
  'bad credentials':       reply(535, '5.7.8', 'authentication credentials invalid'),           // RFC 4954 §6
  'auth transition':       reply(432, '4.7.12', 'a password transition is needed'),             // RFC 4954 §6
  'auth too weak':         reply(534, '5.7.9', 'authentication mechanism is too weak'),         // RFC 4954 §6
  'auth unavailable':      reply(454, '4.7.0', 'temporary authentication failure'),             // RFC 4954 §6
  'chunk refused':         reply(503, '5.5.1', 'that chunk is out of order, it is dropped'),    // RFC 3030 §2
  'binary needs bdat':     reply(503, '5.5.1', 'BINARYMIME needs BDAT'),                        // RFC 3030 §3
  'utf8 sender':           reply(550, '5.6.7', 'a sender above ASCII needs SMTPUTF8'),          // RFC 6531 §3.5
  'utf8 recipient':        reply(553, '5.6.7', 'a recipient above ASCII needs SMTPUTF8'),       // RFC 6531 §3.5
  'not utf8':              reply(501, '5.5.2', 'not UTF-8'),

  'too many recipients':   reply(452, '4.5.3', 'too many recipients, send the rest in another mail'), // §4.5.3.1.10
  'too many domains':      reply(452, '4.5.3', 'too many recipient domains, send the rest in another session'), // RFC 9422 §4.3
  'size refused':          reply(552, '5.3.4', 'the declared size exceeds the limit'),          // RFC 1870 §6.1
  'parameters need ehlo':  reply(555, '5.5.4', 'parameters need EHLO'),                         // §2.2.1

  'size exceeded':         reply(552, '5.3.4', 'too much mail data'),                           // §4.5.3.1.9
  'bare lf':               reply(554, '5.6.0', 'mail data hold a LF without CR'),               // §2.3.8, §4.1.1.4
  'bare cr':               reply(554, '5.6.0', 'mail data hold a CR without LF'),               // §2.3.8
  'text line too long':    reply(554, '5.6.0', 'mail data hold a line of more than {maxTextLine} octets'), // §4.5.3.1.6

  'timeout':               reply(421, '4.4.2', '{host} waited too long, closing connection'),   // §4.5.3.2.7
  'too slow':              reply(421, '4.7.0', '{host} mail data come too slowly, closing connection'),
  'session too long':      reply(421, '4.4.2', '{host} session lasted too long, closing connection'),
  'shutdown':              reply(421, '4.3.2', '{host} shutting down, closing connection'),     // §3.8
  'too many errors':       reply(421, '4.7.0', '{host} too many errors, closing connection'),
  'too many commands':     reply(421, '4.7.0', '{host} too many commands, closing connection'),
  'too many mails':        reply(421, '4.7.0', '{host} too many mails, closing connection'),    // RFC 9422 §4.1
  'too many refused':      reply(421, '4.7.0', '{host} too many recipients refused, closing connection'),
  'endless line':          reply(421, '4.7.0', '{host} endless line, closing connection'),
  'endless mail':          reply(421, '4.3.4', '{host} endless mail data, closing connection'),
  'too many auth errors':  reply(421, '4.7.0', '{host} too many failed authentications, closing connection'),
  'not smtp':              reply(421, '4.7.0', '{host} speaks SMTP, closing connection'),
} as const satisfies Readonly<Record<string, Reply>>;

export type ReplyName = keyof typeof REPLIES;

/** The reply of the table with the server's name and limit put in. */
export function ownReply(name: ReplyName, hostname: string, maxTextLine: number = LIMITS.textLine): Reply {
  const plain: Reply = REPLIES[name];
  return { ...plain, lines: plain.lines.map((line) => line.replace('{host}', () => hostname).replace('{maxTextLine}', String(maxTextLine))) };
}

/** The reply to HELP (§4.1.1.8): the verbs that are carried out now. */
export function helpReply(verbs: readonly Verb[]): Reply {
  return reply(214, '2.0.0', verbs.join(' '), 'see RFC 5321');
}

/**
 * Returns a reply of the application's with the server's name as its first word, where it is not that already: §4.2 Greeting,
 * §4.1.1.1 ehlo-ok-rsp.
 */
export function withName(said: Reply, hostname: string): Reply {
  const [first = '', ...more] = said.lines;
  return first.split(' ', 1)[0]?.toLowerCase() === hostname.toLowerCase() ? said : { ...said, lines: [`${hostname}${first === '' ? '' : ' '}${first}`, ...more] };
}

/** Returns a reply of the application's with an enhanced code, which every 2yz, 4yz and 5yz has to have (RFC 2034 §4): X.0.0 where it gave none (RFC 3463 §2). */
export function withEnhanced(said: Reply): Reply {
  return said.enhanced === undefined && replyClass(said.code) !== 3 ? { ...said, enhanced: `${replyClass(said.code)}.0.0` } : said;
}

/** The reply that mail data get which come to nothing. */
export const ABORT_REPLIES: Readonly<Record<AbortReason, ReplyName>> = {
  'bare-lf': 'bare lf',
  'bare-cr': 'bare cr',
  'text-line-too-long': 'text line too long',
  'too-much-mail-data': 'size exceeded',
  'timeout': 'timeout',
  'peer-gone': 'no service', // nobody is left to hear it
  'reset': 'no service', // not sent: what reset the transaction has its own
  'shutdown': 'shutdown',
};

/** The reply to an exchange of SASL that failed (RFC 4954 §4, §6). */
export const AUTH_FAILURES: Readonly<Record<FailureReason, ReplyName>> = {
  'malformed': 'response malformed',
  'initial-response': 'initial response',
  'credentials': 'bad credentials',
  'authority': 'bad credentials',
  'transition': 'auth transition',
  'too-weak': 'auth too weak',
  'needs-tls': 'auth needs tls',
  'channel-binding': 'bad credentials',
  'unavailable': 'auth unavailable',
};

/** The reply to a command line whose syntax is at fault; its text says what was expected and what was found. */
export function faultReply(fault: Fault, verb: 'MAIL' | 'RCPT' | undefined): Reply {
  return reply(501, verb !== undefined && BAD_PATH.has(fault.fault) ? BAD_PATH_CODE[verb] : '5.5.4', formatFault(fault));
}

/** The reply to a parameter of MAIL that cannot be taken (§4.1.1.11). */
export function parameterReply({ refused, keyword, grammar }: ParameterRefusal): Reply {
  switch (refused) {
    case 'unknown': return reply(555, '5.5.4', `parameter ${keyword} not recognized`);
    case 'not implemented': return reply(504, '5.5.4', `that value of ${keyword} is not implemented, expected ${grammar}`);
    case 'malformed': return reply(501, '5.5.4', `bad value of ${keyword}, expected ${grammar}`);
    default: return refused satisfies never;
  }
}

/** Faults of the path itself have their own enhanced codes: RFC 3463 §3.2, X.1.7 of a sender, X.1.3 of a recipient. */
const BAD_PATH: ReadonlySet<FaultCode> = new Set(['bad-path', 'bad-mailbox', 'bad-domain', 'bad-literal', 'path-too-long', 'local-part-too-long', 'domain-too-long']);
const BAD_PATH_CODE = { MAIL: '5.1.7', RCPT: '5.1.3' } as const;
