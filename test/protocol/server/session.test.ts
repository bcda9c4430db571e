import { describe, expect, it } from 'vitest';
import { formatReply, reply } from '../../../src/syntax/reply.ts';
import type { Reply } from '../../../src/syntax/reply.ts';
import { CAPS, LIMITS, MOST_AUTH_FAILURES, minutes } from '../../../src/protocol/limit.ts';
import { ABORT_REPLIES, REPLIES, ownReply } from '../../../src/protocol/server/reply.ts';
import type { ReplyName } from '../../../src/protocol/server/reply.ts';
import { ServerSession } from '../../../src/protocol/server/session.ts';
import { accept, refuse, type Verdict } from '../../../src/protocol/server/verdict.ts';
import { decodeLatin1, encodeAscii } from '../../../src/wire/ascii.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { ANY_AUTH, HOST, ServerDialogue, STARTS, codesOf, dialogueIn, plain } from '../../support/server-dialogue.ts';
import type { Answer, Start } from '../../support/server-dialogue.ts';
import type { ServerQuestion } from '../../../src/protocol/server/action.ts';

const NO: Reply = reply(550, '5.7.1', 'not you');
const QUITS = `221 2.0.0 ${HOST} closing connection`;

/** How each reply of the table comes about: the last lines that were sent. */
const PRODUCED: Readonly<Record<ReplyName, () => string[]>> = {
  'banner':               () => new ServerDialogue({}, () => 'later').accept(),
  'lmtp banner':          () => new ServerDialogue({ lmtp: true }, () => 'later').accept(),
  'hello':                () => new ServerDialogue().say('HELO client.example.org'),
  'sender ok':            () => dialogueIn('ready').say('MAIL FROM:<>'),
  'recipient ok':         () => dialogueIn('mail').say('RCPT TO:<postmaster>'),
  'send data':            () => dialogueIn('rcpt').say('DATA'),
  'mail ok':              () => dialogueIn('data').say('.'),
  'reset':                () => dialogueIn('ready').say('RSET'),
  'noop':                 () => dialogueIn('ready').say('NOOP'),
  'not verified':         () => dialogueIn('ready').say('VRFY bob'),
  'chunk ok':             () => dialogueIn('rcpt').receive('BDAT 2\r\nhi'),
  'start tls':            () => dialogueIn('ready', { startTls: true }).say('STARTTLS'),
  'authenticated':        () => authenticating(`AUTH PLAIN ${plain('alice', 'secret')}`),
  'goodbye':              () => dialogueIn('ready').say('QUIT'),

  'unknown command':      () => dialogueIn('ready').say('XYZZY'),
  'not implemented':      () => dialogueIn('ready').say('EXPN staff'),
  'line too long':        () => dialogueIn('ready').say(`NOOP ${'x'.repeat(LIMITS.commandLine)}`),
  'bare octet':           () => dialogueIn('ready').say('XYZZY\nNOOP'),
  'bare octet in command': () => dialogueIn('ready').say('NOOP \nNOOP'),
  'not ascii verb':       () => dialogueIn('ready').say('N\xd6\xd6P'),
  'not ascii':            () => dialogueIn('ready').say('MAIL FROM:<\xe4@example.org>'),

  'hello first':          () => dialogueIn('greeted').say('MAIL FROM:<alice@example.org>'),
  'mail first':           () => dialogueIn('ready').say('RCPT TO:<bob@example.com>'),
  'recipient first':      () => dialogueIn('mail').say('DATA'),
  'nested mail':          () => dialogueIn('mail').say('MAIL FROM:<alice@example.org>'),
  'chunks under way':     () => dialogueIn('bdat').say('DATA'),
  'early talk':           () => {
    const server = new ServerDialogue({ earlyTalk: 'refuse' }, ({ about }) => (about === 'client' ? 'later' : 'accept'));
    server.say('EHLO a.example');
    return server.accept().slice(0, 1);
  },
  'lack of security':     () => insecure().say('EHLO a.example'),
  'no service':           () => turnedAway().say('EHLO client.example.org'),
  'no valid recipients':  () => dialogueIn('mail', {}, ({ about }) => (about === 'rcpt' ? NO : 'accept')).say('RCPT TO:<bob@example.com>', 'DATA').slice(1),

  'say lhlo':             () => new ServerDialogue({ lmtp: true }).say('EHLO client.example.org'),
  'no tls':               () => dialogueIn('ready').say('STARTTLS'),
  'tls not now':          () => dialogueIn('ready', { startTls: 'unavailable' }).say('STARTTLS'),
  'tls at work':          () => dialogueIn('ready', { secured: true, startTls: true }).say('STARTTLS'),
  'tls first':            () => dialogueIn('ready', { startTls: true, requireTls: true }).say('MAIL FROM:<>'),
  'no auth':              () => dialogueIn('ready').say('AUTH PLAIN'),
  'auth done':            () => authenticating(`AUTH PLAIN ${plain('alice', 'secret')}`, 'AUTH PLAIN').slice(1),
  'auth first':           () => dialogueIn('ready', { auth: { ...ANY_AUTH, required: true } }).say('MAIL FROM:<>'),
  'auth needs tls':       () => dialogueIn('ready', { auth: { ...ANY_AUTH, clearText: false } }).say('AUTH PLAIN'),
  'no such mechanism':    () => authenticating('AUTH KERBEROS_V4'),
  'auth cancelled':       () => authenticating('AUTH PLAIN', '*').slice(1),
  'not base64':           () => authenticating('AUTH PLAIN', 'no base64').slice(1),
  'response too long':    () => authenticating('AUTH PLAIN', 'A'.repeat(LIMITS.authLine + 1)).slice(1),
  'response malformed':   () => authenticating('AUTH PLAIN', 'AAAA').slice(1),
  'initial response':     () => authenticating('AUTH CRAM-MD5 AAAA'),
  'bad credentials':      () => dialogueIn('ready', { auth: ANY_AUTH }, ({ about }) => (about === 'auth' ? { type: 'no' } : 'accept')).say(`AUTH PLAIN ${plain('alice', 'secret')}`),
  'auth unavailable':     () => dialogueIn('ready', { auth: ANY_AUTH }, ({ about }) => (about === 'auth' ? { type: 'unavailable' } : 'accept')).say(`AUTH PLAIN ${plain('alice', 'secret')}`),
  'auth transition':      () => answering({ type: 'transition' }),
  'auth too weak':        () => answering({ type: 'too-weak' }),
  'chunk refused':        () => dialogueIn('ready').receive('BDAT 2\r\nhi'),
  'binary needs bdat':    () => dialogueIn('ready', { without: [] }).say('MAIL FROM:<> BODY=BINARYMIME', 'RCPT TO:<a@b>', 'DATA').slice(2),
  'utf8 sender':          () => dialogueIn('ready', { without: [] }).say('MAIL FROM:<\xc3\xa4@example.org>'),
  'utf8 recipient':       () => dialogueIn('mail', { without: [] }).say('RCPT TO:<\xc3\xa4@example.org>'),
  'not sayable':          () => dialogueIn('ready', { without: [] }, ({ about }) => (about === 'vrfy' ? reply(250, '2.1.5', '<j\xf6rg@example.org>') : 'accept')).say('VRFY jorg'),
  'not utf8':             () => dialogueIn('ready', { without: [] }).say('MAIL FROM:<\xe4@example.org>'),

  'too many recipients':  () => dialogueIn('rcpt', { maxRecipients: 1 }).say('RCPT TO:<carol@example.com>'),
  'too many domains':     () => dialogueIn('rcpt', { maxRecipientDomains: 1 }).say('RCPT TO:<carol@example.net>'),
  'size refused':         () => dialogueIn('ready', { maxSize: 10 }).say('MAIL FROM:<alice@example.org> SIZE=11'),
  'parameters need ehlo': () => new ServerDialogue().say('HELO client.example.org', 'MAIL FROM:<alice@example.org> SIZE=1').slice(1),

  'size exceeded':        () => dialogueIn('data', { maxSize: 10 }).say('0123456789', '.'),
  'bare lf':              () => dialogueIn('data').say('bare\nLF', '.'),
  'bare cr':              () => dialogueIn('data').say('bare\rCR', '.'),
  'text line too long':   () => dialogueIn('data').say('x'.repeat(LIMITS.textLine), '.'),

  'timeout':              () => dialogueIn('ready').wait(minutes(5)),
  'too slow':             () => {
    const server = dialogueIn('data', { minDataRate: 1, dataRateWindow: 10_000 });
    server.receive('123456789');
    server.wait(10_000);
    return server.receive('0');
  },
  'session too long':     () => dialogueIn('ready', { sessionTimeout: 1_000 }).wait(1_000),
  'shutdown':             () => dialogueIn('ready').shutdown(),
  'too many errors':      () => dialogueIn('ready').say(...Array.from({ length: CAPS.errors + 1 }, () => '?')).slice(CAPS.errors),
  'too many commands':    () => dialogueIn('ready', { maxCommands: 2 }).say('NOOP', 'NOOP').slice(1),
  'too many mails':       () => dialogueIn('mail', { maxMails: 1 }).say('RSET', 'MAIL FROM:<>').slice(1),
  'too many refused':     () => dialogueIn('mail', { maxRefusedRecipients: 1 }, ({ about }) => (about === 'rcpt' ? NO : 'accept')).say('RCPT TO:<a@b>', 'RCPT TO:<a@b>').slice(1),
  'endless line':         () => dialogueIn('ready').receive('x'.repeat(LIMITS.commandLineDrain + 1)),
  'endless mail':         () => dialogueIn('data', { maxSize: 10, maxDrain: 80 }).say('x'.repeat(80)).slice(1),
  'too many auth errors': () => authenticating(...Array.from({ length: MOST_AUTH_FAILURES + 1 }, () => 'AUTH PLAIN AAAA')).slice(MOST_AUTH_FAILURES),
  'not smtp':             () => dialogueIn('ready').say('GET / HTTP/1.1'),
};

