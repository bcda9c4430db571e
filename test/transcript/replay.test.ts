import { describe, expect, it } from 'vitest';
import { HASH } from '../../src/node/credential.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { formatMismatch, replay } from '../../src/transcript/replay.ts';
import { readScript } from '../../src/transcript/script.ts';

/** What a replay of the lines says; undefined when all is as they have it. */
function replayed(subject: string, lines: readonly string[], ...header: readonly string[]): string | undefined {
  const transcript = parseTranscript(['Title: x goes through', 'Source: hand-written', `Subject: ${subject}`, ...header, '', ...lines, ''].join('\n'));
  const script = isTranscriptFault(transcript) ? transcript : readScript(transcript);
  if (isTranscriptFault(script)) throw new Error(`${script.line}: ${script.expected}`);
  const mismatch = replay(script, HASH);
  return mismatch && formatMismatch('x.smtp', mismatch);
}

const BANNER = 'S: 220 mx.example.com ESMTP ehlo';
const GOODBYE = 'S: 221 2.0.0 mx.example.com closing connection';
const LATE = 'S: 421 4.4.2 mx.example.com waited too long, closing connection';

const SERVER = [
  /*  5 */ 'A: ask client', 'A: accept', 'S: 220 mx.example.com ESMTP ehlo',
  /*  8 */ 'C: HELO client.example.org', 'S: 250 mx.example.com',
  /* 10 */ 'C: MAIL FROM:<alice@example.org>', 'S: 250 2.1.0 sender ok',
  /* 12 */ 'C: RCPT TO:<bob@example.com>', 'A: ask rcpt <bob@example.com>', 'A: refuse 450 4.2.1 busy', 'S: 450 4.2.1 busy',
  /* 16 */ 'C: RCPT TO:<carol@example.com>', 'A: ask rcpt <carol@example.com>', 'A: accept', 'S: 250 2.1.5 recipient ok',
  /* 20 */ 'C: DATA', 'A: data', 'S: 354 end data with <CRLF>.<CRLF>',
  /* 23 */ 'C: ..hello', 'C: .', 'A: content ".hello\\r\\n"', 'A: ask message', 'A: accept', 'S: 250 2.0.0 mail accepted',
  /* 29 */ 'C: QUIT', 'S: 221 2.0.0 mx.example.com closing connection', '* close',
];

const CLIENT = [
  /*  5 */ 'S: 220 mx.example.com', 'C: EHLO client.example.org', 'S: 250 mx.example.com',
  /*  8 */ 'A: mail <alice@example.org> to <bob@example.com>', 'C: MAIL FROM:<alice@example.org>', 'S: 250 ok',
  /* 11 */ 'C: RCPT TO:<bob@example.com>', 'S: 250 ok', 'C: DATA', 'S: 354 ok',
  /* 15 */ 'A: content "hello\\r\\n"', 'C: hello', 'A: content ends', 'C: .', 'S: 250 ok',
  /* 20 */ 'A: outcome <bob@example.com> delivered 250 ok', 'A: done', 'A: quit', 'C: QUIT', 'S: 221 bye', '* close',
];

