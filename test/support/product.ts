// The product of the two machines: a client's session and a server's in one place, every order in which octets can arrive, every
// verdict of the server's application, every word of the client's. No time passes: whoever waits for time waits for ever.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { reply, type Reply } from '../../src/syntax/reply.ts';
import type { ClientAction, Outcome } from '../../src/protocol/client/action.ts';
import type { ClientOptions } from '../../src/protocol/client/option.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import type { ServerAction, ServerQuestion } from '../../src/protocol/server/action.ts';
import type { ServerOptions } from '../../src/protocol/server/option.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import { forwardPath, reversePath } from './path.ts';
import { octetsOf } from '../wire/every.ts';
import type { Walk } from './explorer.ts';

export interface Setting {
  readonly server: ServerOptions; // one for all walks: a session is ten times as quick to make with options that are known
  readonly client: ClientOptions;
  readonly mails: number;
  readonly recipients: number;
  /** The client has the content at hand, and is not asked for it. */
  readonly atHand: boolean;
  /** The envelope of a mail may go right behind the end of the one before. */
  readonly followed?: boolean;
  /** What the server's application may say besides yes. */
  readonly verdicts: readonly Verdict[];
  /** Whether the server may be shut down, and the client give up. */
  readonly troubles?: boolean;
}

export type Verdict = 'accept' | '451' | '550' | '421';
export type Move =
  | Verdict
  | 'carry up' | 'carry down' | 'end up' | 'end down'
  | 'mail' | 'mail behind' | 'quit' | 'give' | 'finish' | 'content lost' | 'abort'
  | 'shutdown' | 'handshake' | 'handshake fails';

const REPLIES: Readonly<Record<Exclude<Verdict, 'accept'>, Reply>> = { '451': reply(451, '4.3.0', 'not now'), '550': reply(550, '5.7.1', 'no'), '421': reply(421, '4.3.2', 'mx.example.com closing') };
const CONTENT = octetsOf('.dot\r\n');

/** What the two have come to, seen from outside. */
export class Product implements Walk<Move> {
  readonly #setting: Setting;
  readonly #server: ServerSession;
  readonly #client: ClientSession;
  readonly #met: Set<string>;
  readonly #up: Uint8Array[] = [];
  readonly #down: Uint8Array[] = [];
  #upEnd: 'not yet' | 'under way' | 'told' = 'not yet';
  #downEnd: 'not yet' | 'under way' | 'told' = 'not yet';
  #question: ServerQuestion | undefined;
  #shaking = 0; //         how many of the two have asked for the handshake
  #ready = false;
  #takesNext = false;
  #wanting = false;
  #given = false; //       all of the content
  #begun = 0; //           mails
  #stopped = false; //     shut down, or given up
  #said = ''; //           in either direction, since the client was ready
  #taken = ''; //          recipients for whom the server took each mail
  #told = ''; //           outcomes
  readonly #takenFor: string[] = [];
  readonly #outcomes = new Map<string, Outcome>();

  /** `met`: pairs of states that were come to, `server × client`. */
  constructor(setting: Setting, met: Set<string>) {
    this.#setting = setting;
    this.#met = met;
    this.#server = new ServerSession(setting.server, 0);
    this.#client = new ClientSession(setting.client, 0);
    this.#turn();
  }

  get closed(): boolean {
    return this.#server.state === 'closed' && this.#client.state === 'closed';
  }

