// One run of a ServerSession over the cues of an input: what it sends, what its application is told, and the claims that hold at
// every step, whoever is at the other end.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { reply, type Reply } from '../../src/syntax/reply.ts';
import { FRAMING, serverEdges, type State } from '../../src/protocol/server/table.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import type { ServerAction, ServerQuestion } from '../../src/protocol/server/action.ts';
import type { ServerOptions } from '../../src/protocol/server/option.ts';
import type { AuthAnswer, AuthQuestion } from '../../src/protocol/sasl/exchange.ts';
import { decoyCredential } from '../../src/protocol/sasl/scram-key.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { HASH } from '../../src/node/credential.ts';
import type { Cue } from './cue.ts';
import { claim } from './property.ts';
import { PASSWORD } from './session-option.ts';

/** Arrows of the machine, and those of two steps: the first of them may be over before anybody looks. */
const ARROWS = arrowsOf([...serverEdges()]);

export function arrowsOf(edges: readonly { readonly from: string; readonly to: string }[]): ReadonlySet<string> {
  const arrows = new Set(edges.map(({ from, to }) => `${from} → ${to}`));
  const passing = edges.flatMap((first) => edges.filter(({ from }) => from === first.to).map(({ to }) => `${first.from} → ${to}`));
  return new Set([...arrows, ...passing]);
}

/** What the application answers from now on: each has a letter. `wait` leaves the question open. */
const POLICIES: Readonly<Record<string, 'accept' | 'say' | 'wait' | Reply>> = {
  a: 'accept',
  b: 'say', // accepts in words of its own
  w: 'wait',
  n: reply(550, '5.7.1', 'no'),
  d: reply(451, '4.3.0', 'not now'),
  f: reply(552, '5.2.2', 'full'),
  x: reply(421, '4.3.2', 'mx.example.com closing'),
};

const WORDS: Readonly<Record<Exclude<ServerQuestion['about'], 'auth'>, Reply>> = {
  client: reply(220, undefined, 'mx.example.com', 'of several', 'lines'),
  helo: reply(250, undefined, 'mx.example.com hello'),
  mail: reply(250, '2.1.0', 'gr\u00fc\u00dfe'),
  rcpt: reply(251, '2.1.5', 'will forward to <\u00fc@example.com>'),
  vrfy: reply(250, '2.1.5', '<\u00fc@example.com>'),
  message: reply(250, '2.0.0', 'queued\r\n250 as a lie'),
};

/** Octets and cues that one input may have; the fuzzer's inputs are shorter. */
const MOST_ACTIONS = 20;

export interface Told {
  readonly about: string;
  readonly octets?: Uint8Array;
}

export class ServerRun {
  readonly session: ServerSession;
  sent = '';
  readonly told: Told[] = [];
  /** Paths of the transaction that the application has accepted; undefined: none is under way. */
  mail: { readonly sender: string; readonly recipients: string[]; readonly binary: boolean } | undefined;
  closes = 0;
  now = 0;

  readonly lmtp: boolean;
  #policy: 'accept' | 'say' | 'wait' | Reply = 'accept';
  #mixed = false; //            recipients of LMTP are answered one by one, by turns
  #open: ServerQuestion | undefined;
  #state: State;
  readonly #watched: boolean; // every change of state is seen
  #actions = 0;
  #allowed = 100;
  #begun = false; //            mail data of which the application was told
  #transactions = 0; //         that the application accepted and that have not ended

  /** `policy`: a letter of `POLICIES`. `watched`: nothing is received while a question is open, nor more than an octet at a time. */
  constructor(options: ServerOptions, policy: string, watched = false) {
    this.lmtp = options.lmtp === true;
    this.#policy = POLICIES[policy] ?? 'accept';
    this.#watched = watched;
    this.session = new ServerSession(options, this.now);
    this.#state = this.session.state;
  }

  get waiting(): boolean {
    return this.#open !== undefined;
  }

  receive(octets: Uint8Array): void {
    this.#allowed += MOST_ACTIONS * octets.length;
    this.session.receive(octets, this.now);
    this.pump();
  }

  /** A cue; those that nobody knows do nothing. */
  meet(letter: string): void {
    this.#allowed += 100;
    const policy = POLICIES[letter];
    switch (letter) {
      case 'm': this.#mixed = !this.#mixed; break;
      case 'g': this.answer(); break;
      case 't': this.#pass(60_000); break;
      case 'T': this.#pass(this.session.deadline - this.now); break;
      case 'k': this.session.receive(new Uint8Array(0), this.now); break; // kept waiting
      case 'e': this.session.receiveEnd(this.now); break;
      case 'l':
        this.#open = undefined;
        this.session.lost();
        break;
      case 's': this.session.shutdown(); break;
      case 'h': if (this.session.state === 'tls') this.session.secured(this.now); break;
      case 'i': if (this.session.state === 'tls') this.session.insecure(this.now); break;
      default: if (policy !== undefined) this.#policy = policy;
    }
    this.pump();
  }

  play(cues: readonly Cue[]): this {
    this.pump();
    for (const cue of cues) {
      if (cue.type === 'octets') this.receive(cue.octets);
      else this.meet(cue.letter);
    }
    return this;
  }

