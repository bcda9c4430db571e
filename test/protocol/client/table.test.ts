import { describe, expect, it } from 'vitest';
import type { ReplyClass } from '../../../src/syntax/reply.ts';
import { AWAITED, CLIENT_EVENTS, STATES, clientEdges, onEvent } from '../../../src/protocol/client/table.ts';
import type { Awaited, ClientEvent, State } from '../../../src/protocol/client/table.ts';
import { minutes } from '../../../src/protocol/limit.ts';
import type { ClientOptions } from '../../../src/protocol/client/option.ts';
import { ALICE, ClientDialogue, UNVERIFIED, VERIFIED, ehloReply } from '../../support/client-dialogue.ts';
import { explore } from '../../support/explorer.ts';
import type { Walk } from '../../support/explorer.ts';
import { octetsOf } from '../../wire/every.ts';

const COMMANDS = Object.keys(AWAITED) as Awaited[]; // the keys are AWAITED's own
const EDGES = [...clientEdges()];
/** Where an edge leads to, by where it begins and what it is taken on. */
const LEADS_TO = new Map(EDGES.map(({ from, on, to }) => [`${from}: ${on}`, to]));

const reachable = (from: string): Set<string> => {
  const met = new Set([from]);
  for (const state of met) for (const edge of EDGES) if (edge.from === state) met.add(edge.to);
  return met;
};
/** What is awaited that a reply of this class is an answer to. */
const answeredBy = (replyClass: ReplyClass): string[] => COMMANDS.filter((awaited) => awaited !== 'QUIT' && AWAITED[awaited].on[replyClass] !== 'closed');

describe('the client\'s tables', () => {
  it('reach every state from the greeting', () => {
    expect([...reachable('greeting')].sort()).toEqual([...STATES].sort());
  });

  it('lead from every state to the end, and from the end nowhere', () => {
    expect(STATES.filter((state) => !reachable(state).has('closed'))).toEqual([]);
    expect(EDGES.filter(({ from }) => from === 'closed')).toEqual([]);
  });

  it('end every state but the end when the session breaks', () => {
    expect(STATES.filter((state) => onEvent(state, 'broken') === 'closed')).toEqual(STATES.filter((state) => state !== 'closed'));
  });

  it('take a 3yz as the answer to DATA and AUTH alone (§4.3.2, RFC 4954 §4)', () => {
    expect(answeredBy(3)).toEqual(['AUTH', 'DATA']);
  });

  it('take a 2yz as an answer to everything but DATA (§4.3.2)', () => {
    expect(answeredBy(2)).toEqual(COMMANDS.filter((awaited) => awaited !== 'DATA' && awaited !== 'QUIT'));
  });

  it('treat 4yz and 5yz alike but in reply to EHLO, where an old server says 5yz (§3.2)', () => {
    expect(COMMANDS.filter((awaited) => AWAITED[awaited].on[4] !== AWAITED[awaited].on[5])).toEqual(['EHLO']);
    expect(AWAITED.EHLO.on[5]).toBe('helo');
  });

  it('say QUIT where the server does not let the client in, or its certificate is no good (§4.1.1.10, RFC 3207 §4.1)', () => {
    expect(EDGES.filter(({ to }) => to === 'quit').map(({ on }) => on)).toEqual(['4yz to greeting', '5yz to greeting', '4yz to EHLO', '4yz to LHLO', '5yz to LHLO', '4yz to HELO', '5yz to HELO', 'not verified', 'quit']);
  });

  it('go on with the transaction whatever MAIL and RCPT are answered (§3.3)', () => {
    for (const awaited of ['MAIL', 'RCPT'] as const) expect([AWAITED[awaited].on[4], AWAITED[awaited].on[5]]).toEqual(['stays', 'stays']);
  });

  it('send mail data behind a 354, chunks behind recipients that were taken or in one flight with the envelope, and nowhere else (§3.3, §4.1.1.4, RFC 3030 §2)', () => {
    const into = (state: State): string[] => EDGES.filter(({ from, to }) => to === state && from !== state).map(({ from, on }) => `${from}: ${on}`);
    expect(into('content')).toEqual(['envelope: 3yz to DATA', 'envelope: recipients taken']);
    expect(into('ending')).toEqual(['content: content sent']);
    expect(into('flight')).toEqual(['ready: one flight']);
  });

  it('begin a transaction, STARTTLS and AUTH between transactions only (§4.1.4, RFC 4954 §4)', () => {
    for (const event of ['transaction', 'one flight', 'start tls', 'authenticate'] as const) expect(EDGES.filter(({ on }) => on === event).map(({ from }) => from)).toEqual(['ready']);
  });

  it('say EHLO again behind the handshake (RFC 3207 §4.2)', () => {
    expect(onEvent('tls', 'secured')).toBe('ehlo');
  });

  it('wait for each reply as long as §4.5.3.2 has it at least, and for what it does not name', () => {
    const wanted: Readonly<Record<Awaited, number>> = {
      greeting: 5, EHLO: 5, LHLO: 5, HELO: 5, STARTTLS: 5, AUTH: 5, RSET: 5, 'RSET in flight': 5, MAIL: 5, RCPT: 5, DATA: 2, BDAT: 5, 'BDAT LAST': 10, 'one recipient': 10, 'end of mail data': 10, QUIT: 0.5,
    };
    for (const awaited of COMMANDS) expect(AWAITED[awaited].timeout).toBe(minutes(wanted[awaited]));
  });

  it('are drawn whole: an edge for each class of reply to each command in each of its states, and for each event that is taken', () => {
    const events = Object.values(CLIENT_EVENTS).flatMap((row) => [...row]).filter((to) => to !== 'no');
    const replies = COMMANDS.flatMap((awaited) => AWAITED[awaited].in.flatMap(() => [2, 3, 4, 5]));
    expect(EDGES.length).toBe(replies.length + events.length);
    expect(new Set(EDGES.map(({ from, on }) => `${from} ${on}`)).size).toBe(EDGES.length);
  });
});

