// What the fuzzer begins with: the fixtures. Transcripts become inputs of sessions, tables of the grammar those of parsers.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { concat } from '../../src/wire/octet.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { crc32 } from '../../src/relay/queue/checksum.ts';
import { encodeFact, type Fact } from '../../src/relay/queue/fact.ts';
import { HEADER, RECORD_TYPES } from '../../src/relay/queue/record.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { readScript, type Script, type Step } from '../../src/transcript/script.ts';
import { CUT, formatCues, type Cue } from './cue.ts';
import { saslSeeds } from './sasl-target.ts';
import { CLIENT_OPTIONS, SERVER_OPTIONS } from './session-option.ts';
import type { TargetName } from './targets.ts';

/** Octets; longer ones are slow, and their length alone is what they are about. */
const LONGEST_SESSION = 1_500;

/** The inputs that each target begins with. `root`: of the repository. */
export function seedsOf(target: TargetName, root: string): Uint8Array[] {
  const fixtures = join(root, 'fixtures');
  switch (target) {
    case 'lineDecoder': case 'dataDecoder': case 'chunkDecoder':
      return scriptsOf(fixtures).flatMap(({ steps }) => steps.flatMap((step, at) => (step.type === 'receive' ? [concat([Uint8Array.of(at & 7), ...step.segments])] : []))).filter(({ length }) => length < 1_500);
    case 'command': return [...grammar(fixtures, ['command', 'command-utf8', 'path', 'parameter']), ...AWKWARD_COMMANDS.map(encodeUtf8)];
    case 'path': return grammar(fixtures, ['path', 'path-utf8', 'reverse-path', 'mailbox', 'domain', 'domain-utf8', 'address-literal', 'trace', 'date']);
    case 'reply': case 'ehloReply': return [...grammar(fixtures, ['reply', 'keyword', 'status']), ...sentTo(fixtures, 'client')];
    case 'encodings': return [...grammar(fixtures, ['parameter', 'path-utf8']), encodeAscii('YWxpY2U='), encodeAscii('a+2Bb+3D')];
    case 'proxyHeader': return PROXY_HEADERS;
    case 'journalRecord': return FACTS.map((_, at) => concat([...FACTS.slice(at).map(recordOf), Uint8Array.of(0, 30, 1, 7)]));
    case 'dnsRoute': return filesBelow(join(fixtures, 'routes')).map((file) => readFileSync(file)).filter(({ length }) => length < 3_000);
    case 'transcript': return transcriptFiles(fixtures).map((file) => readFileSync(file)).filter(({ length }) => length < 3_000);
    case 'serverSession': return scriptsOf(fixtures).filter(({ header }) => header.subject === 'server').map(serverInput).filter(({ length }) => length < LONGEST_SESSION);
    case 'clientSession': return scriptsOf(fixtures).filter(({ header }) => header.subject === 'client').flatMap(clientInputs).filter(({ length }) => length < LONGEST_SESSION);
    case 'saslExchange': return saslSeeds();
    case 'serverAgainstClient': return PAIRS;
    default: return target satisfies never;
  }
}

/** What was found before, one file an input. */
export function corpusOf(target: TargetName, root: string): { readonly name: string; readonly octets: Uint8Array }[] {
  const folder = join(root, 'fixtures/corpus', target);
  return existsSync(folder) ? readdirSync(folder).sort().map((name) => ({ name, octets: Uint8Array.from(readFileSync(join(folder, name))) })) : [];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).sort().map((name) => join(folder, name));
}

function transcriptFiles(fixtures: string): string[] {
  return filesBelow(join(fixtures, 'transcripts')).filter((file) => file.endsWith('.smtp'));
}

/** The transcripts, read once for all targets. */
const scripts = new Map<string, readonly Script[]>();

function scriptsOf(fixtures: string): readonly Script[] {
  const known = scripts.get(fixtures) ?? transcriptFiles(fixtures).flatMap((file) => {
    const transcript = parseTranscript(readFileSync(file, 'utf8'));
    const script = isTranscriptFault(transcript) ? transcript : readScript(transcript);
    return isTranscriptFault(script) ? [] : [script];
  });
  scripts.set(fixtures, known);
  return known;
}

/** What the peer of a subject sent, run by run. */
function sentTo(fixtures: string, subject: string): Uint8Array[] {
  return scriptsOf(fixtures).filter(({ header }) => header.subject === subject).flatMap(({ steps }) => steps.flatMap((step) => (step.type === 'receive' ? [concat(step.segments)] : []))).filter(({ length }) => length < 1_500);
}