  /** The client is gone, and whatever the application has open with it; what must hold in the end does. */
  end(): this {
    this.#allowed += 1_000;
    this.#open = undefined;
    this.session.lost();
    this.pump();
    claim(this.session.state === 'closed' && this.closes === 1, () => `${this.session.state}, closed ${this.closes} times, behind the end`);
    claim(this.session.deadline === Infinity, () => 'a deadline behind the end');
    claim(!this.#begun, () => 'mail data of which the application is told no end');
    claim(this.#transactions === 0, () => `${this.#transactions} transactions without an end`);
    claim(this.session.held.length === 0, () => 'replies held back behind the end');
    return this;
  }

  /** Takes all actions. */
  pump(): void {
    this.#look();
    for (let action; (action = this.session.next()) !== undefined; this.#look()) {
      claim(++this.#actions <= this.#allowed, () => `${this.#actions} actions`);
      claim(this.closes === 0 || action.type === 'ended' || action.type === 'abort', () => `${action?.type} behind the close`);
      this.#take(action);
    }
    claim((this.session.state === 'closed') === (this.closes === 1), () => `state ${this.session.state}, closed ${this.closes} times`);
  }

  /** Answers the open question, as the policy has it, with anything but waiting. */
  answer(): void {
    const question = this.#open;
    this.#open = undefined;
    if (question === undefined || this.session.state === 'closed') return;
    const policy = this.#policy === 'wait' ? 'accept' : this.#policy;
    if (question.about === 'auth') return this.#answerAuth(question.auth, policy);
    if (typeof policy !== 'string') return this.session.refuse(policy, this.now);
    const words = policy === 'say' ? WORDS[question.about] : undefined;
    if (question.about === 'mail') {
      this.mail = { sender: question.reversePath.text, recipients: [], binary: question.parameters.body === 'BINARYMIME' };
      this.#transactions += 1;
    }
    if (question.about === 'rcpt') this.mail?.recipients.push(question.forwardPath.text);
    if (question.about === 'message' && this.lmtp && this.#mixed) {
      return this.session.answerEach(question.envelope.forwardPaths.map((_, at) => (at % 2 === 0 ? reply(250, '2.0.0', 'taken') : reply(452, '4.2.2', 'full'))), this.now);
    }
    this.session.accept(words, this.now);
  }

  #answerAuth(question: AuthQuestion, policy: 'accept' | 'say' | Reply): void {
    if (typeof policy !== 'string' && policy.code === 421) return this.session.refuse(policy, this.now);
    this.session.answerAuth(typeof policy === 'string' ? yes(question) : policy.code === 550 ? { type: 'no' } : { type: policy.code === 451 ? 'unavailable' : 'too-weak' }, this.now);
  }

  #pass(time: number): void {
    if (!(time > 0 && time < Infinity)) return;
    this.now += time;
    const { deadline } = this.session;
    if (deadline > this.now) return;
    this.session.expire(this.now);
    claim(this.session.deadline > this.now, () => `a deadline of ${this.session.deadline} once ${this.now} has been told`);
  }

  #take(action: ServerAction): void {
    switch (action.type) {
      case 'send':
        claim(action.octets.length > 0, () => 'nothing is sent');
        this.sent += decodeLatin1(action.octets);
        return;
      case 'close':
        this.closes += 1;
        this.#open = undefined;
        return;
      case 'content':
        claim(this.#begun && action.octets.length > 0, () => 'content of no mail data, or none');
        this.told.push({ about: 'content', octets: action.octets.slice() });
        return;
      case 'data':
        claim(!this.#begun, () => 'mail data within mail data');
        this.#begun = true;
        this.#claimEnvelope(action.envelope);
        break;
      case 'abort':
        claim(this.#begun, () => 'an end of no mail data');
        this.#begun = false;
        break;
      case 'ended':
        this.#transactions -= 1;
        claim(this.#transactions === 0, () => 'an end of no transaction');
        this.mail = undefined;
        break;
      case 'ask': return this.#ask(action.question);
      case 'unauthenticated': return void this.told.push({ about: `unauthenticated ${action.reason} ${action.authcid}` });
      case 'start-tls': case 'leniency': case 'notice': break;
      default: action satisfies never;
    }
    if (action.type !== 'notice') this.told.push({ about: 'reason' in action ? `abort ${action.reason}` : 'how' in action ? `ended ${action.how} ${action.replied}` : 'name' in action ? action.name : action.type });
  }

  #ask(question: ServerQuestion): void {
    claim(this.#open === undefined, () => 'a question while another is open');
    if (question.about === 'message') {
      claim(this.#begun, () => 'a message without mail data');
      this.#begun = false;
      this.#claimEnvelope(question.envelope);
    }
    this.told.push({ about: `ask ${question.about}${question.about === 'message' ? ` ${question.size}` : ''}` });
    this.#open = question;
    if (this.#policy !== 'wait') this.answer();
  }

  #claimEnvelope({ reversePath, forwardPaths }: { readonly reversePath: { readonly text: string }; readonly forwardPaths: readonly { readonly text: string }[] }): void {
    const [got, expected] = [[reversePath.text, ...forwardPaths.map(({ text }) => text)], [this.mail?.sender, ...(this.mail?.recipients ?? [])]];
    claim(got.join('\n') === expected.join('\n'), () => `an envelope of ${got.join(' ')}, where ${expected.join(' ')} was accepted`);
  }

  /** The state is another: was there an arrow? */
  #look(): void {
    const { state } = this.session;
    if (state !== this.#state && this.#watched) {
      claim(ARROWS.has(`${this.#state} → ${state}`), () => `no edge leads from ${this.#state} to ${state}`);
      claim(state in FRAMING, () => `no state ${state}`);
    }
    this.#state = state;
  }
}

const CREDENTIAL = decoyCredential('alice', { secret: encodeAscii('of a fuzzer'), iterations: 4_096 }, HASH);

/** The answer that lets a client in. */
export function yes(question: AuthQuestion): AuthAnswer {
  switch (question.type) {
    case 'password': case 'authority': return { type: 'yes' };
    case 'credential': return { type: 'credential', credential: CREDENTIAL };
    case 'secret': return { type: 'secret', secret: encodeAscii(PASSWORD) };
    case 'token': return { type: 'identity', authcid: 'alice' };
    default: return question satisfies never;
  }
}