/** What a server that takes any mechanism in the clear says to the lines behind EHLO. */
function authenticating(...lines: string[]): string[] {
  return dialogueIn('ready', { auth: ANY_AUTH }).say(...lines);
}

/** What it says to PLAIN that the application answers so. */
function answering(answer: Answer): string[] {
  return dialogueIn('ready', { auth: ANY_AUTH }, ({ about }) => (about === 'auth' ? answer : 'accept')).say(`AUTH PLAIN ${plain('alice', 'secret')}`);
}

/** A session whose handshake did not achieve enough. */
function insecure(): ServerDialogue {
  const server = dialogueIn('ready', { startTls: true });
  server.say('STARTTLS');
  server.session.insecure(server.now);
  return server;
}

function turnedAway(): ServerDialogue {
  return new ServerDialogue({}, ({ about }) => (about === 'client' ? reply(554, '5.7.1', `${HOST} not you`) : 'accept'));
}

describe('the replies of a server (§4.2, §4.3.2)', () => {
  // shows RFC5321:4.2-2 RFC5321:4.3.2-4 RFC4954:6-1
  it.each(Object.entries(PRODUCED))('hold "%s", sent as it stands in the table', (name, produce) => {
    expect(produce()).toEqual(formatReply(ownReply(name as ReplyName, HOST)).split('\r\n').slice(0, -1));
  });

  // shows RFC2034:3-3 RFC2034:4-1 RFC2034:4-3 RFC2034:4-4
  it('have an enhanced code of the class of the reply code, but for the banner, EHLO and 354 (RFC 2034 §4)', () => {
    const replies: readonly Reply[] = Object.values(REPLIES);
    const plain = replies.filter(({ enhanced }) => enhanced === undefined);
    expect(replies.filter(({ code, enhanced }) => enhanced !== undefined && !new RegExp(`^${Math.floor(code / 100)}\\.\\d{1,3}\\.\\d{1,3}$`).test(enhanced))).toEqual([]);
    expect(plain.map(({ code }) => code)).toEqual([220, 220, 250, 354]);
  });

  // shows RFC5321:4.1.1.1-5 RFC5321:4.2-11 RFC5321:4.2.2-8 RFC5321:4.2.2-9 RFC5321:4.2.2-10 RFC5321:4.3.1-4
  it('begin with the name of the server where §4.2.2 has it: 220 (but to STARTTLS), 221, 421 and the reply to EHLO', () => {
    const named = Object.entries(REPLIES).filter(([, { lines: [first = ''] }]) => first.startsWith('{host}')).map(([name]) => name);
    const wanted = Object.entries(REPLIES).filter(([name, { code }]) => ([220, 221, 421].includes(code) && name !== 'start tls') || name === 'hello').map(([name]) => name);
    expect(named).toEqual(wanted);
  });

  // shows RFC5321:4.2.2-10
  it('begin with it in a 421 of the application\'s too, whatever is asked, and not twice', () => {
    const busy = reply(421, '4.3.2', 'busy');
    const said = (about: ServerQuestion['about'], start: Start | 'data', line: string, answer = busy): string | undefined => dialogueIn(start, {}, (question) => (question.about === about ? answer : 'accept')).say(line)[0];
    const wanted = `421 4.3.2 ${HOST} busy`;
    expect(new ServerDialogue({}, () => busy).sent).toBe(`${wanted}\r\n`);
    expect([said('helo', 'greeted', 'EHLO a'), said('mail', 'ready', 'MAIL FROM:<>'), said('rcpt', 'mail', 'RCPT TO:<a@b>'), said('vrfy', 'mail', 'VRFY a'), said('message', 'data', '.')]).toEqual(Array.from({ length: 5 }, () => wanted));
    expect(said('mail', 'ready', 'MAIL FROM:<>', reply(421, '4.3.2', `${HOST} busy`))).toBe(wanted);
  });

  it('tell mail data that come to nothing why, where somebody hears it', () => {
    expect(Object.entries(ABORT_REPLIES).filter(([, name]) => name === 'no service').map(([reason]) => reason)).toEqual(['peer-gone', 'reset']); // the one hears nothing, the other has its own reply
  });

  it('name the path that is at fault, a sender\'s or a recipient\'s (RFC 3463 §3.2)', () => {
    expect(dialogueIn('ready').say('MAIL FROM:<a@b..c>')[0]).toMatch(/^501 5\.1\.7 /);
    expect(dialogueIn('mail').say('RCPT TO:<a@b..c>')[0]).toMatch(/^501 5\.1\.3 /);
    expect(dialogueIn('ready').say('EHLO b..c')[0]).toMatch(/^501 5\.5\.4 /);
  });

  // shows RFC5321:4.5.3.1.5-2
  it('are lines of at most 512 octets, whatever a fault quotes (§4.5.3.1.5)', () => {
    const long = 'x'.repeat(LIMITS.commandLine - 20);
    for (const line of [`MAIL FROM:<${long}>`, `MAIL FROM:<a@b> ${long}`, `RCPT TO:<${long}>`, `EHLO ${long}`, `DATA ${long}`, `MAIL FROM:<a@b> SIZE=${long}`]) {
      const lines = dialogueIn('ready').say(line);
      expect(lines.filter((sent) => sent.length > 510)).toEqual([]);
      expect(codesOf(lines).length).toBe(1);
    }
  });
});