/** The inputs of grammar tables: their second column. */
function grammar(fixtures: string, names: readonly string[]): Uint8Array[] {
  return names.flatMap((name) => readFileSync(join(fixtures, 'grammar', `${name}.tsv`), 'utf8').split('\n').slice(1).flatMap((row) => {
    const [, input] = row.split('\t');
    return input === undefined ? [] : [encodeUtf8(input.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).replace(/\\r/g, '\r').replace(/\\n/g, '\n').replace(/\\t/g, '\t'))];
  }));
}

/** Cues of a session: what the application says stands before what it is asked about. */
function cuesOf(steps: readonly Step[]): Cue[] {
  const cues: Cue[] = [];
  const cue = (letter: string): void => void cues.push({ type: 'cue', letter });
  for (const step of steps) {
    if (step.type === 'receive') step.segments.forEach((octets, at) => {
      if (at > 0) cue(CUT);
      cues.push({ type: 'octets', octets });
    });
    else if (step.type === 'say' && step.said.say === 'refuse') cues.splice(-1, 0, { type: 'cue', letter: REFUSALS[step.replyLines[0]?.slice(0, 3) ?? ''] ?? 'n' });
    else if (step.type === 'say' && step.said.say === 'auth' && step.said.answer.type === 'no') cues.splice(-1, 0, { type: 'cue', letter: 'n' });
    else if (step.type === 'say' && (step.said.say === 'accept' || step.said.say === 'auth')) cues.splice(-1, 0, { type: 'cue', letter: 'a' });
    else if (step.type === 'world') {
      const { event } = step;
      switch (event.happens) {
        case 'eof': cue('e'); break;
        case 'lost': cue('l'); break;
        case 'shutdown': cue('s'); break;
        case 'clock': cue('t'); cue('T'); break;
        default: cue(event.happens.endsWith('insufficient') ? 'i' : 'h');
      }
    }
  }
  return cues;
}

const REFUSALS: Readonly<Record<string, string>> = { '421': 'x', '450': 'd', '451': 'd', '452': 'd', '552': 'f' };

function serverInput({ header: { options }, steps }: Script): Uint8Array {
  const lists = [options.get('with'), options.get('lenient')].join(' ').split(' ');
  const listed = (names: readonly string[]): number => names.reduce((bits, name, at) => bits | (lists.includes(name) ? 1 << at : 0), 0);
  const tls = options.get('tls');
  const kind = (options.has('lmtp') ? 1 : 0) | (tls === undefined || tls === 'implicit' ? 0 : tls === 'unavailable' ? 6 : 2) | (tls === 'implicit' ? 8 : 0) | (tls === 'required' ? 16 : 0) | (options.has('auth') ? 32 : 0) | (options.has('auth-required') ? 64 : 0) | (options.has('auth-in-clear') ? 128 : 0);
  const lenient = listed(['bareLfInCommand', 'spaceAroundColon', 'missingAngleBrackets', 'oddDotsInLocalPart', 'unknownParameters', 'longTextLines', 'repairLineEnds']);
  const size = Number(options.get('size') ?? Infinity) < 1_000 ? 3 : 0;
  return concat([Uint8Array.of(kind, lenient, 0, listed(['BINARYMIME', 'SMTPUTF8', 'DSN', 'REQUIRETLS']), size, 0, 0, 0), formatCues(cuesOf(steps))]);
}

/** The replies of a server to a client with other mails than the transcript's: to one whose content is asked for, and to one that has it. */
function clientInputs({ header: { options }, steps }: Script): Uint8Array[] {
  const cues = formatCues(cuesOf(steps));
  const tls = Math.max(0, ['off', 'opportunistic', 'require', 'verify'].indexOf(options.get('tls-policy') ?? 'off')) | (options.has('tls-at-once') ? 4 : 0);
  const auth = (options.has('user') ? 1 : options.has('token') ? 2 : 0) | (options.has('secret-in-clear') ? 4 : 0);
  const kind = (options.has('lmtp') ? 1 : 0) | (options.has('own-name') ? 4 : 0);
  return [0, 8].map((atHand) => concat([Uint8Array.of(kind, tls, auth, 0b10 | atHand, 0, 0), cues]));
}

