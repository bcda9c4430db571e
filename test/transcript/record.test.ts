// Sessions that write themselves down, against the replay of what they wrote.

import { describe, expect, it } from 'vitest';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../src/syntax/path.ts';
import { reply } from '../../src/syntax/reply.ts';
import type { ClientOptions } from '../../src/protocol/client/option.ts';
import { HASH } from '../../src/node/credential.ts';
import { formatTranscriptFault, isTranscriptFault, parseTranscript, type Transcript } from '../../src/transcript/format.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { TranscriptRecorder } from '../../src/transcript/record.ts';
import { RecordedClientSession } from '../../src/transcript/record-client.ts';
import { RecordedServerSession } from '../../src/transcript/record-server.ts';
import { formatMismatch, replay } from '../../src/transcript/replay.ts';
import { readScript } from '../../src/transcript/script.ts';
import { Pair } from '../support/pair.ts';
import { seeds } from '../support/random.ts';
import { octetsOf } from '../wire/every.ts';

const SEEDS = 75;
const HEADER = { title: 'mail goes through', source: 'a test', hash: HASH };

/** What was written, and a session that writes it. */
class Paper {
  text = '';
  readonly write = (text: string): void => {
    this.text += text;
  };
}

/** Replays what was written; returns what is wrong with it, and it. */
function troubleOf({ text }: Paper, segmentations: 'as written' | 'all'): string | undefined {
  const transcript = parseTranscript(segmentations === 'all' ? text : text.replace('\n\n', '\nSegments: as written\n\n'));
  if (isTranscriptFault(transcript)) return `${formatTranscriptFault('it', transcript)}\n${text}`;
  const script = readScript(transcript);
  if (isTranscriptFault(script)) return `${formatTranscriptFault('it', script)}\n${text}`;
  const mismatch = replay(script, HASH);
  return mismatch && `${formatMismatch('it', mismatch)}\n${text}`;
}

describe('a session that was recorded', () => {
  it('does the same again, whoever broke off what', () => {
    const told = new Set<string>();
    for (const seed of seeds(SEEDS)) {
      const [server, client] = [new Paper(), new Paper()];
      const pair = new Pair(seed, {
        server: (options, now) => new RecordedServerSession(options, now, HEADER, server.write),
        client: (options, now) => new RecordedClientSession(options, now, HEADER, client.write),
      });
      pair.run();
      told.add(pair.trouble);
      expect(troubleOf(server, 'as written'), `the server of seed ${seed} (${pair.trouble})`).toBeUndefined();
      expect(troubleOf(client, 'as written'), `the client of seed ${seed} (${pair.trouble})`).toBeUndefined();
    }
    expect(told.size).toBe(6);
  });
});

describe('a session of a server with limits of its own that was recorded', () => {
  // found by a program's own test-suite, whose servers wait for less than a second
  it.each<[string, (session: RecordedServerSession) => void, string]>([
    ['as many errors', (session) => session.receive(octetsOf('FOO\r\nFOO\r\nFOO\r\n'), 0), 'S: 421 4.7.0 mx.example.com too many errors, closing connection'],
    ['as long a wait', (session) => session.expire(250), '* clock +250ms'],
  ])('takes %s again', (_, happens, shown) => {
    const paper = new Paper();
    const session = new RecordedServerSession({ hostname: 'mx.example.com', maxErrors: 2, maxAuthFailures: 1, maxTextLine: 80, dataRateWindow: 60_000, timeout: 250 }, 0, HEADER, paper.write);
    const act = (): void => {
      for (let action; (action = session.next()) !== undefined; ) if (action.type === 'ask') session.accept();
    };
    act();
    happens(session);
    act();
    expect(paper.text).toContain('Options: hostname=mx.example.com, errors=2, failures=1, line=80, window=60, timeout=0.25\n');
    expect(paper.text).toContain(shown);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });
});