describe('a banner (§3.1)', () => {
  it('is what the application is asked about first, and nothing is sent before', () => {
    const server = new ServerDialogue({}, () => 'later');
    expect(server.open).toEqual({ about: 'client' });
    expect(server.sent).toBe('');
    expect(server.accept()).toEqual([`220 ${HOST} ESMTP ehlo`]);
  });

  it('waits with the commands of a client that speaks too early', () => {
    const server = new ServerDialogue({}, ({ about }) => (about === 'client' ? 'later' : 'accept'));
    expect(server.say('HELO a.example', 'QUIT')).toEqual([]);
    expect(codesOf(server.accept())).toEqual([220, 250, 221]);
  });

  it('of 554 is followed by 503 to everything but QUIT, known or not', () => {
    const server = turnedAway();
    expect(codesOf(server.say('EHLO a.example', 'NOOP', 'RSET', 'XYZZY', 'ETRN x', 'MAIL FROM:<>', 'QUIT'))).toEqual([503, 503, 503, 503, 503, 503, 221]);
    expect(server.closes).toBe(1);
  });

  it('of 421 is the last that is sent', () => {
    const server = new ServerDialogue({}, () => reply(421, '4.3.2', `${HOST} not now`));
    expect(server.sent).toBe(`421 4.3.2 ${HOST} not now\r\n`);
    expect(server.closes).toBe(1);
  });

  it('has no enhanced code, whatever the application gives (RFC 2034 §4)', () => {
    expect(new ServerDialogue({}, () => 'later').accept(reply(220, '2.0.0', `${HOST} welcome`))).toEqual([`220 ${HOST} welcome`]);
  });
});

