import { describe, expect, it } from 'vitest';
import type { ReplyClass } from '../../../src/syntax/reply.ts';
import { AWAITED, CLIENT_EVENTS, clientEdges } from '../../../src/protocol/client/table.ts';
import type { Awaited, ClientEvent, State } from '../../../src/protocol/client/table.ts';
import { minutes } from '../../../src/protocol/limit.ts';
import { ClientDialogue, ehloReply } from '../../support/client-dialogue.ts';
import { explore } from '../../support/explorer.ts';
import type { Walk } from '../../support/explorer.ts';

const STATES = Object.keys(CLIENT_EVENTS.broken) as State[]; // the keys are the row's own
const COMMANDS = Object.keys(AWAITED) as Awaited[];
const EDGES = [...clientEdges()];
const CLASSES = [2, 3, 4, 5] as const;

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
    expect(STATES.filter((state) => CLIENT_EVENTS.broken[state] === 'closed')).toEqual(STATES.filter((state) => state !== 'closed'));
  });

  it('take a 3yz as the answer to DATA alone (§4.3.2)', () => {
    expect(answeredBy(3)).toEqual(['DATA']);
  });

  it('take a 2yz as an answer to everything but DATA (§4.3.2)', () => {
    expect(answeredBy(2)).toEqual(COMMANDS.filter((awaited) => awaited !== 'DATA' && awaited !== 'QUIT'));
  });

  it('treat 4yz and 5yz alike but in reply to EHLO, where an old server says 5yz (§3.2)', () => {
    expect(COMMANDS.filter((awaited) => AWAITED[awaited].on[4] !== AWAITED[awaited].on[5])).toEqual(['EHLO']);
    expect(AWAITED.EHLO.on[5]).toBe('helo');
  });

  it('say QUIT where the server does not let the client in (§4.1.1.10)', () => {
    expect(EDGES.filter(({ to }) => to === 'quit').map(({ on }) => on)).toEqual(['4yz to greeting', '5yz to greeting', '4yz to EHLO', '4yz to HELO', '5yz to HELO', 'quit']);
  });

  it('go on with the transaction whatever MAIL and RCPT are answered (§3.3)', () => {
    for (const awaited of ['MAIL', 'RCPT'] as const) expect([AWAITED[awaited].on[4], AWAITED[awaited].on[5]]).toEqual(['envelope', 'envelope']);
  });

  it('send mail data behind a 354 and nowhere else (§3.3, §4.1.1.4)', () => {
    expect(EDGES.filter(({ to }) => to === 'content').map(({ on }) => on)).toEqual(['3yz to DATA']);
    expect(EDGES.filter(({ to }) => to === 'ending').map(({ from, on }) => `${from}: ${on}`)).toEqual(['content: content sent']);
  });

  it('begin a transaction between transactions only (§4.1.4)', () => {
    expect(EDGES.filter(({ on }) => on === 'transaction').map(({ from }) => from)).toEqual(['ready']);
  });

  it('wait for each reply as long as §4.5.3.2 has it at least, and for what it does not name', () => {
    const wanted: Readonly<Record<Awaited, number>> = { greeting: 5, EHLO: 5, HELO: 5, RSET: 5, MAIL: 5, RCPT: 5, DATA: 2, 'end of mail data': 10, QUIT: 0.5 };
    for (const awaited of COMMANDS) expect(AWAITED[awaited].timeout).toBe(minutes(wanted[awaited]));
  });

  it('are drawn whole: an edge for each class of reply to each command, and for each event that is taken', () => {
    const events = Object.values(CLIENT_EVENTS).flatMap((row) => Object.values(row)).filter((to) => to !== 'no');
    expect(EDGES.length).toBe(COMMANDS.length * CLASSES.length + events.length);
    expect(new Set(EDGES.map(({ from, on }) => `${from} ${on}`)).size).toBe(EDGES.length);
  });
});

describe('a session, walked through all its states', () => {
  const taken = new Set<string>();

  it('is always in the state that the tables say, and sends what is to be sent there', () => {
    const places = explore(() => new ClientWalk(taken)); // each step is compared
    expect(places.size).toBeGreaterThan(50);
  });

  it('takes every edge of the tables', () => {
    expect(EDGES.map(({ from, on }) => `${from}: ${on}`).filter((edge) => !taken.has(edge))).toEqual([]);
  });
});

type Input =
  | { readonly reply: readonly string[]; readonly replyClass: ReplyClass | 'closing' | undefined }
  | { readonly mail: number }
  | { readonly content: 'clean' | 'bare' | 'end' | 'lost' }
  | { readonly world: 'quit' | 'abort' | 'time' | 'end' | 'lost' };

const PIPELINES = ehloReply(['PIPELINING']);
const REPLIES: readonly Input[] = [
  { reply: ['250 ok'], replyClass: 2 },
  { reply: PIPELINES, replyClass: 2 },
  { reply: ['354 go'], replyClass: 3 },
  { reply: ['451 not now'], replyClass: 4 },
  { reply: ['550 no'], replyClass: 5 },
  { reply: ['421 closing'], replyClass: 'closing' },
  { reply: ['hello'], replyClass: undefined },
];
const WORLD: readonly Input[] = (['abort', 'time', 'end', 'lost'] as const).map((world) => ({ world }));
const MAILS: readonly Input[] = [{ mail: 1 }, { mail: 2 }];
const CONTENT: readonly Input[] = (['clean', 'bare', 'end', 'lost'] as const).map((content) => ({ content }));

