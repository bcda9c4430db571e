// One run of a ClientSession over the cues of an input, with an application that has mails to send; and the claims that hold at
// every step, whatever the server says.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import type { ClientAction, ClientTls, Outcome } from '../../src/protocol/client/action.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { clientEdges, type State } from '../../src/protocol/client/table.ts';
import { claim, feature } from './property.ts';
import { MARKER, mailsOf, octetsOf, type PlannedMail } from './mail-plan.ts';
import type { ServerView } from './server-view.ts';
import { arrowsOf } from './server-run.ts';
import { PASSWORD, TOKEN, type ClientPlan } from './session-option.ts';

const ARROWS = arrowsOf([...clientEdges()]);

/** What must not stand where people read it. */
const SECRETS = [PASSWORD, TOKEN, encodeBase64(octetsOf(PASSWORD))];

export class ClientRun {
  readonly session: ClientSession;
  sent = '';
  readonly told: string[] = [];
  closes = 0;
  now = 0;
  readonly #plan: ClientPlan;
  readonly #mails: readonly PlannedMail[];
  readonly #view: ServerView | undefined; // where every change is seen
  #sending = -1;
  #behind = false; //       the mail behind that one is in the hands of the session
  #outcomes: (Outcome | undefined)[] = [];
  #done = true;
  #unread = 0; //           of the content: index of the next octet
  #wanting = false;
  #deriving = false;
  #patient = false; //      content waits for a cue
  #state: State;
  #actions = 0;
  #allowed = 1_000;

  constructor(plan: ClientPlan, mails: readonly number[], view?: ServerView) {
    this.#plan = plan;
    this.#mails = mailsOf(mails);
    this.#view = view;
    this.session = new ClientSession(plan.options, this.now);
    this.#state = this.session.state;
    this.pump();
  }

  receive(octets: Uint8Array): void {
    this.#allowed += 20 * octets.length;
    for (const octet of octets) this.#view?.reply(octet);
    const { state } = this.session;
    this.session.receive(octets, this.now);
    if (this.session.state !== state) feature(`${state} ${this.session.state}`);
    this.pump();
  }

