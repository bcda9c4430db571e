// The target `serverAgainstClient`: our two sessions over a link that cuts, delays and breaks, with applications that say
// anything. The first octets are the options of both; each that follows decides something, and 0 is the benign decision.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import type { ClientAction, ClientTls, Outcome } from '../../src/protocol/client/action.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import type { ServerAction, ServerQuestion } from '../../src/protocol/server/action.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { reply, type Reply } from '../../src/syntax/reply.ts';
import { claim, feature } from './property.ts';
import { mailsOf, octetsOf, type PlannedMail } from './mail-plan.ts';
import { yes } from './server-run.ts';
import { CLIENT_OPTIONS, clientPlanOf, SERVER_OPTIONS, serverOptionsOf } from './session-option.ts';

const REFUSALS: readonly Reply[] = [reply(450, '4.7.1', 'not now'), reply(550, '5.7.1', 'no'), reply(552, '5.2.2', 'full'), reply(421, '4.3.2', 'mx.example.com closing')];
const MOST_STEPS = 4_000;

export function serverAgainstClient(octets: Uint8Array): void {
  new Pair(octets).run();
}

interface Taken {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly refused: ReadonlySet<string>; // in LMTP, in the end
  readonly content: string;
}

class Pair {
  readonly #octets: Uint8Array;
  #at = SERVER_OPTIONS + CLIENT_OPTIONS;
  readonly #server: ServerSession;
  readonly #client: ClientSession;
  readonly #lmtp: boolean;
  readonly #handshake: 'verified' | 'unverified' | 'failed';
  readonly #mails: readonly PlannedMail[];
  readonly #up: Uint8Array[] = [];
  readonly #down: Uint8Array[] = [];
  #upEnd = false;
  #downEnd = false;
  #question: ServerQuestion | undefined;
  #shaking: 'client' | 'server' | 'both' | undefined;
  #wanting = false;
  #content = '';
  #sending = -1;
  #telling = 0; // the mail that outcomes are of
  #unread = 0;
  #now = 0;
  #hidden = false; //   something was lost on the way
  #deaf = false; //     the client hears nothing
  readonly #taken: Taken[] = [];
  readonly #outcomes = new Map<string, Outcome>();
  #closes = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
    const options = serverOptionsOf(octets.subarray(0, SERVER_OPTIONS));
    const plan = clientPlanOf(octets.subarray(SERVER_OPTIONS));
    const secured = options.secured === true;
    this.#lmtp = options.lmtp === true;
    this.#handshake = plan.handshake;
    this.#mails = mailsOf([...octets.subarray(SERVER_OPTIONS + 3, SERVER_OPTIONS + CLIENT_OPTIONS)]);
    this.#server = new ServerSession(options, 0);
    this.#client = new ClientSession({ ...plan.options, lmtp: this.#lmtp, tlsAtOnce: secured, timeout: Infinity }, 0); // two that could not speak to each other are another target's
  }

  run(): void {
    for (let step = 0; this.#closes < 2; step++) {
      claim(step < MOST_STEPS, () => `still ${this.#client.state} and ${this.#server.state} after ${step} steps`);
      this.#turn();
      if (this.#closes < 2) this.#happen();
    }
    this.#turn();
    this.#claimMails();
  }

  #choose(): number {
    return this.#octets[this.#at++] ?? 0;
  }

  /** One thing that can happen now; time passes when nothing else can. */
  #happen(): void {
    const choice = this.#choose();
    const happenings: (() => void)[] = [];
    if (this.#question !== undefined) happenings.push(() => this.#answer(this.#choose()));
    if (this.#up.length > 0 || this.#upEnd) happenings.push(() => this.#carryUp());
    if (this.#down.length > 0 || this.#downEnd) happenings.push(() => this.#carryDown());
    if (this.#wanting && this.#client.state === 'content') happenings.push(() => this.#supply());
    if (this.#shaking === 'both' && this.#up.length === 0 && this.#down.length === 0) happenings.push(() => this.#shake());
    if (choice === 0xff) return this.#break(this.#choose());
    const happening = happenings[choice % Math.max(1, happenings.length)];
    if (happening === undefined) this.#wait();
    else happening();
  }

  /** Nothing is under way: only a deadline can go on from here, and where nothing was lost there should be none to wait for. */
  #wait(): void {
    const next = Math.min(this.#server.deadline, this.#client.deadline);
    claim(next < Infinity, () => `nothing will ever happen again: ${this.#client.state}, ${this.#server.state}`);
    claim(this.#hidden || this.#handshake === 'failed', () => `each waits for the other: ${this.#client.state}, ${this.#server.state}`);
    this.#now = Math.max(this.#now, next);
    this.#server.expire(this.#now);
    this.#client.expire(this.#now);
  }

  #break(how: number): void {
    switch (how % 5) {
      case 0: return this.#server.shutdown();
      case 1:
        this.#hidden = true;
        return this.#client.abort();
      case 2:
        this.#hidden = true;
        this.#up.length = 0;
        this.#down.length = 0;
        this.#question = undefined;
        this.#server.lost();
        return this.#client.lost();
      case 3: { // no answer comes any more, the connection stays
        this.#hidden = true;
        this.#deaf = true;
        this.#down.length = 0;
        return;
      }
      default: // a while passes
        this.#now = Math.min(this.#now + 60_000, this.#server.deadline - 1, this.#client.deadline - 1);
    }
  }

  #turn(): void {
    for (let acted = true; acted; ) {
      acted = false;
      for (let action; (action = this.#server.next()) !== undefined; acted = true) this.#serve(action);
      for (let action; (action = this.#client.next()) !== undefined; acted = true) this.#order(action);
    }
    if (this.#server.state === 'closed') this.#question = undefined;
    if (this.#client.state !== 'content') this.#wanting = false;
  }

  #carryUp(): void {
    const octets = this.#cut(this.#up);
    if (octets !== undefined) return this.#server.receive(octets, this.#now);
    this.#upEnd = false;
    this.#server.receiveEnd(this.#now);
  }

  #carryDown(): void {
    const octets = this.#cut(this.#down);
    if (octets !== undefined) return this.#client.receive(octets, this.#now);
    this.#downEnd = false;
    this.#client.receiveEnd();
  }

  /** The next octets of a direction: a parcel, or a part of it. */
  #cut(parcels: Uint8Array[]): Uint8Array | undefined {
    const [first] = parcels;
    if (first === undefined) return undefined;
    const choice = this.#choose();
    const length = choice === 0 || choice >= first.length ? first.length : choice;
    if (length === first.length) parcels.shift();
    else parcels[0] = first.subarray(length);
    return first.slice(0, length);
  }

  #serve(action: ServerAction): void {
    switch (action.type) {
      case 'send':
        if (!this.#deaf) this.#down.push(action.octets.slice());
        return;
      case 'close':
        this.#closes += 1;
        this.#downEnd = !this.#deaf;
        return;
      case 'ask':
        this.#question = action.question;
        return;
      case 'data':
        this.#content = '';
        return;
      case 'content':
        this.#content += decodeLatin1(action.octets);
        return;
      case 'start-tls': return this.#shakes('server');
      case 'abort': case 'ended': case 'leniency': case 'notice': case 'unauthenticated': return;
      default: action satisfies never;
    }
  }

  #order(action: ClientAction): void {
    switch (action.type) {
      case 'send': return void this.#up.push(action.octets.slice());
      case 'close':
        this.#closes += 1;
        this.#upEnd = true;
        return;
      case 'ready':
        if (this.#sending + 1 < this.#mails.length) return this.#begin();
        return this.#client.quit(this.#now);
      case 'takes-next':
        if (this.#sending + 1 < this.#mails.length) this.#begin();
        return;
      case 'want-content':
        this.#wanting = true;
        return;
      case 'outcome': {
        const key = `${this.#telling} ${action.forwardPath.text}`;
        claim(!this.#outcomes.has(key), () => `a second outcome for ${key}`);
        this.#outcomes.set(key, action.outcome);
        feature(`${action.outcome.state} ${action.outcome.reply.code}`);
        return;
      }
      case 'start-tls': return this.#shakes('client');
      case 'derive': return this.#client.derived(new Uint8Array(32).fill(7), this.#now);
      case 'done':
        this.#telling += 1;
        return;
      default: action satisfies never;
    }
  }

  #shakes(who: 'client' | 'server'): void {
    this.#shaking = this.#shaking === undefined && this.#server.state === 'tls' && this.#client.state !== 'tls' ? who : 'both';
    if (this.#client.state === 'tls' && this.#server.state !== 'tls') this.#shaking = this.#server.state === 'connected' ? 'both' : who; // TLS at once is in the server's options
  }

  #shake(): void {
    this.#shaking = undefined;
    const tls: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', verified: this.#handshake === 'verified', channelBinding: { name: 'tls-exporter', data: octetsOf('a channel') } };
    if (this.#handshake === 'failed') {
      this.#client.tlsFailed();
      this.#server.lost();
      return;
    }
    if (this.#server.state === 'tls') this.#server.secured(this.#now);
    if (this.#client.state === 'tls') this.#client.secured(tls, this.#now);
  }

  #answer(choice: number): void {
    const question = this.#question;
    this.#question = undefined;
    if (question === undefined) return;
    if (question.about === 'auth') return this.#server.answerAuth(choice === 1 ? { type: 'no' } : choice === 2 ? { type: 'unavailable' } : yes(question.auth), this.#now);
    const refusal = choice % 2 === 1 ? REFUSALS[(choice >> 1) & 3] : undefined;
    if (refusal !== undefined) return this.#server.refuse(refusal, this.#now);
    if (question.about === 'message') {
      const { reversePath, forwardPaths } = question.envelope;
      const each = this.#lmtp && (choice & 2) !== 0;
      const refused = new Set(each ? forwardPaths.filter((_, at) => at % 2 === (choice >> 3) % 2).map(({ text }) => text) : []);
      this.#taken.push({ sender: reversePath.text, recipients: forwardPaths.map(({ text }) => text), refused, content: this.#content });
      const no = (choice & 4) !== 0 ? reply(421, '4.3.2', 'mx.example.com closing') : reply(450, '4.2.2', 'full');
      if (each) return this.#server.answerEach(forwardPaths.map(({ text }) => (refused.has(text) ? no : reply(250, '2.0.0', 'taken'))), this.#now);
    }
    this.#server.accept(undefined, this.#now);
  }

  #begin(): void {
    this.#sending += 1;
    this.#unread = 0;
    const mail = this.#mails[this.#sending];
    if (mail !== undefined) this.#client.send(mail.transaction, this.#now);
  }

  #supply(): void {
    const mail = this.#mails[this.#sending];
    this.#wanting = false;
    if (mail === undefined) return;
    const from = this.#unread;
    this.#unread = Math.min(mail.content.length, from + mail.piece);
    if (from < mail.content.length) this.#client.content(mail.content.subarray(from, this.#unread), this.#now);
    else this.#client.contentEnd(this.#now);
  }

  /** What the two say of a mail can both be true. */
  #claimMails(): void {
    for (const [index, { transaction, content }] of this.#mails.entries()) {
      const sender = transaction.reversePath.text;
      const copies = this.#taken.filter(({ recipients }) => recipients.some((path) => transaction.forwardPaths.some(({ text }) => text === path)));
      claim(copies.length <= 1, () => `mail ${index} of ${sender} is taken ${copies.length} times`);
      const [copy] = copies;
      const text = decodeLatin1(content);
      if (copy !== undefined) {
        claim(copy.sender === sender, () => `mail of ${sender} comes from ${copy.sender}`);
        claim(copy.content === text || copy.content === `${text}\r\n`, () => `${JSON.stringify(text)} arrives as ${JSON.stringify(copy.content)}`);
      }
      const begun = transaction.forwardPaths.some(({ text: path }) => this.#outcomes.has(`${index} ${path}`));
      for (const { text: path } of transaction.forwardPaths) {
        const state = this.#outcomes.get(`${index} ${path}`)?.state;
        const taken = copy !== undefined && copy.recipients.includes(path) && !copy.refused.has(path);
        claim(begun ? state !== undefined : !taken, () => `${path} has no outcome`);
        claim(state !== 'delivered' || taken, () => `${path} is delivered, and the server did not take it`);
        claim((state !== 'failed' && state !== 'deferred') || !taken, () => `${path} is ${state}, and the server took it`);
        claim(state !== 'unknown' || this.#hidden, () => `${path} is unknown, and nothing was lost`);
      }
    }
  }
}
