// Exchanges of SASL: a client and a server of one mechanism, and somebody between them who changes what they say.

import { encodeAscii } from '../../src/wire/ascii.ts';
import { EMPTY } from '../../src/wire/octet.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import type { AuthAnswer, AuthQuestion, ChannelBinding, ClientExchange, ClientStep, DeriveQuestion, Hash, MechanismName, ServerStep } from '../../src/protocol/sasl/exchange.ts';
import { beginClientExchange, beginServerExchange, MECHANISMS, type ClientSecret } from '../../src/protocol/sasl/mechanism.ts';
import { scramCredential } from '../../src/protocol/sasl/scram-key.ts';
import { HASH } from '../../src/node/credential.ts';
import { claim, claimEqual, feature } from './property.ts';

const NAMES = Object.keys(MECHANISMS) as MechanismName[]; // the table's own keys

/** Whom the application knows, by their prepared names. Nobody else says these words. */
const PASSWORDS: Readonly<Record<string, string>> = { alice: 'xyzzy-alice', 'a,b=c': 'xyzzy-comma', 'jürgen': 'xyzzy-ü' };
const TOKEN = 'xyzzy.bearer';
const WRONG = 'plugh-wrong';

const SALT = encodeAscii('sixteen octets..');
const ITERATIONS = 4_096;
const HERE: ChannelBinding = { name: 'tls-exporter', data: encodeAscii('this channel') };
const THERE: ChannelBinding = { name: 'tls-exporter', data: encodeAscii('another channel') };

/** Octets in front of the edits. */
export const SASL_OPTIONS = 3;

/** What of an exchange is random or slow elsewhere. */
interface Plan {
  readonly name: MechanismName;
  readonly secret: ClientSecret;
  /** The client holds what the application knows. */
  readonly right: boolean;
  readonly initial: boolean; // goes with AUTH
  readonly bindings: readonly [client: ChannelBinding | undefined, server: ChannelBinding | undefined];
  readonly policy: number; // of the application
}

/** Octet 0: the mechanism; 1: who the client is, and what it holds; 2: channels, the application, whether AUTH has a response. */
function planOf([kind = 0, who = 0, more = 0]: Uint8Array): Plan {
  const name = NAMES[kind % NAMES.length] ?? 'PLAIN';
  const authcid = ['alice', 'a,b=c', 'jürgen', 'nobody'][who & 3] ?? 'alice';
  const right = (who & 4) === 0 && Object.hasOwn(PASSWORDS, authcid);
  const authzid = [undefined, undefined, 'bob', 'al\u00adice'][(who >> 3) & 3];
  const as = authzid === undefined ? {} : { authzid };
  const secret: ClientSecret = MECHANISMS[name].needs === 'token' ? { type: 'token', token: right ? TOKEN : WRONG, ...as, ...((who & 32) === 0 ? {} : { host: 'mx.example', port: 587 }) } : { type: 'password', authcid, password: right ? (PASSWORDS[authcid] ?? WRONG) : WRONG, ...as };
  const binding = (at: number): ChannelBinding | undefined => [HERE, undefined, THERE, HERE][(more >> at) & 3];
  const plus = name === 'SCRAM-SHA-256-PLUS';
  return { name, secret, right, initial: (more & 16) === 0, bindings: plus ? [binding(0) ?? HERE, binding(2) ?? HERE] : [binding(0), undefined], policy: more >> 5 };
}

/** An exchange that was run. */
interface Run {
  readonly server: ServerStep | undefined; // the last step; undefined: the client never began
  readonly complete: boolean; //  the client believes the server
  readonly fault: string | undefined; // of the client
  readonly changed: readonly boolean[]; // of each message, in turn the client's and the server's
  readonly said: readonly string[]; // by one that ended it
}