  get key(): string {
    const parts = [this.#server.state, this.#client.state, this.#question?.about, this.#shaking, this.#ready, this.#takesNext, this.#wanting, this.#given, this.#begun, this.#stopped, this.#upEnd, this.#downEnd];
    return [...parts, decodeLatin1(concat(this.#up)), decodeLatin1(concat(this.#down)), this.#said, this.#taken, this.#told].join('|');
  }

  /** What can happen now. Where nothing can and the two are not closed, each waits for the other. */
  get inputs(): readonly Move[] {
    const { verdicts, troubles = false, mails } = this.#setting;
    const moves: Move[] = [
      ...(this.#question === undefined ? [] : verdicts),
      ...(this.#up.length > 0 ? (['carry up'] as const) : this.#upEnd === 'under way' ? (['end up'] as const) : []),
      ...(this.#down.length > 0 ? (['carry down'] as const) : this.#downEnd === 'under way' ? (['end down'] as const) : []),
      ...(this.#shaking === 2 && this.#up.length + this.#down.length === 0 ? (['handshake', 'handshake fails'] as const) : []),
      ...(this.#ready ? [...(this.#begun < mails ? (['mail'] as const) : []), 'quit' as const] : []),
      ...(this.#takesNext && this.#begun < mails ? (['mail behind'] as const) : []),
      ...(this.#wanting ? [this.#given ? ('finish' as const) : ('give' as const), ...(troubles ? (['content lost'] as const) : [])] : []),
      ...(troubles && !this.#stopped && !this.closed ? (['shutdown', 'abort'] as const) : []),
    ];
    if (moves.every((move) => move === 'shutdown' || move === 'abort' || move === 'mail behind') && !this.closed) throw new Error(`each waits for the other: ${this.key}`);
    if (this.closed && moves.length === 0) this.#compare();
    return moves;
  }

  /** Takes a move, and those behind it that are the only ones. */
  take(move: Move): void {
    this.#move(move);
    for (let moves = this.inputs; moves.length === 1; moves = this.inputs) for (const only of moves) this.#move(only);
  }

  #move(move: Move): void {
    const [server, client] = [this.#server, this.#client];
    switch (move) {
      case 'accept': case '451': case '550': case '421': this.#answer(move); break;
      case 'carry up': server.receive(concat(this.#up.splice(0)), 0); break;
      case 'carry down': client.receive(concat(this.#down.splice(0)), 0); break;
      case 'end up':
        this.#upEnd = 'told';
        server.receiveEnd(0);
        break;
      case 'end down':
        this.#downEnd = 'told';
        client.receiveEnd();
        break;
      case 'mail':
        this.#said = '';
        this.#begin();
        break;
      case 'mail behind': this.#begin(); break;
      case 'quit':
        this.#ready = false;
        client.quit(0);
        break;
      case 'give':
        this.#wanting = false;
        this.#given = true;
        client.content(CONTENT, 0);
        break;
      case 'finish':
        this.#wanting = false;
        client.contentEnd(0);
        break;
      case 'content lost':
        this.#wanting = false;
        client.contentLost();
        break;
      case 'abort':
        this.#stopped = true;
        client.abort();
        break;
      case 'shutdown':
        this.#stopped = true;
        server.shutdown();
        break;
      case 'handshake':
        this.#shaking = 0;
        server.secured(0);
        client.secured({ version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', verified: true }, 0);
        break;
      case 'handshake fails':
        this.#shaking = 0;
        server.lost();
        client.tlsFailed();
        break;
      default: move satisfies never;
    }
    this.#turn();
    this.#met.add(`${server.state} × ${client.state}`);
  }

  #begin(): void {
    this.#ready = false;
    this.#takesNext = false;
    this.#given = false;
    const mail = this.#begun++;
    const forwardPaths = Array.from({ length: this.#setting.recipients }, (_, at) => forwardPath(`<r${at}@m${mail}.example>`));
    this.#client.send({ reversePath: reversePath(`<s${mail}@example.org>`), forwardPaths, followed: this.#setting.followed, ...(this.#setting.atHand ? { content: CONTENT } : {}) }, 0);
  }

  #answer(verdict: Verdict): void {
    const question = this.#question;
    this.#question = undefined;
    if (question === undefined) return;
    if (question.about === 'auth' && verdict !== '421') return this.#server.answerAuth(verdict === 'accept' ? { type: 'yes' } : { type: verdict === '550' ? 'no' : 'unavailable' }, 0);
    if (verdict !== 'accept') return this.#server.refuse(REPLIES[verdict], 0);
    if (question.about === 'message') {
      this.#takenFor.push(...question.envelope.forwardPaths.map(({ text }) => text));
      this.#taken = this.#takenFor.join();
    }
    this.#server.accept(undefined, 0);
  }

  #turn(): void {
    for (let acted = true; acted; ) {
      acted = false;
      for (let action; (action = this.#server.next()) !== undefined; acted = true) this.#serve(action);
      for (let action; (action = this.#client.next()) !== undefined; acted = true) this.#order(action);
    }
    if (this.#client.state !== 'content') this.#wanting = false;
    if (this.#client.state !== 'ending') this.#takesNext = false;
    if (this.#server.state === 'closed') this.#question = undefined;
  }

  #serve(action: ServerAction): void {
    switch (action.type) {
      case 'send':
        this.#said += decodeLatin1(action.octets).replace(/^(\d+[ -]).*\r\n/gm, '$1');
        return void this.#down.push(action.octets.slice());
      case 'close':
        this.#downEnd = 'under way';
        return;
      case 'ask':
        this.#question = action.question;
        return;
      case 'start-tls':
        this.#shaking += 1;
        return;
      case 'data': case 'content': case 'abort': case 'ended': case 'leniency': case 'notice': case 'unauthenticated': return;
      default: action satisfies never;
    }
  }

  #order(action: ClientAction): void {
    switch (action.type) {
      case 'send':
        this.#said += decodeLatin1(action.octets);
        return void this.#up.push(action.octets.slice());
      case 'close':
        this.#ready = false;
        this.#upEnd = 'under way';
        return;
      case 'ready':
        this.#ready = true;
        return;
      case 'takes-next':
        this.#takesNext = true;
        return;
      case 'want-content':
        this.#wanting = true;
        return;
      case 'outcome':
        this.#outcomes.set(action.forwardPath.text, action.outcome);
        this.#told += ` ${action.forwardPath.text} ${action.outcome.state}`;
        return;
      case 'start-tls':
        this.#shaking += 1;
        return;
      case 'done': case 'derive': return;
      default: action satisfies never;
    }
  }

  /** In the end both say the same of each recipient; without troubles nothing is unknown. */
  #compare(): void {
    for (let mail = 0; mail < this.#begun; mail++) {
      for (let at = 0; at < this.#setting.recipients; at++) {
        const path = `<r${at}@m${mail}.example>`;
        const state = this.#outcomes.get(path)?.state;
        const taken = this.#takenFor.includes(path);
        if (state === undefined || (state === 'unknown' ? !this.#stopped : (state === 'delivered') !== taken)) throw new Error(`${path} is ${state}, ${taken ? 'taken' : 'not taken'}: ${this.key}`);
      }
    }
  }
}