describe('EHLO and HELO (§4.1.1.1)', () => {
  it('get the keywords of the service extensions, HELO none of them (§3.2)', () => {
    expect(new ServerDialogue({ maxSize: 1000 }).say('EHLO a.example')).toEqual([`250-${HOST}`, '250-PIPELINING', '250-SIZE 1000', '250-8BITMIME', '250-ENHANCEDSTATUSCODES', '250-HELP', '250-CHUNKING', '250 LIMITS RCPTMAX=1000']);
    expect(new ServerDialogue().say('HELO a.example')).toEqual([`250 ${HOST}`]);
  });

  it('keep the form of their reply when the application words it', () => {
    const words = reply(250, '2.0.0', `${HOST} hello`, 'X-OURS');
    const server = new ServerDialogue({}, ({ about }) => (about === 'helo' ? words : 'accept'));
    expect(server.say('EHLO a.example').slice(0, 3)).toEqual([`250-${HOST} hello`, '250-X-OURS', '250-PIPELINING']);
    expect(server.say('HELO a.example')).toEqual([`250 ${HOST} hello`]);
  });

  it('end a mail transaction when they are accepted, and change nothing when they are not (§4.1.4)', () => {
    let answer: Reply | 'accept' = 'accept';
    const server = dialogueIn('rcpt', {}, ({ about }) => (about === 'helo' ? answer : 'accept'));
    answer = NO;
    expect(codesOf(server.say('EHLO other.example', 'RCPT TO:<carol@example.com>'))).toEqual([550, 250]);
    answer = 'accept';
    expect(codesOf(server.say('EHLO other.example', 'RCPT TO:<carol@example.com>'))).toEqual([250, 503]);
  });

  it('decide what a mail transaction may hold: none of EHLO\'s extensions behind HELO', () => {
    const server = new ServerDialogue();
    expect(codesOf(server.say('EHLO a.example', 'MAIL FROM:<> BODY=8BITMIME', 'HELO a.example', 'MAIL FROM:<> BODY=8BITMIME', 'MAIL FROM:<>'))).toEqual([250, 250, 250, 555, 250]);
    expect(server.session.extended).toBe(false);
  });
});

describe('a mail transaction (§3.3)', () => {
  // shows RFC5321:4.1.1-4
  it('is put before the application with its envelope, its content and its size', () => {
    const server = dialogueIn('ready');
    server.say('MAIL FROM:<alice@example.org> SIZE=30 BODY=8BITMIME', 'RCPT TO:<bob@example.com>', 'RCPT TO:<@relay.example:carol@example.com>', 'DATA', 'Subject: hello', '', '..dot', '.');
    const [mail] = server.mails;
    expect(mail?.envelope.reversePath.text).toBe('<alice@example.org>');
    expect(mail?.envelope.forwardPaths.map(({ text }) => text)).toEqual(['<bob@example.com>', '<@relay.example:carol@example.com>']);
    expect(mail?.envelope.parameters).toEqual({ size: 30, body: '8BITMIME' });
    expect(mail?.content).toBe('Subject: hello\r\n\r\n.dot\r\n');
    expect(mail?.size).toBe(24);
  });

  it('goes to the recipients that were accepted, and to no others', () => {
    const server = dialogueIn('mail', {}, (question) => (question.about === 'rcpt' && question.forwardPath.text.startsWith('<bad') ? NO : 'accept'));
    expect(codesOf(server.say('RCPT TO:<a@b>', 'RCPT TO:<bad@b>', 'RCPT TO:<@>', 'RCPT TO:<c@b>', 'DATA', '.'))).toEqual([250, 550, 501, 250, 354, 250]);
    expect(server.mails.map(({ envelope }) => envelope.forwardPaths.map(({ text }) => text))).toEqual([['<a@b>', '<c@b>']]);
  });

  it('has an envelope that later recipients do not change', () => {
    const server = dialogueIn('data');
    server.say('.', 'MAIL FROM:<>', 'RCPT TO:<carol@example.com>', 'DATA', '.');
    expect(server.mails.map(({ envelope }) => envelope.forwardPaths.map(({ text }) => text))).toEqual([['<bob@example.com>'], ['<carol@example.com>']]);
  });

  it('is over after the verdict, whichever it is (§4.1.1.4)', () => {
    for (const verdict of ['accept', reply(452, '4.3.1', 'no room'), reply(554, '5.6.0', 'no')] as const) {
      const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? verdict : 'accept'));
      expect(codesOf(server.say('.', 'RCPT TO:<bob@example.com>', 'DATA', 'MAIL FROM:<>')).slice(1)).toEqual([503, 503, 250]);
    }
  });

  it('is 250 at its end only by the answer of the application (§6.1)', () => {
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    expect(server.say('.', 'NOOP')).toEqual([]);
    expect(server.accept(reply(250, '2.0.0', 'queued'))).toEqual(['250 2.0.0 queued', '250 2.0.0 ok']);
  });

  it('is forgotten by RSET, by QUIT and by a lost connection (§4.1.1.5, §4.1.1.10)', () => {
    const server = dialogueIn('rcpt');
    expect(codesOf(server.say('RSET', 'DATA', 'MAIL FROM:<>', 'DATA'))).toEqual([250, 503, 250, 503]);
    for (const end of [dialogueIn('data').lost(), dialogueIn('data').end()]) expect(end).toEqual([]);
    expect(dialogueIn('rcpt').say('QUIT')).toEqual([QUITS]);
  });

  it('survives NOOP, HELP, VRFY, EXPN, unknown commands and faults (§4.1.1.6 to .9)', () => {
    const server = dialogueIn('rcpt');
    server.say('NOOP', 'HELP', 'VRFY bob', 'EXPN staff', 'XYZZY', 'MAIL FROM:<>', 'DATA now', 'RCPT TO:<>', 'QUIT now');
    expect(codesOf(server.say('DATA', '.'))).toEqual([354, 250]);
    expect(server.mails.length).toBe(1);
  });
});