describe('a session of LMTP that was recorded', () => {
  it('says again what was said of each recipient, when, and by which options', () => {
    const paper = new Paper();
    const session = new RecordedServerSession({ hostname: 'mx.example.com', lmtp: true, leniencies: ['spaceAroundColon'], maxMails: 5, minDataRate: 0, sessionTimeout: 60_000, startTls: true }, 0, HEADER, paper.write);
    const turn = (text: string): void => {
      session.receive(octetsOf(text), 0);
      for (let action; (action = session.next()) !== undefined; ) {
        if (action.type === 'ask' && action.question.about !== 'message') session.accept();
      }
    };
    turn('');
    turn('LHLO a.example\r\nMAIL FROM: <alice@example.org>\r\nRCPT TO:<bob@example.com>\r\nRCPT TO:<carol@example.com>\r\nDATA\r\n');
    turn('hello\r\n.\r\n');
    session.answerNext(reply(250, '2.0.0', 'delivered'), 1_000);
    turn('');
    session.answerNext(reply(452, '4.2.2', 'full'), 2_000);
    turn('');
    turn('STARTTLS\r\n');
    session.insecure(3_000);
    turn('NOOP\r\n');
    turn('QUIT\r\n');
    expect(paper.text).toContain('Options: hostname=mx.example.com, mails=5, rate=0, time=60, lenient=spaceAroundColon, lmtp');
    for (const line of ['A: leniency spaceAroundColon', 'A: next 250 2.0.0 delivered', 'S: 452 4.2.2 full', 'A: ended accepted', '* tls insufficient', 'S: 554 5.7.0 command refused due to lack of security', '* close']) expect(paper.text).toContain(`${line}\n`);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });
});