/** Kinds of session to walk: what they are set to do, and what their server offers. */
const KINDS: readonly { readonly title: string; readonly options: Partial<ClientOptions>; readonly keywords: readonly string[] }[] = [
  { title: 'plain', options: {}, keywords: ['PIPELINING'] },
  { title: 'with chunks', options: {}, keywords: ['PIPELINING', 'CHUNKING'] },
  { title: 'with chunks one by one', options: {}, keywords: ['CHUNKING'] },
  { title: 'of LMTP', options: { lmtp: true }, keywords: ['PIPELINING'] },
  { title: 'of LMTP with chunks', options: { lmtp: true }, keywords: ['PIPELINING', 'CHUNKING'] },
  { title: 'with TLS that must be good', options: { tlsPolicy: 'verify' }, keywords: ['STARTTLS'] },
  { title: 'with TLS at once', options: { tlsPolicy: 'verify', tlsAtOnce: true }, keywords: [] },
  { title: 'with AUTH', options: { auth: ALICE }, keywords: ['AUTH CRAM-MD5'] },
];

describe('sessions, walked through all their states', () => {
  const taken = new Set<string>();

  it.each(KINDS)('$title: are always in the state that the tables say, and send what is to be sent there', ({ options, keywords }) => {
    const places = explore(() => new ClientWalk(taken, options, keywords)); // each step is compared
    expect(places.size).toBeGreaterThan(10);
  });

  it('take every edge of the tables', () => {
    expect(EDGES.map(({ from, on }) => `${from}: ${on}`).filter((edge) => !taken.has(edge))).toEqual([]);
  });
});

type Input =
  | { readonly reply: readonly string[]; readonly replyClass: ReplyClass | 'closing' | undefined }
  | { readonly mail: number; readonly whole?: true }
  | { readonly content: 'clean' | 'bare' | 'end' | 'lost' }
  | { readonly handshake: 'verified' | 'unverified' | 'failed' }
  | { readonly world: 'quit' | 'abort' | 'time' | 'end' | 'lost' };

const REPLIES: readonly Input[] = [
  { reply: ['250 ok'], replyClass: 2 },
  { reply: ['354 go on'], replyClass: 3 },
  { reply: ['451 not now'], replyClass: 4 },
  { reply: ['550 no'], replyClass: 5 },
  { reply: ['421 closing'], replyClass: 'closing' },
  { reply: ['hello'], replyClass: undefined },
];
const CHALLENGE: Input = { reply: ['334 PHg+'], replyClass: 3 };
const WORLD: readonly Input[] = (['abort', 'time', 'end', 'lost'] as const).map((world) => ({ world }));
const MAILS: readonly Input[] = [{ mail: 1 }, { mail: 2 }];
const CONTENT: readonly Input[] = (['clean', 'bare', 'end', 'lost'] as const).map((content) => ({ content }));
const HANDSHAKES: readonly Input[] = (['verified', 'unverified', 'failed'] as const).map((handshake) => ({ handshake }));