describe('the replies to a pipelined group (RFC 2920 §3.2)', () => {
  // shows RFC2920:3.2-2 RFC2920:3.2-7
  it('are sent in one piece where every question is answered at once, but those to EHLO, which are held back for nothing', () => {
    const session = new ServerSession({ hostname: HOST }, 0);
    const sends: number[] = [];
    session.receive(Uint8Array.from('EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n', (character) => character.charCodeAt(0)), 0);
    for (let action; (action = session.next()) !== undefined; ) {
      if (action.type === 'ask') session.accept();
      if (action.type === 'send') sends.push(action.octets.filter((octet) => octet === 0x0a).length);
    }
    expect(sends).toEqual([1 + 8, 4]); // the banner waited for the input
  });

  // shows RFC2920:3.2-5 RFC2920:3.2-6
  it.each(['EHLO a.example', 'DATA', 'VRFY bob', 'EXPN staff', 'NOOP', 'XYZZY', 'HELP'])('are not held back behind %s (RFC 2920 §3.2 (5), (6))', (line) => {
    const sends: string[] = [];
    const { session } = dialogueIn('ready');
    session.receive(encodeAscii(`RSET\r\n${line}\r\nRSET\r\nRSET\r\n`), 0);
    for (let action; (action = session.next()) !== undefined; ) {
      if (action.type === 'ask') session.accept();
      if (action.type === 'send') sends.push(decodeLatin1(action.octets));
    }
    const [first = '', last = ''] = sends.length === 3 ? [`${sends[0]}${sends[1]}`, sends[2]] : sends;
    expect(codesOf(first.split('\r\n').slice(0, -1)).length).toBe(2);
    expect(codesOf(last.split('\r\n').slice(0, -1))).toEqual([250, 250]);
  });

  // shows RFC2920:3.2-7
  it('are sent as far as they are known while a question is open', () => {
    const server = new ServerDialogue({}, ({ about }) => (about === 'rcpt' ? 'later' : 'accept'));
    expect(codesOf(server.say('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'NOOP'))).toEqual([250, 250]);
    expect(codesOf(server.accept())).toEqual([250, 250]);
  });

  it('are handed on when they have grown large, though input is left', () => {
    const session = new ServerSession({ hostname: HOST }, 0);
    const sends: number[] = [];
    session.receive(new Uint8Array(20_000).map((_, at) => 'NOOP\r\n'.charCodeAt(at % 6)), 0);
    for (let action; (action = session.next()) !== undefined; ) {
      if (action.type === 'ask') session.accept();
      if (action.type === 'send') sends.push(action.octets.length);
    }
    expect(sends.length).toBeGreaterThan(2);
    expect(Math.max(...sends)).toBeLessThan(LIMITS.replyGroup + 512);
  });
});

describe('the end of the client\'s side', () => {
  it.each(STARTS)('in state %s leaves the commands before it answered', (state) => {
    const server = dialogueIn(state);
    expect(codesOf(server.receive('NOOP\r\nRSET\r\nNOO'))).toEqual([250, 250]);
    expect(server.end()).toEqual([]);
    expect(server.closes).toBe(1);
  });

  it('behind commands that wait for an answer leaves them answered too', () => {
    const server = new ServerDialogue({}, ({ about }) => (about === 'client' ? 'later' : 'accept'));
    server.say('EHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', 'hello', '.', 'QUIT');
    server.end();
    expect(codesOf(server.accept())).toEqual([220, 250, 250, 250, 354, 250, 221]);
    expect(server.closes).toBe(1);
  });

  it('in mail data makes nothing of them', () => {
    const server = dialogueIn('data');
    server.receive('hello\r\n.\r');
    expect(server.end()).toEqual([]);
    expect(server.aborts).toEqual(['peer-gone']);
    expect(server.mails).toEqual([]);
    expect(server.closes).toBe(1);
  });

  it('behind the end of mail data takes the mail', () => {
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    server.say('hello', '.');
    expect(server.end()).toEqual([]);
    expect(server.accept()).toEqual(['250 2.0.0 mail accepted']);
    expect(server.closes).toBe(1);
  });
});

describe('a session whose client is dismissed', () => {
  it.each(STARTS)('has heard QUIT, in state %s', (start) => {
    const server = dialogueIn(start);
    expect(server.session.dismissed).toBe(false);
    server.say('QUIT');
    expect(server.session.dismissed).toBe(true);
  });

  it.each(['QUIT\r\nNOOP\r\n', 'QUIT\r\n\r', 'QUIT\n\r\n', 'QUIT now\r\n'])('has heard nothing behind it, and has heard it: %j', (octets) => {
    const server = dialogueIn('ready');
    server.receive(octets);
    expect(server.session.dismissed).toBe(false);
  });

  it('is none that has come to its end otherwise', () => {
    const server = dialogueIn('ready');
    server.shutdown();
    expect(server.session).toMatchObject({ state: 'closed', dismissed: false });
  });
});

describe('a lost connection', () => {
  it('in mail data aborts them once, and nothing more is sent', () => {
    const server = dialogueIn('data');
    server.say('hello');
    expect(server.lost()).toEqual([]);
    expect(server.lost()).toEqual([]);
    expect(server.told).toEqual(['data', 'content', 'abort peer-gone', 'close']);
  });

  it('takes the open question back', () => {
    const server = dialogueIn('mail', {}, ({ about }) => (about === 'rcpt' ? 'later' : 'accept'));
    server.say('RCPT TO:<a@b>');
    server.lost();
    expect(() => server.accept()).toThrow(UsageError);
  });
});

describe('a shutdown (§3.8)', () => {
  // shows RFC5321:4.3.2-10
  it.each(STARTS)('in state %s is a 421 and the end', (state) => {
    const server = dialogueIn(state);
    expect(server.shutdown()).toEqual([`421 4.3.2 ${HOST} shutting down, closing connection`]);
    expect(server.closes).toBe(1);
    expect(server.say('NOOP')).toEqual([]);
  });

  it('in mail data waits for their end and for the verdict', () => {
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    expect(server.shutdown()).toEqual([]);
    expect(server.say('hello', '.')).toEqual([]);
    expect(codesOf(server.accept())).toEqual([250, 421]);
    expect(server.closes).toBe(1);
  });

  it('in a question waits for the answer', () => {
    const server = dialogueIn('mail', {}, ({ about }) => (about === 'rcpt' ? 'later' : 'accept'));
    server.say('RCPT TO:<a@b>');
    expect(server.shutdown()).toEqual([]);
    expect(codesOf(server.refuse(NO))).toEqual([550, 421]);
  });

  // shows RFC5321:3.8-6
  it('by force is a 421 whatever is in hand: mail data, a chunk, a question', () => {
    const [data, chunk, message, rcpt] = [dialogueIn('data'), dialogueIn('rcpt'), dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept')), dialogueIn('mail', {}, ({ about }) => (about === 'rcpt' ? 'later' : 'accept'))];
    data.say('hello');
    chunk.receive('BDAT 9 LAST\r\nhello');
    message.say('hello', '.');
    rcpt.say('RCPT TO:<a@b>');
    for (const server of [data, chunk, message, rcpt]) {
      expect(server.halt()).toEqual([`421 4.3.2 ${HOST} shutting down, closing connection`]);
      expect(server.closes).toBe(1);
      expect(server.ends).toEqual(['shutdown unheard']);
      expect(() => server.accept()).toThrow(UsageError);
    }
    expect([data.aborts, chunk.aborts, message.aborts]).toEqual([['shutdown'], ['shutdown'], []]);
  });

  it('by force leaves a connection without a banner, and a handshake, to be cut', () => {
    const [connected, shaking] = [new ServerDialogue({}, () => 'later'), dialogueIn('ready', { startTls: true })];
    shaking.say('STARTTLS');
    for (const server of [connected, shaking]) {
      expect(server.halt()).toEqual([]);
      expect(server.closes).toBe(0);
    }
  });

  it('behind a banner of 554 does not wait for QUIT', () => {
    expect(codesOf(turnedAway().shutdown())).toEqual([421]);
  });

  it('behind the end is nothing', () => {
    const server = dialogueIn('ready');
    server.say('QUIT');
    expect(server.shutdown()).toEqual([]);
    expect(server.closes).toBe(1);
  });
});

describe('the time that a client has (§4.5.3.2.7)', () => {
  it.each([...STARTS, 'data'] as const)('is five minutes in state %s, and 421 then', (state) => {
    const server = dialogueIn(state);
    expect(server.session.deadline).toBe(minutes(5));
    expect(server.wait(minutes(5) - 1)).toEqual([]);
    expect(server.wait(1)).toEqual([`421 4.4.2 ${HOST} waited too long, closing connection`]);
    expect(server.closes).toBe(1);
    expect(server.aborts).toEqual(state === 'data' || state === 'bdat' ? ['timeout'] : []);
  });

  it('begins anew with each octet of mail data, and with each command, but with no octet of one that does not end', () => {
    const sending = dialogueIn('data', { minDataRate: 0 });
    const commanding = dialogueIn('ready');
    for (let count = 0; count < 10; count++) {
      for (const [server, text] of [[sending, 'x'], [commanding, 'NOOP\r\n']] as const) {
        expect(server.wait(minutes(5) - 1)).toEqual([]);
        server.receive(text);
        expect(server.session.deadline).toBe(server.now + minutes(5));
      }
    }
    const end = commanding.session.deadline;
    for (let count = 0; count < 10; count++) {
      commanding.wait(1_000);
      commanding.receive('x');
      expect(commanding.session.deadline).toBe(end);
    }
    expect(codesOf(sending.wait(minutes(5)))).toEqual([421]);
    expect(codesOf(commanding.wait(minutes(5)))).toEqual([421]);
  });

  it('does not run while the application has the word, and begins anew with its answer', () => {
    for (const about of ['client', 'helo', 'mail', 'rcpt', 'vrfy', 'message'] as const) {
      const server = new ServerDialogue({}, (question) => (question.about === about ? 'later' : 'accept'));
      server.say('HELO a.example', 'VRFY bob', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '.');
      expect(server.open?.about).toBe(about);
      expect(server.session.deadline).toBe(Infinity);
      expect(server.wait(minutes(60))).toEqual([]);
      server.refuse(NO);
      if (server.open === undefined) expect(server.session.deadline).toBe(server.now + minutes(5));
    }
  });

  it('is over with the session', () => {
    const server = dialogueIn('ready');
    server.say('QUIT');
    expect(server.session.deadline).toBe(Infinity);
    expect(server.wait(minutes(60))).toEqual([]);
  });

  it('may be another', () => {
    const server = dialogueIn('ready', { timeout: 1000 });
    expect(server.wait(999)).toEqual([]);
    expect(codesOf(server.wait(1))).toEqual([421]);
  });

  it('has not passed before its time, though the embedder say so', () => {
    const server = dialogueIn('ready');
    server.session.expire(minutes(5) - 1);
    server.pump();
    expect(server.closes).toBe(0);
  });
});

describe('the embedder of a server session', () => {
  it('gives the server a name that can stand in a reply (§4.3.1)', () => {
    for (const hostname of ['', 'a b', 'a\r\nb', '192.0.2.1 ', '[192.0.2.256]']) expect(() => new ServerSession({ hostname }, 0)).toThrow(UsageError);
    for (const hostname of ['localhost', 'mx.example', '[192.0.2.1]', '[IPv6:::1]']) expect(() => new ServerSession({ hostname }, 0)).not.toThrow();
  });

  it('has nothing to answer where no question is open', () => {
    const { session } = dialogueIn('ready');
    expect(() => session.accept()).toThrow(UsageError);
    expect(() => session.refuse(NO)).toThrow(UsageError);
  });

  it('cannot answer a question before it was handed out', () => {
    const session = new ServerSession({ hostname: HOST }, 0);
    expect(() => session.accept()).toThrow(UsageError);
    expect(session.next()?.type).toBe('ask');
    expect(() => session.accept()).not.toThrow();
    expect(() => session.accept()).toThrow(UsageError);
  });

  it('cannot refuse with a reply of 2yz or 3yz, nor accept with any but 2yz; the question stays open', () => {
    const server = new ServerDialogue({}, () => 'later');
    for (const code of [250, 354] as const) expect(() => server.session.refuse(reply(code, undefined, 'no'))).toThrow(UsageError);
    for (const code of [354, 451, 550] as const) expect(() => server.session.accept(reply(code, undefined, 'yes'))).toThrow(UsageError);
    for (const code of [600, 4000, 450.5, NaN]) expect(() => server.session.refuse({ code, enhanced: undefined, lines: ['no'] })).toThrow(UsageError);
    for (const enhanced of ['4.1.1', '5.1', '5.01.1', 'x']) expect(() => server.session.refuse({ code: 550, enhanced, lines: ['no'] })).toThrow(UsageError); // RFC 2034 §4
    expect(() => server.session.accept({ code: 250, enhanced: '5.0.0', lines: ['yes'] })).toThrow(UsageError);
    expect(codesOf(server.accept())).toEqual([220]);
  });

  // found by trying: what `refuse` makes is no reply, which `session.refuse` wants, and there was no other way to tell it
  it('answers with a verdict, as a hook does', () => {
    const server = new ServerDialogue({}, ({ about }) => (about === 'client' ? 'accept' : 'later'));
    const answered = (line: string, verdict: Verdict | readonly Verdict[]): readonly string[] => {
      server.say(line);
      return server.answer(verdict);
    };
    expect(answered('HELO a.example', accept())).toEqual(['250 mx.example.com']);
    expect(answered('VRFY bob', accept('<bob@example.com>'))).toEqual(['250 2.1.5 <bob@example.com>']);
    expect(answered('MAIL FROM:<a@a.example>', refuse(554, '5.7.1', 'no'))).toEqual(['554 5.7.1 no']);
    expect(() => server.answer(accept('x'))).toThrow('no question is open');
    expect(() => answered('MAIL FROM:<a@a.example>', [accept()])).toThrow('a reply for each recipient is for the question "message" of LMTP');
    for (const verdict of [undefined, null, {}, NO, { type: 'accept', text: 5 }, { type: 'refuse', reply: reply(250, undefined, 'yes') }, [null]]) {
      expect(() => server.session.answer(verdict as Verdict)).toThrow('answer takes a verdict: accept(), refuse(…) or committed(…), not ');
    }
  });

  it('answers for each recipient of LMTP with a list of verdicts', () => {
    const server = new ServerDialogue({ lmtp: true }, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    server.say('LHLO a.example', 'MAIL FROM:<>', 'RCPT TO:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA', '.');
    expect(server.answer([accept(), refuse(452, '4.2.2', 'full')])).toEqual(['250 2.0.0 mail accepted', '452 4.2.2 full']);
  });

  it('ends the session by refusing anything with 421 (§3.8)', () => {
    for (const about of ['helo', 'mail', 'rcpt', 'vrfy', 'message'] as const) {
      const server = new ServerDialogue({}, (question) => (question.about === about ? reply(421, '4.3.0', `${HOST} no more`) : 'accept'));
      const lines = server.say('HELO a.example', 'VRFY bob', 'MAIL FROM:<>', 'RCPT TO:<a@b>', 'DATA', '.', 'NOOP');
      expect(codesOf(lines).at(-1)).toBe(421);
      expect(server.closes).toBe(1);
    }
  });
});

describe('a server that requires TLS or AUTH', () => {
  it('knows of TLS from the handshake on, before EHLO too', () => {
    const server = dialogueIn('ready', { startTls: true, requireTls: true });
    expect(codesOf(server.say('VRFY bob', 'STARTTLS'))).toEqual([530, 220]);
    server.secured();
    expect(codesOf(server.say('VRFY bob'))).toEqual([252]);
    expect(server.say('HELP')[0]).not.toContain('STARTTLS');
  });

  it('says so before it says anything of order or syntax, and takes the chunk of a BDAT first (RFC 3207 §4, RFC 4954 §6)', () => {
    const auth = dialogueIn('ready', { auth: { ...ANY_AUTH, required: true } });
    expect(codesOf(auth.receive('RCPT TO:<a@b>\r\nDATA\r\nBDAT 6\r\nQUIT\r\nMAIL FROM:\r\nNOOP\r\n'))).toEqual([530, 530, 530, 530, 250]);
    const tls = new ServerDialogue({ startTls: true, requireTls: true });
    expect(codesOf(tls.say('MAIL FROM:<>', 'HELO a.example', 'RSET', 'NOOP'))).toEqual([530, 530, 530, 250]);
  });
});

describe('another protocol at the port', () => {
  it.each([['HTTP', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'], ['HTTP', 'POST /mail HTTP/1.1\r\n'], ['TLS', '\x16\x03\x01\0\xf8\x01\0\0\xf4\x03\x03']] as const)('is told 421 at once and nothing behind it is run: %s', (_, octets) => {
    const server = new ServerDialogue();
    expect(codesOf(server.receive(`${octets}\r\nEHLO a.example\r\nMAIL FROM:<a@b>\r\n`))).toEqual([421]);
    expect([server.closes, server.questions.map(({ about }) => about)]).toEqual([1, ['client']]);
    const slow = new ServerDialogue();
    expect(codesOf([...octets].flatMap((octet) => slow.receive(octet)))).toEqual([421]);
  });
});

describe('an application that is asked about AUTH', () => {
  const asked = (answer: Answer): ServerDialogue => {
    const server = dialogueIn('ready', { auth: ANY_AUTH }, ({ about }) => (about === 'auth' ? answer : 'accept'));
    server.say(`AUTH PLAIN ${plain('alice', 'secret')}`, 'NOOP');
    return server;
  };

  it('answers by `answerAuth`, and a refusal means that it cannot tell now (RFC 4954 §6)', () => {
    expect(codesOf(asked(NO).sent.split('\r\n').slice(0, -1)).slice(-2)).toEqual([454, 250]);
    const server = asked('later');
    expect(() => server.session.accept()).toThrow(UsageError);
    expect(() => dialogueIn('ready').session.answerAuth({ type: 'yes' })).toThrow(UsageError);
  });

  it('ends the session by refusing with 421 (§3.8)', () => {
    const server = asked(reply(421, '4.3.2', `${HOST} not now`));
    expect(server.sent.endsWith(`421 4.3.2 ${HOST} not now\r\n`)).toBe(true);
    expect(server.closes).toBe(1);
  });

  it('is told apart who the client is and as whom it acts, and nothing after TLS (RFC 3207 §4.2)', () => {
    const server = dialogueIn('ready', { auth: ANY_AUTH, startTls: true });
    server.say(`AUTH PLAIN ${plain('alice', 'secret', 'bob')}`);
    expect(server.session.identity).toEqual({ authcid: 'alice', authzid: 'bob' });
    server.say('STARTTLS');
    server.secured();
    expect([server.session.identity, server.session.extended]).toEqual([undefined, false]);
  });
});

describe('a handshake', () => {
  it('is told when it was asked for, or when the session is over already', () => {
    expect(() => dialogueIn('ready').session.secured(0)).toThrow(UsageError);
    const server = dialogueIn('ready', { startTls: true });
    server.say('STARTTLS');
    server.wait(minutes(5));
    expect(server.closes).toBe(1);
    expect(() => server.session.secured(server.now)).not.toThrow();
    expect(server.session.state).toBe('closed');
  });
});

describe('the replies of LMTP (RFC 2033 §4.2)', () => {
  const lmtp = (answer: Answer, ...recipients: readonly string[]): number[] => {
    const server = dialogueIn('mail', { lmtp: true }, (question) => (question.about === 'message' ? answer : question.about === 'rcpt' && question.forwardPath.text.startsWith('<no') ? NO : 'accept'));
    server.say(...recipients.map((recipient) => `RCPT TO:<${recipient}>`), 'DATA');
    return codesOf(server.say('.'));
  };

  it('are one for each recipient that was accepted, in their order, also for one that was named twice', () => {
    expect(lmtp([reply(250, '2.0.0', 'ok'), reply(452, '4.2.2', 'full')], 'a@b', 'no@b', 'c@d')).toEqual([250, 452]);
    expect(lmtp('accept', 'a@b', 'a@b', 'no@b')).toEqual([250, 250]);
    expect(lmtp(NO, 'a@b', 'c@d')).toEqual([550, 550]);
  });

  // shows RFC8689:2-4
  it('to LHLO name the extensions that those to EHLO name, REQUIRETLS under TLS too (RFC 8689 §2)', () => {
    const keywords = (lmtp: boolean): string[] => new ServerDialogue({ lmtp, secured: true, without: [] }).say(`${lmtp ? 'LHLO' : 'EHLO'} a`).slice(1);
    expect(keywords(true)).toEqual(keywords(false));
    expect(keywords(true)).toContain('250 REQUIRETLS');
  });

  it('are as many as there are recipients, and only of LMTP', () => {
    expect(() => lmtp([reply(250, '2.0.0', 'ok')], 'a@b', 'c@d')).toThrow(UsageError);
    const server = dialogueIn('data', {}, ({ about }) => (about === 'message' ? 'later' : 'accept'));
    server.say('.');
    expect(() => server.session.answerEach([reply(250, '2.0.0', 'ok')])).toThrow(UsageError);
    expect(codesOf(server.accept())).toEqual([250]);
  });
});
