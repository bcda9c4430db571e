// Single mistakes, each in one place, of a kind that is easily made: a cell of a table, a reset that was forgotten, a limit that is off
// by one. [what it is, file below src/, the exact text, what stands in its place, the tests that have to notice].
//
// The text has to occur once. Where the sources have changed so that it does not, the mistake is to be described anew.

const WIRE = 'test/wire';
const SERVER = 'test/protocol/server';
const CLIENT = 'test/protocol/client';

export const MISTAKES = [
  // Decoders
  ['a bare LF ends a command', 'wire/line-decoder.ts', "['text', 'bare-lf'],  ['text', 'nul']", "['text', 'line'],  ['text', 'nul']", `${WIRE}/line-decoder`],
  ['a line may be an octet shorter than its limit', 'wire/line-decoder.ts', 'if (length > this.#limit) {', 'if (length >= this.#limit) {', `${WIRE}/line-decoder`],
  ['a reset forgets the line, and not the CR in front', 'wire/line-decoder.ts', '    this.length = 0;\n    this.#row = this.#begin;\n', '    this.length = 0;\n', `${WIRE}/line-decoder`],
  ['a kept line grows beyond its limit', 'wire/line-decoder.ts', 'const wanted = Math.min(this.length + to - from, this.#limit);', 'const wanted = this.length + to - from;', `${WIRE}/line-decoder`],
  ['a dot and a bare LF end mail data', 'wire/data-decoder.ts', "['dot cr', 'hold'],  ['text', 'bare-lf']", "['dot cr', 'hold'],  ['start', 'end']", `${WIRE}/data-decoder`],
  ['a bare LF begins a line of mail data', 'wire/data-decoder.ts', "  text:     [ ['cr'],              ['text', 'bare-lf'],", "  text:     [ ['cr'],              ['start', 'bare-lf'],", `${WIRE}/data-decoder`],
  ['the stuffed dot stays', 'wire/data-decoder.ts', "['dot', 'hold'],       ['text']            ], // §4.5.2: check the first", "['dot'],       ['text']            ], // §4.5.2: check the first", `${WIRE}/data-decoder`],
  ['the CR behind a lone dot is lost', 'wire/data-decoder.ts', "'dot cr': [ ['cr', 'release'],   ['start', 'end'],     ['text', 'release'],   ['text', 'release'] ],", "'dot cr': [ ['cr', 'release'],   ['start', 'end'],     ['text', 'release'],   ['text'] ],", `${WIRE}/data-decoder`],
  ['a text line may be an octet shorter than its limit', 'wire/first-fault.ts', 'if (end - this.#lineAt <= this.#lineLimit', 'if (end - this.#lineAt < this.#lineLimit', `${WIRE}/data-decoder ${WIRE}/text-check`],
  ['the next mail begins within a line', 'wire/data-decoder.ts', '    this.size = 0;\n    this.#row = ROWS.start;', '    this.size = 0;\n    this.#row = ROWS.text;', `${WIRE}/data-decoder`],
  ['a dot at the start of a line is sent once', 'wire/data-encoder.ts', "['text', 'stuff']", "['text']", `${WIRE}/data-encoder`],
  ['an open line runs into the end of mail data', 'wire/data-encoder.ts', 'ROWS.start ? END : END_OF_OPEN_LINE', 'ROWS.start ? END : END', `${WIRE}/data-encoder`],
  ['a CR as the last octet of content is sent', 'wire/data-encoder.ts', "    if (this.#row === ROWS.cr) this.#note('bare-cr', this.#size - 1);\n", '', `${WIRE}/data-encoder`],
  ['a chunk takes one octet of what follows', 'wire/chunk-decoder.ts', 'Math.min(octets.length, at + this.remaining)', 'Math.min(octets.length, at + this.remaining + 1)', `${WIRE}/chunk-decoder`],
  ['the fast scan passes over CR', 'wire/text.ts', 'const ABOVE_CR = 0x0e0e0e0e;', 'const ABOVE_CR = 0x0d0d0d0d;', `${WIRE}/data-decoder ${WIRE}/text`],
  ['one credential has two spellings in base 64', 'wire/base64.ts', 'return trailing === 0 ? octets : undefined;', 'return octets;', `${WIRE}/base64`],
  ['xtext takes lower case', 'wire/xtext.ts', '(?![0-9A-F]{2})', '(?![0-9A-Fa-f]{2})', `${WIRE}/xtext`],
  ['UTF-8 takes surrogates', 'wire/utf8.ts', '[0xed, 0xed,   0x80, 0x9f,', '[0xed, 0xed,   0x80, 0xbf,', `${WIRE}/utf8`],
  ['a PROXY header takes any octet for its LF', 'wire/proxy-header.ts', "        if (octet !== LF) return this.#fail('bare-cr');\n", '', `${WIRE}/proxy-header`],
  ['one of two CR is not put right', 'wire/line-end-repair.ts', "cr:   [ ['cr', 'put-lf'],", "cr:   [ ['cr'],", `${WIRE}/line-end-repair`],
  ['a CR at the end of chunks is no fault', 'wire/text-check.ts', "    if (this.#row === ROWS.cr) this.#found.note('bare-cr', this.#size - 1);\n", '', `${WIRE}/text-check`],

  // Syntax
  ['a local part has 65 octets', 'syntax/mailbox.ts', 'exceeds(text, at, end, 64)', 'exceeds(text, at, end, 65)', 'test/syntax/mailbox test/syntax/path'],
  ['a reply may begin with 1', 'syntax/reply.ts', '/^[2-5][0-9][0-9]/', '/^[1-5][0-9][0-9]/', 'test/syntax/reply'],
  ['lines of one reply may have several codes', 'syntax/reply.ts', 'if (parsed.code !== this.#code) return', 'if (parsed.code === 0) return', 'test/syntax/reply'],
  ['a text begins a line of its own in a reply', 'syntax/reply.ts', 'if (run(text, 0, PRINTABLE) === text.length) return text;', 'return text;', 'test/syntax/reply'],
  ['the greeting of EHLO counts as a keyword', 'syntax/keyword.ts', 'for (const line of others) {', 'for (const line of reply.lines) {', 'test/syntax/keyword'],

  // The server: its tables
  ['MAIL within a transaction', 'protocol/server/table.ts', "MAIL:     [  'no',      'no',      'mail',    'no',", "MAIL:     [  'no',      'no',      'mail',    'mail',", `${SERVER}/table -t tables`],
  ['DATA without a recipient', 'protocol/server/table.ts', "DATA:     [  'no',      'no',      'no',      'no',      'data',", "DATA:     [  'no',      'no',      'no',      'data',    'data',", `${SERVER}/table -t tables`],
  ['RSET keeps the recipients', 'protocol/server/table.ts', "RSET:     [  'no',      'greeted', 'ready',   'ready',   'ready',", "RSET:     [  'no',      'greeted', 'ready',   'ready',   'rcpt',", `${SERVER}/table -t tables`],
  ['DATA behind a chunk', 'protocol/server/table.ts', "'no',      'data',    'no'     ], // §3.3", "'no',      'data',    'data'   ], // §3.3", `${SERVER}/table -t tables`],
  ['a chunk at fault is followed by others', 'protocol/server/table.ts', "'no',     'ready',  'no',     'no',      'no' ], // RFC 3030 §2: what follows", "'no',     'bdat',   'no',     'no',      'no' ], // RFC 3030 §2: what follows", `${SERVER}/table -t tables`],
  ['chunks are read as commands', 'protocol/server/table.ts', "  chunk: 'chunk',", "  chunk: 'lines',", `${SERVER}/table -t tables`],

  // The server: what it does
  ['what came in the clear behind STARTTLS is carried out under TLS', 'protocol/server/conversation.ts', '        this.#reader.forget(); // RFC 3207 §5\n', '', 'test/transcripts -t rfc3207'],
  ['TLS leaves the client authenticated', 'protocol/server/conversation.ts', '    this.#authentication.forget();\n', '', 'test/transcripts -t rfc3207'],
  ['STARTTLS is offered again under TLS', 'protocol/server/conversation.ts', '    this.#secured = true;\n    this.extended = false;\n', '    this.extended = false;\n', 'test/transcripts -t rfc3207'],
  ['EHLO keeps the transaction', 'protocol/server/conversation.ts', "    this.#forget('reset');\n    this.extended = verb !== 'HELO';", "    this.extended = verb !== 'HELO';", 'test/fuzz/fuzz -t serverSession'],
  ['RSET keeps the transaction', 'protocol/server/conversation.ts', "      case 'RSET':\n        this.#forget('reset');\n", "      case 'RSET':\n", 'test/fuzz/fuzz -t serverSession'],
  ['the octets of a refused chunk are commands', 'protocol/server/conversation.ts', '    this.dropping = chunk;\n', '    if (reply === undefined) this.dropping = chunk;\n    else return this.#error(reply);\n', 'test/transcripts -t rfc3030'],
  ['mail data that hold a bare LF are asked about', 'protocol/server/conversation.ts', 'if (fault !== undefined || this.#transaction === undefined) return this.#conclude', 'if (this.#transaction === undefined) return this.#conclude', 'test/transcripts -t smuggling'],
  ['LMTP replies once', 'protocol/server/conversation.ts', 'let each = this.#settings.lmtp && this.data.concluding ? unanswered : 1;', 'let each = 1;', 'test/transcripts -t rfc2033'],
  ['LMTP replies to a chunk for each recipient', 'protocol/server/conversation.ts', ' && this.data.concluding', '', 'test/transcripts -t rfc2033'],
  ['a 421 for one recipient of LMTP leaves the session open', 'protocol/server/conversation.ts', 'if (closes || code === 421)', 'if (code === 421)', 'test/transcripts -t rfc2033'],
  ['a long challenge is broken in two', 'protocol/server/conversation.ts', 'return this.output.put(encodeAscii(`334 ${turn.text}\\r\\n`));', 'return this.output.say({ code: 334, enhanced: undefined, lines: [turn.text] });', 'test/transcripts -t rfc4954'],
  ['a client that gets no session keeps its place', 'node/listen.ts', '      seat.leave();\n      return this.#turnAway(socket, \'no session\');', '      return this.#turnAway(socket, \'no session\');', 'test/node/listen'],
  ['TLS at once goes on with certificates that were withdrawn', 'node/listen.ts', "      if (this.#tlsAtOnce?.available === false) throw new Error('the certificates are withdrawn');\n", '', 'test/node/tls'],
  ['no limit is announced as Infinity', 'protocol/server/option.ts', 'options.maxSize === Infinity ? 0 : ', '', `${SERVER}/option`],
  ['an application that closes leaves a transaction open', 'protocol/server/conversation.ts', "default: question satisfies never;\n    }\n    if (reply.code === 421)", "default: question satisfies never;\n    }\n    if (reply.code === 420)", 'test/fuzz/fuzz test/transcripts -t serverSession|421'],
  ['replies come in another order', 'protocol/server/output.ts', 'this.#replies.push(octets)', 'this.#replies.unshift(octets)', 'test/transcripts -t rfc2920'],
  ['a mail as large as may be is too large', 'protocol/server/mail-data.ts', 'octets > this.#limits.maxSize;', 'octets >= this.#limits.maxSize;', `${SERVER}/mail-data ${SERVER}/session-limit`],
  ['the first chunk of the next mail is checked as text of the last', 'protocol/server/mail-data.ts', '    this.#chunk = undefined;\n    const text', '    const text', `${SERVER}/session ${SERVER}/session-octets test/transcripts -t rfc3030`],
  ['one recipient too many', 'protocol/server/guard.ts', '(transaction?.accepted ?? 0) >= offer.maxRecipients', '(transaction?.accepted ?? 0) > offer.maxRecipients', `${SERVER}/guard ${SERVER}/session-limit`],
  ['a mechanism that shows the secret needs no TLS', 'protocol/server/authentication.ts', 'secured || clearText || !MECHANISMS[name].revealsSecret', 'secured || clearText || MECHANISMS[name].revealsSecret', `${SERVER}/authentication test/transcripts -t rfc4954`],
  ['one failure of AUTH too many', 'protocol/server/authentication.ts', '++this.#failures > this.#most', '++this.#failures > this.#most + 1', `${SERVER}/authentication test/transcripts -t rfc4954`],
  ['a deadline that has come has not passed', 'protocol/server/pace.ts', "return now >= this.#since + this.#limits.timeout ? 'timeout' : undefined;", "return now > this.#since + this.#limits.timeout ? 'timeout' : undefined;", 'test/transcripts -t timeout'],
  ['what a malformed BDAT announces is not known', 'protocol/server/command-line.ts', 'return Math.min(Number(size ?? 0), Number.MAX_SAFE_INTEGER);', 'return 0;', 'test/transcripts -t rfc3030'],

  // The client
  ['content without a 354', 'protocol/client/table.ts', "'DATA':             { in: ['envelope'],   on: { 2: closed,     3: 'content',", "'DATA':             { in: ['envelope'],   on: { 2: 'content',  3: 'content',", `${CLIENT}/table -t tables`],
  ['a 354 to MAIL is taken', 'protocol/client/table.ts', "'MAIL':             { in: paired,         on: { 2: stays,      3: closed,", "'MAIL':             { in: paired,         on: { 2: stays,      3: stays, ", `${CLIENT}/table -t tables`],
  ['a lost reply to the end of mail data defers', 'protocol/client/table.ts', "END_IS_OUT: ReadonlySet<State> = new Set(['flight', 'ending'])", "END_IS_OUT: ReadonlySet<State> = new Set(['flight'])", 'test/transcripts -t client-end'],
  ['QUIT is said within content', 'protocol/client/table.ts', '  content: false, //  it would be content', '  content: true, //  it would be content', `${CLIENT}/session ${CLIENT}/session-end test/transcripts -t client-content`],
  ['421 is a reply like others', 'protocol/client/session.ts', '    if (reply.code === 421) return turnAway(); // §3.8\n', '', 'test/transcripts -t 421'],
  ['a reply counts that came before its command', 'protocol/client/session.ts', 'if (awaited === undefined || this.#pipeline.early ||', 'if (awaited === undefined ||', `${CLIENT}/session ${CLIENT}/session-octets test/transcripts -t client`],
  ['commands are pipelined to everybody', 'protocol/client/session.ts', "const room = this.#negotiation.offer.has('PIPELINING') ? PIPELINED : 1;", 'const room = PIPELINED;', 'test/fuzz/fuzz -t clientSession'],
  ['a transaction begins behind one that was not finished', 'protocol/client/session.ts', 'if (this.#dirty) work.unsent.unshift(RSET);', '', 'test/transcripts -t client'],
  ['nothing follows the reply to RSET', 'protocol/client/session.ts', "case 'RSET': return this.#advance(now);", "case 'RSET': return;", 'test/product -t two'],
  ['a certificate that proves nothing will do', 'protocol/client/negotiation.ts', "if (tls.verified || tlsPolicy !== 'verify')", "if (tls.verified || tlsPolicy === 'verify')", 'test/transcripts -t client-not-verified'],
  ['a recipient has two outcomes', 'protocol/client/recipient.ts', 'if (forwardPath === undefined || this.#outcomes[recipient] !== undefined) return;', 'if (forwardPath === undefined) return;', `${CLIENT}/session ${CLIENT}/session-end test/transcripts -t client`],
  ['a 4yz is for good', 'protocol/client/outcome.ts', "replyClass(reply.code) === 4 ? 'deferred' : 'failed'", "replyClass(reply.code) === 3 ? 'deferred' : 'failed'", 'test/transcripts -t client-data-451'],
  ['an outcome has an enhanced code of another class', 'protocol/client/outcome.ts', 'const reply = classCorrected(written);', 'const reply = written;', 'test/transcripts -t class-corrected'],
  ['a secret is shown to whoever answers', 'protocol/client/authentication.ts', 'secured: clearText || trusted', 'secured: true', 'test/transcripts -t client-plain-unverified'],

  // The relay, and what it keeps
  ['a mail goes round once more', 'relay/loop.ts', 'return this.count >= MOST_RECEIVED;', 'return this.count > MOST_RECEIVED;', 'test/relay/loop'],
  ['a host of our own preference is tried', 'relay/route.ts', 'self === undefined || preference < self.preference', 'self === undefined || preference <= self.preference', 'test/relay/route'],
  ['a delivery that failed outweighs one that succeeded', 'relay/queue/fold.ts', 'failed: 1, delivered: 2', 'failed: 2, delivered: 1', 'test/fuzz/fuzz -t journalRecord'],
  ['a record that has decayed is read', 'relay/queue/record.ts', '  if (!isSound(octets.subarray(at, at + HEADER), checksum(payload), secret, checksum)) return undefined;\n', '', 'test/relay/queue/record test/relay/queue/segment'],
  ['a response of SASL stands in the transcript', 'transcript/secret.ts', "if (this.#exchange !== undefined) return [encodeAscii(`${strike(text, this.#exchange)}${end}`)];", 'if (this.#exchange !== undefined) return held;', 'test/transcript/secret'],
  ['who proved nothing by SCRAM is written down as if he had', 'transcript/scram-stand-in.ts', 'proven ? clientProof(', 'true ? clientProof(', 'test/transcript/scram-stand-in'],
  ['a bounce is tried as long as other mail', 'relay/schedule.ts', 'mail.bounce ? schedule.expireBounce : schedule.expire', 'schedule.expire', 'test/relay/schedule'],
  ['a mapped address is compared as it was written', 'relay/address.ts', 'return within(ipv6, MAPPED.prefix, MAPPED.bits) ? formatIpv4(ipv6.subarray(12)) : formatIpv6(ipv6);', 'return formatIpv6(ipv6);', 'test/relay/address test/relay/route'],
  ['a range holds addresses of another family', 'relay/admission.ts', 'if (candidate === undefined || candidate.length !== octets.length) return false;', 'if (candidate === undefined) return false;', 'test/relay/admission'],
  ['a password is not prepared', 'protocol/sasl/plain.ts', "const password = prepare(message.password, 'query');", 'const password: string | undefined = message.password;', 'test/protocol/sasl/plain'],
  ['an unknown user of SCRAM has a salt that is always the same', 'protocol/sasl/scram-server.ts', 'decoyCredential(authcid, decoy, hash)', "decoyCredential('', decoy, hash)", 'test/protocol/sasl/scram'],
  ['a client that was told of no channel binding is believed', 'protocol/sasl/scram-server.ts', 'if (!plus && channelBinding === undefined) return undefined;', 'if (!plus) return undefined;', 'test/protocol/sasl/scram'],
  ['a report quotes the whole content of a large mail', 'relay/notification.ts', "return ret === 'FULL' && requireTls !== true && size <= LARGEST_RETURNED;", "return ret === 'FULL' && requireTls !== true;", 'test/relay/notification'],
  ['a recipient number without a bound is read', 'relay/queue/fact.ts', 'if (recipient >= MOST_RECIPIENTS) from.sound = false;', '', 'test/relay/queue/record'],
  ['a chunk that cannot be counted is dropped octet by octet', 'protocol/server/mail-data.ts', ' || octets >= Number.MAX_SAFE_INTEGER', '', 'test/transcripts -t rfc3030'],
  ['the last hold is not the one that counts', 'relay/queue/fold.ts', '    held: later(a.held, b.held),\n', '    held: later(b.held, b.held),\n', 'test/relay/queue/fold'],
  ['the delay that was told is told again', 'relay/queue/fold.ts', 'const warned = a.warned === true || b.warned === true;', 'const warned = a.warned === true && b.warned === true;', 'test/relay/queue/fold'],
  ['a mail is given up by an order that another has followed', 'node/dispatch.ts', "    if (!this.#isOurs(charge)) return;\n", '', 'test/node/dispatch'],
  ['a host that could not be looked up takes no mail either', 'node/ways.ts', 'if (missed !== undefined) throw new Error(missed);', '', 'test/node/relay'],
  ['what a host lacks fails a mail though our end came before the next', 'node/deliver.ts', 'if (!whole || this.#closing) {', 'if (!whole) {', 'test/node/deliver'],
  ['nobody is told what became of mail whose content has decayed', 'node/notifier.ts', '    return EMPTY;\n', '    throw error;\n', 'test/node/notifier'],
  ['a domain of our own in U-labels is not ours', 'node/ascii-path.ts', 'return isFault(domain) ? path : { ...path, mailbox: { ...path.mailbox, domain } };', 'return path;', 'test/node/transfer-agent'],
  ['a tenth address of one family is tried', 'relay/target.ts', 'const MOST_OF_A_FAMILY = MOST_TARGETS - 2;', 'const MOST_OF_A_FAMILY = MOST_TARGETS;', 'test/relay/route test/relay/route-record'],
];