/** Chunks that are sent ahead in a walk: more of them lead to nothing new. */
const CHUNKS_WALKED = 2;

/** A session beside the words of the tables: what state it is in, what it awaits, and what it is to send. */
class ClientWalk implements Walk<Input> {
  readonly #client: ClientDialogue;
  readonly #taken: Set<string>;
  readonly #options: Partial<ClientOptions>;
  readonly #keywords: readonly string[];
  #state: State;
  #awaited: Awaited[] = [];
  #unsent: Awaited[] = [];
  #sent: string[] = []; //    commands of this step
  #open = 0; //               recipients without an outcome
  #accepted = 0; //           that RCPT took
  #offered: readonly string[] = [];
  #secured = false;
  #begun = false; //          a transaction that was not finished; RSET goes before the next
  #failed = false; //         the server was left for a reason: later mail gets it
  #proven = false; //         the response to the challenge is out
  #last = false; //           the server wants no transaction behind this one

  constructor(taken: Set<string>, options: Partial<ClientOptions>, keywords: readonly string[]) {
    this.#taken = taken;
    this.#options = options;
    this.#keywords = keywords;
    this.#client = new ClientDialogue(options);
    this.#state = options.tlsAtOnce === true ? 'tls' : 'greeting';
    if (this.#state === 'greeting') this.#awaited = ['greeting'];
    this.#client.pump();
  }

  get key(): string {
    return [this.#state, this.#awaited, this.#unsent, this.#open, this.#accepted, this.#offered, this.#secured, this.#begun, this.#failed, this.#proven, this.#last, this.#cancelled].join(' ');
  }

  get inputs(): readonly Input[] {
    const mails = this.#state === 'ready' || (this.#failed && (this.#state === 'closed' || this.#state === 'quit'));
    const offers: readonly Input[] = this.#state === 'ehlo' ? [{ reply: ehloReply(this.#keywords), replyClass: 2 }] : [];
    return [
      ...(this.#state === 'auth' ? REPLIES.map((input) => ('reply' in input && input.replyClass === 3 ? CHALLENGE : input)) : REPLIES),
      ...offers,
      ...WORLD,
      ...(mails ? [...MAILS, { mail: 2, whole: true } as const] : []),
      ...(this.#state === 'ready' ? [{ world: 'quit' } as const] : []),
      ...(this.#client.wanting && this.#open > 0 && this.#awaited.length < CHUNKS_WALKED ? CONTENT : []),
      ...(this.#state === 'tls' ? HANDSHAKES : []),
    ];
  }

  take(input: Input): void {
    this.#sent = [];
    const lines = this.#act(input);
    const [{ session, ready, shaking, closes }, state] = [this.#client, this.#state];
    const sent = lines.map((line) => line.slice(0, line.startsWith('STARTTLS') ? 8 : 4));
    const found = `${session.state}, sent ${sent.join()}, ready ${ready}, shaking ${shaking}, closes ${closes}`;
    const wanted = `${state}, sent ${this.#sent.join()}, ready ${state === 'ready'}, shaking ${state === 'tls'}, closes ${state === 'closed' ? 1 : 0}`;
    if (found !== wanted) expect({ input, found }).toEqual({ input, found: wanted });
    const wanting = this.#state === 'content' && this.#open > 0 && this.#awaited.length < (this.#pipelining && this.#options.lmtp !== true ? 16 : 1);
    const asked = this.#client.wanting && this.#open > 0; // when nobody is left, what was wanted is not any more
    if (asked !== wanting) expect({ input, state: this.#state, wanting: asked }).toEqual({ input, state: this.#state, wanting });
  }

  get #pipelining(): boolean {
    return this.#offered.includes('PIPELINING');
  }

  get #chunking(): boolean {
    return this.#offered.includes('CHUNKING');
  }

  #act(input: Input): string[] {
    if ('reply' in input) {
      if (this.#state !== 'closed') this.#receive(input.replyClass, input.reply.length > 1 ? this.#keywords : []);
      return this.#client.reply(...input.reply);
    }
    if ('mail' in input) {
      this.#begin(input.mail, input.whole === true);
      return this.#client.mail(['bob@example.com', 'carol@example.com'].slice(0, input.mail), input.whole === true ? { content: octetsOf('x\r\n') } : {});
    }
    if ('world' in input) return this.#meet(input.world);
    if ('handshake' in input) return this.#shakeHands(input.handshake);
    switch (input.content) {
      case 'clean':
        this.#sent = this.#chunking ? ['BDAT', 'x'] : ['x'];
        if (this.#chunking) this.#awaited.push('BDAT');
        return this.#client.give('x\r\n');
      case 'bare':
        this.#break();
        return this.#client.give('x\nx\r\n');
      case 'lost':
        this.#break();
        return this.#client.giveUp();
      case 'end':
        this.#finish(this.#chunking ? 'BDAT' : '.');
        return this.#client.finish();
      default: return input.content satisfies never;
    }
  }

  #meet(world: 'quit' | 'abort' | 'time' | 'end' | 'lost'): string[] {
    switch (world) {
      case 'quit':
        this.#follow('quit');
        this.#send('QUIT');
        return this.#client.quit();
      case 'time':
        if (this.#state !== 'ready') this.#break('QUIT');
        return this.#client.wait(minutes(10));
      default:
        this.#break(world === 'abort' ? 'QUIT' : undefined);
        return this.#client[world]();
    }
  }

  #shakeHands(how: 'verified' | 'unverified' | 'failed'): string[] {
    if (how === 'failed') {
      this.#break();
      return this.#client.unsecure();
    }
    this.#secured = true;
    this.#offered = [];
    if (how === 'unverified' && this.#options.tlsAtOnce === true) this.#break();
    else if (how === 'unverified') {
      this.#follow('not verified');
      this.#failed = true;
      this.#send('QUIT');
    } else if (this.#options.tlsAtOnce === true) {
      this.#follow('secured at once');
      this.#awaited = ['greeting'];
    } else {
      this.#follow('secured');
      this.#send('EHLO');
    }
    return this.#client.secure(how === 'verified' ? VERIFIED : UNVERIFIED);
  }

  #begin(recipients: number, whole: boolean): void {
    if (this.#state !== 'ready') return; // it gets the failure
    const flies = whole && this.#pipelining && this.#chunking && this.#options.lmtp !== true;
    this.#follow(flies ? 'one flight' : 'transaction');
    this.#open = recipients;
    this.#accepted = 0;
    this.#whole = whole;
    this.#unsent = [...(this.#begun ? ([flies ? 'RSET in flight' : 'RSET'] as const) : []), 'MAIL', ...Array.from({ length: recipients }, () => 'RCPT' as const), ...(this.#chunking ? [] : (['DATA'] as const))];
    this.#begun = true;
    this.#send(...this.#unsent.splice(0, this.#pipelining ? Infinity : 1));
    if (!flies) return;
    this.#awaited.push('BDAT LAST');
    this.#sent.push('BDAT', 'x');
  }

  #receive(replyClass: ReplyClass | 'closing' | undefined, keywords: readonly string[]): void {
    const awaited = this.#awaited.shift();
    if (replyClass === 'closing' && (awaited === 'one recipient' || (awaited === 'RCPT' && this.#state === 'flight'))) { // what comes behind decides about the others
      this.#last = true;
      if (awaited === 'RCPT') this.#open = Math.max(0, this.#open - 1);
      return this.#follow(`4yz to ${awaited}`);
    }
    if (replyClass === 'closing') return this.#break();
    if (replyClass === undefined || awaited === undefined) return this.#break('QUIT', awaited);
    if (this.#state === 'tls') return this.#break();
    const before = this.#state;
    const { on, in: states } = AWAITED[awaited];
    if (!states.includes(before)) throw new Error(`${awaited} in state ${before}`);
    if (on[replyClass] === 'closed' && awaited !== 'QUIT' && replyClass < 4 && this.#polite(awaited)) this.#sent.push('QUIT');
    this.#follow(`${replyClass}yz to ${awaited}`);
    if (this.#state === 'closed') return this.#end(awaited !== 'QUIT');
    if (this.#state === 'quit') {
      this.#failed = true;
      return this.#send('QUIT');
    }
    this.#goOn(awaited, replyClass, keywords);
  }

  #goOn(awaited: Awaited, replyClass: ReplyClass, keywords: readonly string[]): void {
    const positive = replyClass < 4;
    switch (awaited) {
      case 'greeting': return this.#send(this.#options.lmtp === true ? 'LHLO' : 'EHLO');
      case 'EHLO': case 'LHLO': case 'HELO':
        if (!positive) return this.#send('HELO');
        this.#offered = awaited === 'HELO' ? [] : keywords;
        return this.#negotiate(false);
      case 'STARTTLS': return positive ? undefined : this.#negotiate(true);
      case 'AUTH':
        if (replyClass === 3 && this.#cancelled) return this.#break(); // the star is refused or the session is over
        if (replyClass === 3) {
          this.#sent.push(this.#proven ? '*' : 'YWxp'); // a second challenge is none that CRAM-MD5 has
          this.#awaited.push('AUTH');
          if (this.#proven) this.#cancelled = true;
          this.#proven = true;
          return;
        }
        return this.#state === 'ready' && positive && this.#proven && !this.#cancelled ? undefined : this.#leave();
      case 'RSET in flight':
        this.#last ||= !positive;
        break;
      case 'MAIL':
        if (!positive) this.#open = 0;
        break;
      case 'RCPT':
        if (positive) this.#accepted += 1;
        else this.#open = Math.max(0, this.#open - 1);
        break;
      case 'DATA':
        if (this.#state !== 'content') this.#open = 0;
        else if (this.#open === 0 && this.#options.lmtp === true) this.#break();
        else if (this.#open === 0) this.#finish('.'); // RFC 2920 §3.1
        else this.#giveWhole();
        return;
      case 'BDAT':
        if (!positive) this.#open = 0;
        if (this.#open > 0 || this.#awaited.length > 0 || this.#state !== 'content') return;
        return this.#follow('nobody left');
      case 'one recipient': case 'end of mail data': case 'BDAT LAST':
        if (positive) this.#begun = false;
        return this.#last && awaited !== 'one recipient' ? this.#break() : undefined;
      default: break;
    }
    if (this.#state === 'flight') return;
    if (this.#open === 0) this.#unsent = [];
    if (this.#unsent.length > 0) return this.#pipelining ? undefined : this.#send(...this.#unsent.splice(0, 1));
    if (this.#awaited.length > 0) return;
    this.#follow(this.#open === 0 ? 'nobody left' : 'recipients taken');
    if (this.#open > 0) this.#giveWhole();
  }

  #whole = false; //          the content of the mail is at hand
  #cancelled = false; //      by us

  /** TLS where it is offered and wanted, AUTH, or no further. */
  #negotiate(refused: boolean): void {
    if (this.#options.tlsPolicy === 'verify' && !this.#secured) {
      if (refused || !this.#offered.includes('STARTTLS')) return this.#leave();
      this.#follow('start tls');
      return this.#send('STARTTLS');
    }
    if (this.#options.auth === undefined) return;
    if (this.#offered.length === 0) return this.#leave();
    this.#follow('authenticate');
    this.#send('AUTH');
  }

  #leave(): void {
    this.#follow('quit');
    this.#failed = true;
    this.#send('QUIT');
  }

  #giveWhole(): void {
    if (!this.#whole) return;
    const sent = this.#sent;
    this.#finish(this.#chunking ? 'BDAT' : '.');
    this.#sent = [...sent, ...(this.#chunking ? ['BDAT', 'x'] : ['x', '.'])];
  }

  #finish(end: string): void {
    this.#follow('content sent');
    this.#sent = [end];
    const last = end === '.' ? 'end of mail data' : 'BDAT LAST';
    this.#awaited.push(...(this.#options.lmtp === true ? Array.from({ length: this.#accepted }, (_, index): Awaited => (index === this.#accepted - 1 ? last : 'one recipient')) : [last] as const));
  }

  #send(...commands: readonly Awaited[]): void {
    this.#awaited.push(...commands);
    this.#sent.push(...commands.map((command) => command.slice(0, command.startsWith('RSET') ? 4 : Infinity)));
  }

  /** Breaks off; with QUIT where it is our doing and can be heard. `answered`: what the reply that did it was to. */
  #break(quit?: 'QUIT', answered?: Awaited): void {
    if (this.#state === 'closed') return;
    if (quit !== undefined && this.#polite(answered)) this.#sent.push('QUIT');
    this.#follow('broken');
    this.#end(true);
  }

  #polite(answered?: Awaited): boolean {
    return ['ehlo', 'helo', 'ready', 'envelope', 'flight', 'ending'].includes(this.#state) && !this.#awaited.includes('DATA') && answered !== 'DATA';
  }

  #end(failed: boolean): void {
    this.#failed ||= failed;
    this.#awaited = [];
    this.#unsent = [];
    this.#open = 0;
  }

  /** Goes where the tables say. */
  #follow(on: ClientEvent | `${ReplyClass}yz to ${Awaited}`): void {
    const edge = `${this.#state}: ${on}`;
    const to = LEADS_TO.get(edge);
    if (to === undefined) throw new Error(`no edge for ${on} in state ${this.#state}`);
    this.#taken.add(edge);
    this.#state = to as State;
  }
}
