import { describe, expect, it } from 'vitest';
import { HASH } from '../../src/node/credential.ts';
import type { AuthAnswer, AuthQuestion } from '../../src/protocol/sasl/exchange.ts';
import { beginServerExchange } from '../../src/protocol/sasl/mechanism.ts';
import { scramCredential } from '../../src/protocol/sasl/scram-key.ts';
import { formatTranscriptFault, isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { RecordedClientSession } from '../../src/transcript/record-client.ts';
import { RecordedServerSession } from '../../src/transcript/record-server.ts';
import { formatMismatch, replay } from '../../src/transcript/replay.ts';
import { deriveAgain, ScramStandIn } from '../../src/transcript/scram-stand-in.ts';
import { readScript } from '../../src/transcript/script.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { octetsOf, textOf } from '../wire/every.ts';

const SALT = octetsOf('a salt of alice');
const CREDENTIAL = scramCredential(deriveAgain({ password: octetsOf('open sesame'), salt: SALT, iterations: 4_096 }, HASH), SALT, 4_096, HASH);
const OTHER = scramCredential(deriveAgain({ password: octetsOf('another'), salt: SALT, iterations: 4_096 }, HASH), SALT, 4_096, HASH);

interface Recorded {
  readonly server: string;
  readonly client: string;
}

/** Records both sides of a session in which alice shows who she is; what passes is cut into pieces of this length. `forged`: what the server says is changed. */
function record(authcid: string, answer: (question: AuthQuestion) => AuthAnswer, length = Infinity, forged = (line: string): string => line): Recorded {
  const papers = { server: '', client: '' };
  const header = { title: 'a client shows who it is', source: 'a test', hash: HASH };
  const begin = (): ReturnType<typeof beginServerExchange> => beginServerExchange('SCRAM-SHA-256', { hash: HASH, nonce: 'of-the-server', hostname: 'mx.example.com', decoy: { secret: octetsOf('of this machine'), iterations: 4_096 } });
  const server = new RecordedServerSession({ hostname: 'mx.example.com', auth: { mechanisms: ['SCRAM-SHA-256'], begin } }, 0, header, (text) => (papers.server += text));
  const client = new RecordedClientSession({ hostname: 'client.example.org', auth: { secret: { type: 'password', authcid, password: 'open sesame' }, hash: HASH, nonce: 'of-the-client' } }, 0, header, (text) => (papers.client += text));
  const cut = (octets: Uint8Array): Uint8Array[] => Array.from({ length: Math.ceil(octets.length / Math.min(length, octets.length)) }, (_, at) => octets.slice(at * Math.min(length, octets.length), (at + 1) * Math.min(length, octets.length)));
  let done = false;
  for (let moved = true; moved; ) {
    moved = false;
    for (let action; (action = server.next()) !== undefined; moved = true) {
      if (action.type === 'ask' && action.question.about === 'auth') server.answerAuth(answer(action.question.auth), 0);
      else if (action.type === 'ask') server.accept();
      else if (action.type === 'send') for (const piece of cut(octetsOf(forged(textOf(action.octets))))) client.receive(piece, 0);
    }
    for (let action; (action = client.next()) !== undefined; moved = true) {
      if (action.type === 'derive') client.derived(deriveAgain(action.question, HASH), 0);
      else if (action.type === 'send') for (const piece of cut(action.octets.slice())) server.receive(piece, 0);
      else if (action.type === 'ready') {
        if (done) client.quit(0);
        else client.send({ reversePath: { type: 'null', text: '<>', key: '' }, forwardPaths: [{ type: 'postmaster', text: '<Postmaster>', key: 'postmaster' }], content: octetsOf('Hello\r\n') }, 0);
        done = true;
      }
    }
  }
  return papers;
}

/** What a replay of it has to say; that of a server, which derives nothing, is in every segmentation. */
function troubleOf(text: string): string | undefined {
  const transcript = parseTranscript(text.replace('Subject: client\n', 'Subject: client\nSegments: as written\n'));
  if (isTranscriptFault(transcript)) return `${formatTranscriptFault('it', transcript)}\n${text}`;
  const script = readScript(transcript);
  if (isTranscriptFault(script)) return `${formatTranscriptFault('it', script)}\n${text}`;
  const mismatch = replay(script, HASH);
  return mismatch && `${formatMismatch('it', mismatch)}\n${text}`;
}

const known = (): AuthAnswer => ({ type: 'credential', credential: CREDENTIAL });

describe('a recorded exchange of SCRAM (RFC 5802)', () => {
  it.each<[string, string, () => AuthAnswer, string]>([
    ['a client that knows the password', 'alice', known, '235 2.7.0'],
    ['a client with a wrong one', 'alice', () => ({ type: 'credential', credential: OTHER }), '535 5.7.8'],
    ['a client that nobody knows', 'mallory', () => ({ type: 'no' }), '535 5.7.8'],
    ['an application that cannot say', 'alice', () => ({ type: 'unavailable' }), '454 4.7.0'],
  ])('replays on both sides: %s', (_, authcid, answer, reply) => {
    for (const length of [Infinity, 5]) {
      const { server, client } = record(authcid, answer, length);
      for (const text of [server, client]) {
        expect(text).toContain(`S: ${reply}`);
        expect(troubleOf(text)).toBeUndefined();
      }
    }
  });

  it('holds nothing of the password, of what is kept of it, or of what was drawn by chance', () => {
    const { server, client } = record('alice', known);
    const words = (server + client).split(/[ "\n]/).flatMap((word) => [word, textOf(decodeBase64(word) ?? new Uint8Array())]);
    for (const secret of ['sesame', 'of-the-server', 'of-the-client', ...[SALT, CREDENTIAL.storedKey, CREDENTIAL.serverKey].map(encodeBase64)]) expect(words.filter((word) => word.includes(secret))).toEqual([]);
    expect(words).toContain('n,,n=alice,r=nonce');
  });

  it('replays a server that does not know the password, and is not believed', () => {
    const forge = (line: string): string => line.replace(/^334 dj.*$/m, `334 ${encodeBase64(octetsOf(`v=${encodeBase64(octetsOf('x'.repeat(32)))}`))}`);
    for (const length of [Infinity, 3]) {
      const { client } = record('alice', known, length, forge);
      expect(client).toMatch(/^S: 334 dj1BQUFB.*\nC: \*$/m); // v=AAA…
      expect(troubleOf(client)).toBeUndefined();
    }
  });
});

describe('what stands in for a message', () => {
  it('is nothing where it is no message, or bound to a channel', () => {
    for (const text of ['', 'hello', 'p=tls-exporter,,n=alice,r=x', 'n,,m=1,n=alice,r=x']) expect(new ScramStandIn(HASH).client(octetsOf(text))).toBeUndefined();
    const standIn = new ScramStandIn(HASH);
    standIn.client(octetsOf('n,,n=alice,r=x'));
    expect(standIn.client(octetsOf('c=biws,r=xy,p=AAAA'))).toBeUndefined(); // before the server has spoken
  });

  it.each(['', 'r=xy', 'r=other,s=c2FsdA==,i=4096', 'r=x,s=c2FsdA==,i=4096', 'r=xy,s=c2FsdA==,i=1', 'r=xy,s=c2FsdA==,i=99999999', 'e=unknown-user'])('is the message of the server itself where no client takes it: %j', (text) => {
    const standIn = new ScramStandIn(HASH);
    standIn.client(octetsOf('n,,n=alice,r=x'));
    expect(textOf(standIn.server(octetsOf(text)))).toBe(text);
    expect(standIn.client(octetsOf('c=biws,r=xy,p=AAAA'))).toBeUndefined();
  });
});