export function saslExchange(octets: Uint8Array): void {
  const plan = planOf(octets);
  const edits = editsOf(octets.subarray(SASL_OPTIONS));
  const run = play(plan, edits);
  claimEqual(play(plan, edits), run, 'the same exchange once more');
  const { server, complete, fault, changed, said } = run;
  const scram = plan.name.startsWith('SCRAM');
  const success = server?.type === 'success';
  feature(`${plan.name} ${server?.type} ${server?.type === 'failure' ? server.reason : ''} ${fault} ${complete}`);
  for (const text of said) claim(![...Object.values(PASSWORDS), TOKEN, WRONG].some((secret) => text.includes(secret)), () => `a secret in ${text}`);
  if (scram || plan.name === 'CRAM-MD5') claim(!success || plan.right, () => `${plan.name} without the password`);
  if (scram) {
    claim(!success || !changed.slice(0, 3).includes(true), () => `${plan.name} with messages that were changed`);
    claim(!complete || plan.right, () => 'a server is believed that does not know the password');
    claim(!success || plan.name === 'SCRAM-SHA-256' || plan.bindings[0]?.data === plan.bindings[1]?.data, () => 'two channels are taken for one');
  }
  if (changed.includes(true) || plan.policy !== 0) return;
  const suits = server !== undefined && (fault === undefined || success);
  const mayAct = plan.secret.authzid !== 'bob';
  const oneChannel = plan.name !== 'SCRAM-SHA-256-PLUS' || plan.bindings[0]?.data === plan.bindings[1]?.data;
  if (suits) claim(success === (plan.right && mayAct && oneChannel), () => `${plan.name}: ${JSON.stringify(server)}, as nothing was changed`);
}

/** What becomes of each message: the n-th line is for the n-th. Empty: nothing; `=` and a text: it is that; else octets of it are overwritten. */
function editsOf(octets: Uint8Array): readonly Uint8Array[] {
  const edits: Uint8Array[] = [];
  for (let at = 0; at < octets.length && edits.length < 12; ) {
    const end = octets.indexOf(0x0a, at);
    edits.push(octets.subarray(at, end < 0 ? octets.length : end));
    at = end < 0 ? octets.length : end + 1;
  }
  return edits;
}

function edited(message: Uint8Array, edit: Uint8Array = EMPTY): Uint8Array {
  const [first] = edit;
  if (first === undefined) return message;
  if (first === 0x3d) return edit.slice(1);
  const copy = message.slice();
  if (copy.length > 0) copy.set(edit.subarray(1, 1 + copy.length - (first % copy.length)), first % copy.length);
  return copy;
}

function play({ name, secret, initial, bindings, policy }: Plan, edits: readonly Uint8Array[]): Run {
  const said: string[] = [];
  const changed: boolean[] = [];
  const pass = (message: Uint8Array): Uint8Array => {
    const passed = edited(message, edits[changed.length]);
    changed.push(passed.length !== message.length || passed.some((octet, at) => octet !== message[at]));
    return passed;
  };
  const given = (binding: ChannelBinding | undefined): { readonly channelBinding?: ChannelBinding } => (binding === undefined ? {} : { channelBinding: binding });
  const client = beginClientExchange(name, { secret, hash: HASH, nonce: 'c'.repeat(24), ...given(bindings[0]) });
  if ('fault' in client) return { server: undefined, complete: false, fault: client.fault, changed, said: [client.detail] };
  const exchange = beginServerExchange(name, { hash: HASH, nonce: 's'.repeat(24), hostname: 'mx.example', decoy: { secret: encodeAscii('decoy'), iterations: ITERATIONS }, ...given(bindings[1]) });
  const settled = (step: ServerStep): ServerStep => {
    let answered = step;
    for (let turn = 0; answered.type === 'ask'; turn++) {
      claim(turn < 3, () => 'a question without end');
      answered = exchange.answer(answerTo(answered.question, policy));
    }
    return answered;
  };
  const { initial: first } = client;
  let server = settled(exchange.next(initial && first !== undefined ? pass(first) : undefined));
  if (!initial && first !== undefined && server.type === 'challenge') server = settled(exchange.next(pass(first)));
  let fault: string | undefined;
  for (let turn = 0; server.type === 'challenge'; turn++) {
    claim(turn < 4, () => `${name} goes on and on`);
    const step = derived(client, client.next(pass(server.octets)));
    if (step.type === 'fault') {
      said.push(step.detail);
      fault ??= step.fault;
    }
    server = settled(exchange.next(pass(step.type === 'response' ? step.octets : EMPTY))); // where the client gives up, whoever is between goes on
  }
  if (server.type === 'failure') said.push(server.detail, server.text ?? '');
  said.push(client.explanation?.includes('xyzzy') === true && changed.includes(true) ? '' : (client.explanation ?? '')); // whoever is between may well say it
  return { server, complete: client.complete && MECHANISMS[name].stores === 'scram', fault, changed, said };
}