describe('a replay', () => {
  it('finds nothing where the session does as the transcript has it', () => {
    expect(replayed('server', SERVER)).toBeUndefined();
    expect(replayed('client', CLIENT)).toBeUndefined();
  });

  it.each([['server', SERVER, 'S'], ['client', CLIENT, 'C']] as const)('of a %s finds each line that is other than what was sent', (subject, lines, speaker) => {
    for (const [at, line] of lines.entries()) {
      if (!line.startsWith(`${speaker}: `)) continue;
      const altered = lines.with(at, `${line}x`);
      expect(replayed(subject, altered), line).toBe(`x.smtp:${at + 5} (as written): expected ${line}x, got ${line}`);
    }
  });

  it.each([['server', SERVER, /^(S: |\* close|A: (ask rcpt))/], ['client', CLIENT, /^(C: |\* close)/]] as const)('of a %s finds each line that is missing', (subject, lines, expected) => {
    for (const [at, line] of lines.entries()) {
      if (!expected.test(line)) continue;
      const answered = lines[at + 1]?.startsWith('A: accept') === true || lines[at + 1]?.startsWith('A: refuse') === true;
      expect(replayed(subject, lines.toSpliced(at, answered ? 2 : 1)), line).toBeDefined();
    }
  });

  it.each([['server', SERVER], ['client', CLIENT]] as const)('of a %s finds each line that is there twice', (subject, lines) => {
    for (const [at, line] of lines.entries()) {
      if (/^(C|S): /.test(line) && line.startsWith(subject === 'server' ? 'C' : 'S')) continue; // another session
      if (/^A: (accept|refuse|content "hello)/.test(line)) continue; // no sense, or other content
      expect(replayed(subject, lines.toSpliced(at, 0, line)), line).toBeDefined();
    }
  });

  it('tells what was got, with file, line and segmentation', () => {
    expect(replayed('server', SERVER.with(4, 'S: 250 2.0.0 mx.example.com'))).toBe('x.smtp:9 (as written): expected S: 250 2.0.0 mx.example.com, got S: 250 mx.example.com');
    expect(replayed('server', SERVER.with(20, 'A: content ""'))).toBe('x.smtp:25 (as written): expected A: content "", got A: content ".hello\\r\\n"');
    expect(replayed('server', [BANNER, 'C: DATA', 'A: ask message'])).toBe('x.smtp:7 (as written): expected A: ask message, got nothing but S: 503 5.5.1 say EHLO first');
    expect(replayed('server', SERVER.with(21, 'A: ask message <> to <x@example.com> size=1'))).toBe(
      'x.smtp:26 (as written): expected A: ask message <> to <x@example.com> size=1, got A: ask message <alice@example.org> to <carol@example.com> size=8',
    );
  });
});

describe('the order that a replay wants', () => {
  it('is that of cause and effect: no reply above the answer that it comes from', () => {
    const group = [...SERVER.slice(0, 7), 'C: RCPT TO:<bob@example.com>', 'C: RCPT TO:<carol@example.com>'];
    const [first, second] = [['A: ask rcpt <bob@example.com>', 'A: accept'], ['A: ask rcpt <carol@example.com>', 'A: refuse 450 4.2.1 busy']];
    const [one, two] = ['S: 250 2.1.5 recipient ok', 'S: 450 4.2.1 busy'];
    expect(replayed('server', [...group, ...first, one, ...second, two])).toBeUndefined();
    expect(replayed('server', [...group, ...first, ...second, one, two])).toMatch(/^x\.smtp:17 .*: expected nothing more to be sent before, got S: 250 2\.1\.5 recipient ok$/);
  });

  it('takes the replies to a group as late as the end of the group, in any segmentation', () => {
    const group = ['C: HELO client.example.org', 'C: NOOP', 'C: QUIT'];
    expect(replayed('server', [BANNER, ...group, 'S: 250 mx.example.com', 'S: 250 2.0.0 ok', GOODBYE, '* close'])).toBeUndefined();
  });

  it('is kept by a server that is told and sent nothing while a question is open', () => {
    expect(replayed('server', ['A: ask client', 'C: QUIT', 'A: accept', BANNER, GOODBYE, '* close'])).toBeUndefined();
    expect(replayed('server', ['A: ask client', '* clock +1h', LATE, '* close'])).toBeDefined();
  });
});

describe('the application of a replay', () => {
  it('has to be asked before it can answer', () => {
    expect(replayed('client', ['A: quit'])).toBe('x.smtp:5 (as written): expected A: quit, got the session is not ready for quit');
    expect(replayed('client', [...CLIENT.slice(0, 3), 'A: content "x"'])).toBe('x.smtp:8 (as written): expected A: content "x", got no content is wanted');
    expect(replayed('client', [...CLIENT.slice(0, 3), 'A: content ends'])).toBe('x.smtp:8 (as written): expected A: content ends, got no content is wanted');
    expect(replayed('server', ['A: ask client', '* lost', '* close', 'A: accept'])).toBe('x.smtp:8 (as written): expected A: accept, got no question is open');
  });

  it('is asked in silence what the transcript never names, and answers yes', () => {
    const lines = SERVER.filter((line) => !line.startsWith('A: '));
    expect(replayed('server', lines.with(lines.indexOf('S: 450 4.2.1 busy'), 'S: 250 2.1.5 recipient ok'))).toBeUndefined();
  });
});

describe('TLS in a replay', () => {
  const hello = ['C: HELO client.example.org', 'S: 250 mx.example.com'];
  const lines = [BANNER, ...hello, 'C: STARTTLS', 'S: 220 2.0.0 ready to start TLS', 'A: start-tls', '* tls', 'C: NOOP', 'S: 250 2.0.0 ok'];

  it('is done where the session asks for it, and begins the session anew', () => {
    expect(replayed('server', lines, 'Options: tls=offered')).toBeUndefined();
    expect(replayed('server', [...lines, 'C: STARTTLS', 'S: 503 5.5.1 say EHLO first', ...hello, 'C: STARTTLS', 'S: 503 5.5.1 TLS is at work already'], 'Options: tls=offered')).toBeUndefined();
  });

  it('is trouble where it does not', () => {
    expect(replayed('server', [BANNER, '* tls'])).toBe('x.smtp:6 (as written): expected * tls, got no handshake is asked for');
    expect(replayed('server', lines.toSpliced(5, 2), 'Options: tls=offered')).toBeDefined();
  });
});

describe('AUTH in a replay', () => {
  const begun = [BANNER, 'C: HELO client.example.org', 'S: 250 mx.example.com', 'C: AUTH PLAIN AGFsaWNlAHNlY3JldA=='];
  const options = 'Options: auth=PLAIN, auth-in-clear';

  it('is answered as the transcript has it, and refused where it says nothing', () => {
    expect(replayed('server', [...begun, 'A: ask auth password alice', 'A: auth yes', 'S: 235 2.7.0 authenticated'], options)).toBeUndefined();
    expect(replayed('server', [...begun, 'S: 454 4.7.0 temporary authentication failure'], options)).toBeUndefined();
  });

  it('is trouble where the answer fits another question', () => {
    expect(replayed('server', [...begun, 'A: ask auth', 'A: auth secret x'], options)).toBe('x.smtp:11 (as written): expected A: auth secret x, got the question about a password');
    expect(replayed('server', [...begun, 'A: ask auth', 'A: accept'], options)).toMatch(/got the question about a password$/);
    expect(replayed('server', ['A: ask client', 'A: auth yes'])).toMatch(/got no question about AUTH$/);
  });
});

describe('LMTP in a replay', () => {
  const mail = ['S: 220 mx.example.com LMTP ehlo', 'C: LHLO client.example.org', 'C: MAIL FROM:<>', 'C: RCPT TO:<a@b>', 'C: RCPT TO:<c@d>', 'C: DATA', 'C: .'];
  const hello = ['S: 250-mx.example.com', 'S: 250 8BITMIME', 'S: 250 2.1.0 sender ok', 'S: 250 2.1.5 recipient ok', 'S: 250 2.1.5 recipient ok', 'S: 354 end data with <CRLF>.<CRLF>'];
  const options = 'Options: lmtp, without=PIPELINING SIZE ENHANCEDSTATUSCODES HELP CHUNKING LIMITS';

  it('has a reply for each recipient, in any words', () => {
    expect(replayed('server', [...mail, ...hello, 'A: ask message', 'A: each 250 2.0.0 ok', 'A: each 450-4.2.1 a', 'A: each 450 4.2.1 b', 'S: 250 2.0.0 ok', 'S: 450-4.2.1 a', 'S: 450 4.2.1 b'], options)).toBeUndefined();
  });

  it('is trouble with another number of replies', () => {
    expect(replayed('server', [...mail, ...hello, 'A: ask message', 'A: each 250 2.0.0 ok'], options)).toMatch(/got a mail for 2$/);
    expect(replayed('server', ['A: ask client', 'A: each 250 ok'])).toMatch(/got the question about client$/);
  });
});

describe('the clock of a replay', () => {
  it('meets a deadline when it falls due, however far it is advanced', () => {
    const lines = [BANNER, '* clock +299999ms', 'C: NOOP', 'S: 250 2.0.0 ok', '* clock +9h', LATE, '* close'];
    expect(replayed('server', lines)).toBeUndefined();
    expect(replayed('server', lines.with(1, '* clock +5m'))).toBeDefined();
  });
});

describe('the watch of a replay', () => {
  const transcript = parseTranscript(['Title: x goes through', 'Source: hand-written', 'Subject: server', '', ...SERVER, ''].join('\n'));
  const script = isTranscriptFault(transcript) ? transcript : readScript(transcript);
  const changes: string[] = [];
  const lines: string[] = [];
  const watch = { changed: (from: string, to: string) => changes.push(`${from} ${to}`), received: (...all: readonly string[]) => lines.push(all.join(' | ')) };
  if (!isTranscriptFault(script)) replay(script, HASH, watch);

  it('is told each change of state once', () => {
    expect(changes).toEqual(['connected greeted', 'greeted ready', 'ready mail', 'mail rcpt', 'rcpt data', 'data ready', 'ready closed']);
  });

  it('is told each line with the states before it and behind it', () => {
    expect(lines).toEqual([
      'HELO client.example.org | greeted | ready', 'MAIL FROM:<alice@example.org> | ready | mail',
      'RCPT TO:<bob@example.com> | mail | mail', 'RCPT TO:<carol@example.com> | mail | rcpt',
      'DATA | rcpt | data', '..hello | data | data', '. | data | ready', 'QUIT | ready | closed',
    ]);
  });
});