describe('a client that was recorded', () => {
  it('replays the end of what its server says, which is no loss besides', () => {
    const { paper, session } = clientOf({ hostname: 'client.example.org' });
    session.receive(octetsOf('220 mx.example.com\r\n'), 0);
    act(session);
    session.receiveEnd();
    act(session);
    session.receiveEnd(); // of a session that has closed: nothing is left to tell
    act(session);
    expect(paper.text).toMatch(/EHLO client\.example\.org\n\* eof\n\* close\n$/);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  it('replays a PLAIN exchange with the password that was struck out', () => {
    const { paper, session } = clientOf({ hostname: 'client.example.org', auth: { secret: { type: 'password', authcid: 'alice@example.org', password: 'open-sesame' }, hash: HASH, nonce: 'n', clearText: true } });
    for (const text of ['220 mx.example.com\r\n', '250-mx.example.com\r\n250 AUTH PLAIN\r\n', '235 ok\r\n', '421 mx.example.com\r\n']) {
      session.receive(octetsOf(text), 0);
      act(session);
    }
    expect(paper.text).toContain('Options: hostname=client.example.org, user=alice@example.org:struck out, secret-in-clear\n');
    expect(paper.text).toContain(`C: AUTH PLAIN ${encodeBase64(octetsOf('\0alice@example.org\0struck out'))}\n`);
    expect(paper.text).not.toMatch(/sesame/);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  it('replays a wait that was cut short by its own options, and knows a server that is itself', () => {
    const { paper, session } = clientOf({ hostname: 'client.example.org', timeout: 307, ownNames: ['mx.example.com'] });
    act(session);
    session.expire(307);
    act(session);
    expect(paper.text).toContain('Options: hostname=client.example.org, timeout=0.307, own-name=mx.example.com\n');
    expect(paper.text).toContain('* clock +307ms\n');
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  it('says nothing of a wait that is longer than a header can have', () => {
    const { paper, session } = clientOf({ hostname: 'client.example.org', timeout: Number.MAX_SAFE_INTEGER });
    act(session);
    expect(paper.text).toContain('Options: hostname=client.example.org\n');
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  const MAIL = { reversePath: parseReversePath('<alice@example.org>') as ReversePath, forwardPaths: [parseForwardPath('<bob@example.com>') as ForwardPath] };
  const STARTED = ['220 mx.example.com\r\n', '250-mx.example.com\r\n250 STARTTLS\r\n', '220 go ahead\r\n'];

  // found by reading
  it.each<[string, (session: RecordedClientSession) => void]>([
    ['fails', (session) => session.tlsFailed('wrong version number')],
    ['proves nothing', (session) => session.secured({ version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: false, fault: 'certificate has expired' }, 0)],
  ])('replays a handshake that %s, and what its mail gets then', (_, end) => {
    const { paper, session } = clientOf({ hostname: 'client.example.org', tlsPolicy: 'verify' });
    for (const text of STARTED) {
      session.receive(octetsOf(text), 0);
      act(session);
    }
    end(session);
    act(session);
    if (session.state === 'quit') session.receive(octetsOf('221 goodbye\r\n'), 0);
    act(session);
    session.send(MAIL, 0);
    act(session);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  it.each<[string, (session: RecordedClientSession) => void]>([
    ['read ECONNRESET', (session) => session.lost('connection-lost', 'read ECONNRESET')],
    ['no such file', (session) => session.contentLost('no such file')],
  ])('says why, as one does that was not: %s', (why, end) => {
    const { paper, session } = clientOf({ hostname: 'client.example.org' });
    for (const text of ['220 mx.example.com\r\n', '250 mx.example.com\r\n', '250 ok\r\n', '250 ok\r\n', '354 go ahead\r\n']) {
      session.receive(octetsOf(text), 0);
      act(session);
      if (session.state === 'ready') session.send(MAIL, 0);
      act(session);
    }
    end(session);
    act(session);
    expect(paper.text).toContain(`: ${why}\n`);
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  // found by reading: no word of MAIL or RCPT could be above ASCII
  it('replays what a mail asks for, above ASCII too', () => {
    const { paper, session } = clientOf({ hostname: 'client.example.org' });
    for (const text of ['220 mx.example.com\r\n', '250 mx.example.com\r\n']) {
      session.receive(octetsOf(text), 0);
      act(session);
    }
    session.send({ ...MAIL, parameters: { auth: '<>', smtpUtf8: true }, recipientParameters: [{ originalRecipient: { type: 'utf-8', address: '日本@example.com' } }] }, 0);
    act(session);
    expect(paper.text).toContain('A: mail <alice@example.org> AUTH=<> SMTPUTF8 to <bob@example.com> ORCPT=utf-8;日本@example.com\n');
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });

  function clientOf(options: ClientOptions): { paper: Paper; session: RecordedClientSession } {
    const paper = new Paper();
    return { paper, session: new RecordedClientSession(options, 0, HEADER, paper.write) };
  }

  function act(session: RecordedClientSession): void {
    while (session.next() !== undefined); // what it does is written down
  }
});

describe('a record', () => {
  const record = (subject: 'server' | 'client'): { recorder: TranscriptRecorder; paper: Paper } => {
    const paper = new Paper();
    return { paper, recorder: new TranscriptRecorder(paper.write, { ...HEADER, subject, options: ['hostname=mx.example.com'] }, 500) };
  };
  const bodyOf = ({ text }: Paper): string => text.slice(text.indexOf('\n\n') + 2);
  const transcriptOf = ({ text }: Paper): Transcript => {
    const transcript = parseTranscript(text);
    if (isTranscriptFault(transcript)) throw new Error(formatTranscriptFault('it', transcript));
    return transcript;
  };

  it('has a header that nothing in it can break', () => {
    const paper = new Paper();
    new TranscriptRecorder(paper.write, { title: 'a line\nbreak is é ', source: 'a\0b', subject: 'client', hash: HASH }, 0);
    expect(transcriptOf(paper).header).toMatchObject({ title: 'a line?break is ?', source: 'a?b', subject: 'client' });
  });

  it('keeps the cuts between segments, and those inside of lines', () => {
    const { recorder, paper } = record('server');
    recorder.heard(octetsOf('NO'), 500);
    recorder.heard(octetsOf('OP\r\n'), 501);
    recorder.heard(octetsOf('NOOP\r\nQUIT\r\n'), 502);
    recorder.sent(octetsOf('250 ok\r\n'));
    recorder.heard(octetsOf('x\xff'), 503);
    expect(bodyOf(paper)).toBe('C= "NO"\n/\nC: OP\n/\nC: NOOP\nC: QUIT\nS: 250 ok\nC= "x\\xff"\n');
  });

  it('tells the time before an input that was long in coming, and before what falls due', () => {
    const { recorder, paper } = record('client');
    recorder.heard(octetsOf('220 a\r\n'), 1_499);
    recorder.heard(octetsOf('220 b\r\n'), 1_500);
    recorder.heard(octetsOf('220 c\r\n'), 2_501.5);
    recorder.due(302_500.5);
    expect(bodyOf(paper)).toBe('S: 220 a\n/\nS: 220 b\n* clock +1001ms\nS: 220 c\n* clock +301000ms\n');
  });

  it('holds no secret, neither of the client nor of the application', () => {
    const { recorder, paper } = record('server');
    recorder.sent(octetsOf('220 mx\r\n'));
    recorder.heard(octetsOf('AUTH CRAM-MD5\r\n'), 500);
    recorder.sent(octetsOf('334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n'));
    recorder.heard(octetsOf('dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n'), 500);
    recorder.said({ say: 'ask', about: 'auth', detail: 'secret tim' });
    recorder.said({ say: 'auth', answer: { type: 'secret', secret: octetsOf('tanstaaftanstaaf') } });
    recorder.sent(octetsOf('235 ok\r\n'));
    expect(paper.text).not.toMatch(/tanstaaf|dGltIGI5/);
    expect(bodyOf(paper)).toContain('# struck out: the secret');
    transcriptOf(paper);
  });

  it('has what a server began to say in SCRAM, though the line never ended', () => {
    const { recorder, paper } = record('client');
    recorder.heard(octetsOf('220 mx\r\n'), 500);
    recorder.sent(octetsOf(`AUTH SCRAM-SHA-256 ${encodeBase64(octetsOf('n,,n=alice,r=x'))}\r\n`));
    recorder.heard(octetsOf('334 c'), 500);
    recorder.heard(octetsOf('j14'), 500);
    recorder.world('lost');
    expect(bodyOf(paper)).toBe(`S: 220 mx\nC: AUTH SCRAM-SHA-256 ${encodeBase64(octetsOf('n,,n=alice,r=nonce'))}\nS= "334 cj14"\n* lost\n`);
  });

  it('says what was struck out of a line that never ended', () => {
    const { recorder, paper } = record('server');
    recorder.heard(octetsOf('AUTH PLAIN AGFsaWNl'), 500);
    recorder.world('lost');
    expect(bodyOf(paper)).toBe('C= "AUTH PLAIN struck out"\n* lost\n');
  });
});

describe('a recorded server', () => {
  it('can be replayed with its client\'s password struck out', () => {
    const paper = new Paper();
    const begin = (): never => {
      throw new Error('not asked');
    };
    const session = new RecordedServerSession({ hostname: 'mx.example.com', lmtp: true, without: ['DSN', 'SMTPUTF8', 'BINARYMIME', 'CHUNKING'], maxSize: 2000, startTls: true, auth: { mechanisms: ['PLAIN'], begin, clearText: true } }, 0, HEADER, paper.write);
    const settle = (): void => {
      for (let action; (action = session.next()) !== undefined; ) {
        if (action.type !== 'ask') continue;
        if (action.question.about === 'message') session.answerEach([reply(250, '2.0.0', 'taken'), reply(550, '5.1.1', 'not', 'this one')]);
        else if (action.question.about === 'rcpt') session.accept(reply(250, '2.1.5', 'yes'));
        else session.accept();
      }
    };
    settle();
    for (const line of ['LHLO client.example.org', 'MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.com>', 'RCPT TO:<carol@example.com>', 'DATA', 'hello\r\n.', 'QUIT']) {
      session.receive(octetsOf(`${line}\r\n`), 0);
      settle();
    }
    expect(session.state).toBe('closed');
    expect(paper.text).toContain('Options: hostname=mx.example.com, size=2000, lmtp, with=REQUIRETLS, without=CHUNKING, tls=offered, auth=PLAIN, auth-in-clear\n');
    expect(paper.text).toContain('A: each 550-5.1.1 not\nA: each 550 5.1.1 this one\n');
    expect(troubleOf(paper, 'all')).toBeUndefined();
  });
});