/** A session beside the words of the tables: what state it is in, what it awaits, and what it is to send. */
class ClientWalk implements Walk<Input> {
  readonly #client = new ClientDialogue();
  readonly #taken: Set<string>;
  #state: State = 'greeting';
  #awaited: Awaited[] = ['greeting'];
  #unsent: Awaited[] = [];
  #sent: string[] = []; //    commands of this step
  #open = 0; //               recipients without an outcome
  #pipelining = false;
  #begun = false; //          a transaction that was not finished; RSET goes before the next
  #failed = false; //         the server was left for a reason: later mail gets it

  constructor(taken: Set<string>) {
    this.#taken = taken;
    this.#client.pump();
  }

  get key(): string {
    return [this.#state, this.#awaited, this.#unsent, this.#open, this.#pipelining, this.#begun, this.#failed].join(' ');
  }

  get inputs(): readonly Input[] {
    const mails = this.#state === 'ready' || (this.#failed && (this.#state === 'closed' || this.#state === 'quit'));
    return [...REPLIES, ...WORLD, ...(mails ? MAILS : []), ...(this.#state === 'ready' ? [{ world: 'quit' } as const] : []), ...(this.#state === 'content' ? CONTENT : [])];
  }

  take(input: Input): void {
    this.#sent = [];
    const lines = this.#act(input);
    const found = { state: this.#client.session.state, sent: lines.map((line) => line.slice(0, 4)).join(), ready: this.#client.ready, wanting: this.#client.wanting, closes: this.#client.closes };
    const wanted = { state: this.#state, sent: this.#sent.join(), ready: this.#state === 'ready', wanting: this.#state === 'content', closes: this.#state === 'closed' ? 1 : 0 };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) expect({ input, ...found }).toEqual({ input, ...wanted });
  }

  #act(input: Input): string[] {
    if ('reply' in input) {
      if (this.#state !== 'closed') this.#receive(input.replyClass, input.reply === PIPELINES);
      return this.#client.reply(...input.reply);
    }
    if ('mail' in input) {
      this.#begin(input.mail);
      return this.#client.mail(['bob@example.com', 'carol@example.com'].slice(0, input.mail));
    }
    if ('world' in input) return this.#meet(input.world);
    switch (input.content) {
      case 'clean':
        this.#sent = ['x'];
        return this.#client.give('x\r\n');
      case 'bare':
        this.#break();
        return this.#client.give('x\nx\r\n');
      case 'lost':
        this.#break();
        return this.#client.giveUp();
      case 'end':
        this.#finish();
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
        if (this.#state !== 'ready') this.#break();
        return this.#client.wait(minutes(10));
      default:
        this.#break();
        return this.#client[world]();
    }
  }

  #begin(recipients: number): void {
    if (this.#state !== 'ready') return; // it gets the failure
    this.#follow('transaction');
    this.#open = recipients;
    this.#unsent = [...(this.#begun ? (['RSET'] as const) : []), 'MAIL', ...Array.from({ length: recipients }, () => 'RCPT' as const), 'DATA'];
    this.#begun = true;
    this.#send(...this.#unsent.splice(0, this.#pipelining ? Infinity : 1));
  }

  #receive(replyClass: ReplyClass | 'closing' | undefined, pipelining: boolean): void {
    const awaited = this.#awaited.shift();
    if (replyClass === undefined || replyClass === 'closing' || awaited === undefined) return this.#break();
    this.#follow(`${replyClass}yz to ${awaited}`);
    if (this.#state === 'closed') return this.#end(awaited !== 'QUIT');
    if (this.#state === 'quit') {
      this.#failed = true;
      return this.#send('QUIT');
    }
    switch (awaited) {
      case 'greeting': return this.#send('EHLO');
      case 'EHLO':
        if (replyClass === 5) return this.#send('HELO');
        this.#pipelining = pipelining;
        return;
      case 'HELO': return;
      case 'MAIL':
        if (replyClass !== 2) this.#open = 0;
        break;
      case 'RCPT':
        if (replyClass !== 2) this.#open = Math.max(0, this.#open - 1);
        break;
      case 'DATA':
        if (this.#state === 'content' && this.#open === 0) this.#finish(); // RFC 2920 §3.1
        return;
      case 'end of mail data':
        if (replyClass === 2) this.#begun = false;
        return;
      default: break;
    }
    if (this.#pipelining) return;
    if (this.#open > 0) return this.#send(...this.#unsent.splice(0, 1));
    this.#unsent = [];
    this.#follow('nobody left');
  }

  #finish(): void {
    this.#follow('content sent');
    this.#sent = ['.'];
    this.#awaited = ['end of mail data'];
  }

  #send(...commands: readonly Awaited[]): void {
    this.#awaited.push(...commands);
    this.#sent.push(...commands);
  }

  #break(): void {
    if (this.#state === 'closed') return;
    this.#follow('broken');
    this.#end(true);
  }

  #end(failed: boolean): void {
    this.#failed ||= failed;
    this.#awaited = [];
    this.#unsent = [];
    this.#open = 0;
  }

  /** Goes where the tables say. */
  #follow(on: ClientEvent | `${ReplyClass}yz to ${Awaited}`): void {
    const edge = EDGES.find((candidate) => candidate.from === this.#state && candidate.on === on);
    if (edge === undefined) throw new Error(`no edge for ${on} in state ${this.#state}`);
    this.#taken.add(`${edge.from}: ${on}`);
    this.#state = edge.to as State;
  }
}