function derived(client: ClientExchange, step: ClientStep): ClientStep {
  return step.type === 'ask' ? client.answer(slowHash(step.question, HASH)) : step;
}

/** In the place of PBKDF2: as much as the fuzzer has to know of it, in no time. */
function slowHash({ password, salt, iterations }: Pick<DeriveQuestion, 'password' | 'salt' | 'iterations'>, { hmacSha256 }: Hash): Uint8Array {
  return hmacSha256(password, encodeUtf8(`${iterations} ${String.fromCharCode(...salt)}`));
}

/** As the users of PASSWORDS have it; with another policy, an application that cannot say, or says no. */
function answerTo(question: AuthQuestion, policy: number): AuthAnswer {
  if (policy === 1) return { type: 'unavailable', text: 'not now' };
  if (policy === 2) return { type: 'no', text: 'no' };
  if (policy === 3) return { type: 'too-weak' };
  const password = 'authcid' in question && Object.hasOwn(PASSWORDS, question.authcid) ? PASSWORDS[question.authcid] : undefined;
  switch (question.type) {
    case 'password': return { type: password !== undefined && password === question.password ? 'yes' : 'no' };
    case 'secret': return password === undefined ? { type: 'no' } : { type: 'secret', secret: encodeUtf8(password) };
    case 'credential': return password === undefined ? { type: 'no' } : { type: 'credential', credential: scramCredential(slowHash({ password: encodeUtf8(password), salt: SALT, iterations: ITERATIONS }, HASH), SALT, ITERATIONS, HASH) };
    case 'token': return question.token === TOKEN ? { type: 'identity', authcid: 'alice' } : policy === 4 ? { type: 'no', error: { status: 'invalid_token' } } : { type: 'no' };
    case 'authority': return { type: question.authzid === 'bob' ? 'no' : 'yes' };
    default: return question satisfies never;
  }
}

/** What the fuzzer begins with: each mechanism unchanged, and with each of its messages replaced by one that is odd. */
export function saslSeeds(): Uint8Array[] {
  const odd = ['', 'n,,n=alice,r=x', 'p=tls-exporter,,n=alice,r=cc', 'y,a=bob,n=a=2Cb=3Dc,r=cc', 'n,a=b=ob,n=x,r=y', 'r=cccccccccccccccccccccccccs,s=c2FsdA==,i=1', 'r=ccccccccccccccccccccccccs,s=c2FsdA==,i=999999999', 'e=other-error', 'v=AAAA,x=1', 'm=1,r=x,s=,i=1',
    'c=biws,r=x,p=AAAA', 'n,a=alice,\x01host=mx\x01port=587\x01auth=Bearer xyzzy.bearer\x01\x01', 'user=alice\x01auth=Bearer x\x01\x01', 'bob\0alice\0xyzzy-alice', '\0\u0627a\0x', '\0\ufdd0\0x', 'alice 00112233445566778899aabbccddeeff', '\u00a0alice', '{"status":"400"}'];
  const seeds: Uint8Array[] = [];
  for (const at of NAMES.keys()) {
    for (const who of [0, 1, 2, 3, 4, 8, 16, 24, 40]) seeds.push(Uint8Array.of(at, who, 0), Uint8Array.of(at, who, 0x14 + (who & 3)));
    for (const [index, text] of odd.entries()) seeds.push(Uint8Array.of(at, 0, (index << 5) & 0xff, ...encodeUtf8(`${'\n'.repeat(index % 4)}=${text}`)));
    seeds.push(Uint8Array.of(at, 0, 0, 0x0a, 0x0a, 5, 0x41), Uint8Array.of(at, 2, 0, 3, 0x41));
  }
  return seeds;
}