const AWKWARD_COMMANDS = ['MAIL FROM: <a@b>', 'RCPT TO:a@b', 'MAIL FROM:<a..b@c>', 'RCPT TO:<"a@b"@c> ORCPT=rfc822;a+40b', 'BDAT 00012 LAST', 'AUTH PLAIN =', 'GET / HTTP/1.1', 'MAIL FROM:<ü@ü> SMTPUTF8 SIZE=1'];

const PROXY_HEADERS: Uint8Array[] = [
  ...['PROXY TCP4 192.0.2.1 192.0.2.2 1 65535\r\nEHLO', 'PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 25 25\r\n', 'PROXY UNKNOWN what ever\r\n', 'PROXY TCP4 192.0.2.256 1 2 3\r\n'].map(encodeAscii),
  ...[[0x20, 0x00, 0, 0], [0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 25, 1, 0], [0x21, 0x21, 0, 36, ...new Uint8Array(36)], [0x21, 0x11, 0, 19, ...new Uint8Array(12), 3, 0, 4, 1, 2, 3, 4], [0x21, 0x31, 0, 216, ...new Uint8Array(216)]].map((block) => Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, ...block)),
];

const REPLY = { code: 451, enhanced: '4.7.1', lines: ['greylisted', 'come back'] };
const ENVELOPE = { id: 'm0-1', arrival: 1_753_000_000_000, reversePath: '<a@b.test>', forwardPaths: ['<c@d.test>', '<e@f.test>'], size: 7, eightBit: true, parameters: '', recipientParameters: [] };

const FACTS: readonly Fact[] = [
  { type: 'SEG', version: 2, segment: 42 },
  { type: 'ENQ', envelope: ENVELOPE, external: false, cause: undefined },
  { type: 'ENQ', envelope: { ...ENVELOPE, parameters: 'RET=HDRS', recipientParameters: ['NOTIFY=NEVER', ''] }, external: true, cause: { id: 'm', turn: 1, nextAttempt: 9, recipients: [], warned: [0, 2] } },
  { type: 'RES', results: { id: 'm0-1', turn: 3, nextAttempt: 17, recipients: [{ recipient: 0, state: { state: 'delivered' } }, { recipient: 1, state: { state: 'waiting', reply: REPLY } }], warned: [1] } },
  { type: 'ATT', id: 'm0-1', turn: 4, host: 'mx.test', recipients: [0, 1] },
  { type: 'STATE', envelope: ENVELOPE, external: true, next: { turn: 21, value: 2 }, held: { turn: 22, value: 1 }, recipients: [{ state: 'failed', reply: REPLY, turn: 24, attempted: { turn: 23, host: 'mx' } }, { state: 'failed', reply: REPLY, turn: 26, attempted: { turn: 0, host: '' } }] },
  { type: 'STATE', envelope: ENVELOPE, external: false, next: { turn: 0, value: 2 }, held: { turn: 0, value: 0 }, recipients: [] },
  { type: 'HOLD', id: 'm0-1', turn: 5, order: 'return' },
  { type: 'KILL', id: 'm' },
];

function recordOf(fact: Fact): Uint8Array {
  const { type, flags, octets, behind } = encodeFact(fact, crc32, 'external' in fact && !fact.external ? [encodeAscii('content')] : []);
  const payload = concat([octets.subarray(HEADER), ...behind]);
  const types = RECORD_TYPES.length;
  const place = RECORD_TYPES.indexOf(type);
  const kind = Array.from({ length: 16 }, (_, low) => (flags << 4) | low).find((octet) => octet % types === place) ?? place;
  return concat([Uint8Array.of(kind, payload.length), payload]);
}

const PAIRS: Uint8Array[] = [
  [],
  [2, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x17],
  [0x22, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0x17, 1, 0x1d],
  [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x13, 3],
  [1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0x1b, 0x31, 0x44],
  [8, 0, 0, 15, 0, 0, 0, 0, 0, 2, 0, 0x1f, 0x15, 0x30],
  [0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0x07, 0x62, 0x09],
  [0xa0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 5, 0x03, 0, 0],
  [0xa0, 0, 32, 0x20, 0, 0, 0, 0, 0, 0, 5, 0x45, 0x05, 0],
].map((options) => concat([Uint8Array.from(options), new Uint8Array(SERVER_OPTIONS + CLIENT_OPTIONS + 40 - options.length), encodeAscii(encodeBase64(Uint8Array.from(options)))]));