  meet(letter: string): void {
    const { session } = this;
    switch (letter) {
      case 't': this.#pass(60_000); break;
      case 'T': this.#pass(session.deadline - this.now); break;
      case 'e': session.receiveEnd(); break;
      case 'l': session.lost(); break;
      case 'q': session.abort(); break;
      case 'h': if (session.state === 'tls') this.#shake(this.#plan.handshake); break;
      case 'i': if (session.state === 'tls') this.#shake('unverified'); break;
      case 'w': this.#patient = !this.#patient; break;
      case 'g': if (this.#wanting) this.#supply(); break;
      case 'z':
        if (this.#wanting && session.state === 'content') session.contentLost();
        break;
      default:
    }
    this.pump();
  }

  /** The connection is gone; mails that come too late get the reason, and every recipient has its outcome. */
  end(): this {
    this.#allowed += 1_000;
    this.session.lost();
    this.pump();
    claim(this.session.state === 'closed' && this.closes === 1, () => `${this.session.state}, closed ${this.closes} times, behind the end`);
    claim(this.session.deadline === Infinity, () => 'a deadline behind the end');
    while (this.#sending + 1 < this.#mails.length && this.session.failure !== undefined) {
      this.#begin();
      this.pump();
    }
    this.#claimSettled();
    return this;
  }

  pump(): void {
    this.#look();
    for (let acted = true; acted; ) {
      acted = false;
      for (let action; (action = this.session.next()) !== undefined; acted = true, this.#look()) {
        claim(++this.#actions <= this.#allowed, () => `${this.#actions} actions`);
        claim(this.closes === 0 || action.type === 'outcome' || action.type === 'done', () => `${action?.type} behind the close`);
        this.#take(action);
      }
      if (!this.#wanting || this.#patient || this.session.state !== 'content') continue;
      this.#supply();
      acted = true;
    }
    const { state, deadline } = this.session;
    if (state !== 'content') this.#wanting = false;
    claim(deadline < Infinity || state === 'closed' || state === 'ready' || this.#deriving, () => `${state} is for ever`);
  }

  #take(action: ClientAction): void {
    switch (action.type) {
      case 'send': return this.#send(action.octets, action.shown);
      case 'start-tls': return void this.told.push('start-tls');
      case 'derive':
        this.#deriving = true;
        this.session.derived(new Uint8Array(32).fill(7), this.now); // a slow hash, in no time
        this.#deriving = false;
        return;
      case 'ready':
        if (this.#sending + 1 < this.#mails.length) return this.#begin();
        return this.session.quit(this.now);
      case 'takes-next': {
        const next = this.#mails[this.#sending + 1];
        claim(!this.#behind && this.session.state === 'ending', () => 'a mail is wanted behind one that has not ended, or that another is behind already');
        if (next === undefined) return;
        this.#behind = true;
        return this.session.send(next.transaction, this.now);
      }
      case 'want-content':
        claim(!this.#wanting, () => 'content is wanted twice');
        this.#wanting = true;
        return;
      case 'outcome': {
        const { recipient, forwardPath, outcome } = action;
        claim(this.#outcomes[recipient] === undefined && !this.#done, () => `a second outcome for ${forwardPath.text}`);
        claim(this.#mails[this.#sending]?.transaction.forwardPaths[recipient]?.text === forwardPath.text, () => 'an outcome of somebody else');
        claim(!SECRETS.some((secret) => JSON.stringify(outcome).includes(secret)), () => 'a secret in an outcome');
        const { code, enhanced } = outcome.reply;
        claim(enhanced === undefined || enhanced.startsWith(`${String(code).charAt(0)}.`), () => `an outcome of ${code} ${enhanced}`);
        this.#outcomes[recipient] = outcome;
        this.#view?.outcome(forwardPath.text, outcome);
        this.told.push(`${forwardPath.text} ${outcome.state} ${outcome.reply.code} ${'reason' in outcome ? outcome.reason : ''} ${'inReplyTo' in outcome ? outcome.inReplyTo : ''}`);
        feature(`${outcome.state} ${'reason' in outcome ? outcome.reason : ''} ${'inReplyTo' in outcome ? outcome.inReplyTo : ''}`);
        return;
      }
      case 'done':
        this.#claimSettled();
        this.#done = true;
        this.told.push('done');
        if (this.#behind) {
          this.#behind = false;
          this.#attend();
        }
        return;
      case 'close':
        this.closes += 1;
        this.#view?.close();
        this.told.push('close');
        return;
      default: action satisfies never;
    }
  }

  #send(octets: Uint8Array, shown: string | undefined): void {
    const text = decodeLatin1(octets);
    claim(text !== '', () => 'nothing is sent');
    claim(!SECRETS.some((secret) => shown?.includes(secret) === true), () => `a secret is shown: ${shown}`);
    const revealed = text.split(/[ \r\n]/).some((word) => SECRETS.some((secret) => decodedOf(word).includes(secret)));
    claim(!revealed || shown !== undefined, () => 'a secret is sent and nothing said that may stand in its place');
    this.sent += text;
    this.#view?.sent(text, revealed);
  }

  #begin(): void {
    const mail = this.#attend();
    if (mail !== undefined) this.session.send(mail.transaction, this.now);
  }

  /** It is the next mail's turn. */
  #attend(): PlannedMail | undefined {
    this.#sending += 1;
    const mail = this.#mails[this.#sending];
    if (mail === undefined) return undefined;
    this.#claimSettled();
    this.#outcomes = mail.transaction.forwardPaths.map(() => undefined);
    this.#done = false;
    this.#unread = 0;
    this.#view?.begin(decodeLatin1(mail.content));
    return mail;
  }

  #supply(): void {
    const mail = this.#mails[this.#sending];
    this.#wanting = false;
    if (mail === undefined) return;
    const from = this.#unread;
    this.#unread = Math.min(mail.content.length, from + mail.piece);
    if (from < mail.content.length) this.session.content(mail.content.slice(from, this.#unread), this.now);
    else this.session.contentEnd(this.now);
  }

  #shake(handshake: ClientPlan['handshake']): void {
    if (handshake === 'failed') return this.session.tlsFailed('no shared cipher');
    const tls: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', verified: handshake === 'verified', channelBinding: { name: 'tls-exporter', data: octetsOf('a channel') } };
    this.#view?.secured(tls);
    this.session.secured(tls, this.now);
  }

  #pass(time: number): void {
    if (!(time > 0 && time < Infinity)) return;
    this.now += time;
    const { deadline } = this.session;
    if (deadline > this.now) return;
    this.session.expire(this.now);
    claim(this.session.state === 'closed', () => `${this.session.state} behind its deadline`);
  }

  #claimSettled(): void {
    claim(this.#outcomes.every((outcome) => outcome !== undefined), () => `recipients without an outcome: ${this.#outcomes.map((outcome) => outcome?.state).join()}`);
  }

  #look(): void {
    const { state } = this.session;
    if (state !== this.#state && this.#view !== undefined) claim(ARROWS.has(`${this.#state} → ${state}`), () => `no edge leads from ${this.#state} to ${state}`);
    this.#state = state;
  }
}

/** What a word of base 64 says, and the word itself. */
function decodedOf(word: string): string {
  if (word.length < 8 || word.includes(MARKER)) return '';
  let bits = '';
  for (const character of word.replace(/=+$/, '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(character).toString(2).padStart(6, '0');
  return word + (bits.match(/.{8}/g) ?? []).map((octet) => String.fromCharCode(Number.parseInt(octet, 2))).join('');
}
