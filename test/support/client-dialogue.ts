// A ClientSession with an application and a clock that is a number: the server's lines go in, commands and outcomes come out.

import type { ClientTls, Outcome, Transaction } from '../../src/protocol/client/action.ts';
import type { ClientAuth } from '../../src/protocol/client/authentication.ts';
import type { ClientOptions } from '../../src/protocol/client/option.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import type { DeriveQuestion } from '../../src/protocol/sasl/exchange.ts';
import { HASH } from '../../src/node/credential.ts';
import type { Awaited, State } from '../../src/protocol/client/table.ts';
import { octetsOf, textOf } from '../wire/every.ts';
import { forwardPath, reversePath } from './path.ts';

export const CLIENT = 'client.example.org';
export const BOB = '<bob@example.com>';
export const CAROL = '<carol@example.com>';

/** Commands whose failing tells something of the recipients. */
export const IN_TRANSACTION: readonly Awaited[] = ['RSET', 'RSET in flight', 'MAIL', 'RCPT', 'DATA', 'BDAT', 'BDAT LAST', 'one recipient', 'end of mail data'];

/** Those to which silence leaves the fate of the mail unknown. */
export const AT_THE_END: readonly Awaited[] = ['RSET in flight', 'BDAT LAST', 'one recipient', 'end of mail data'];

export const VERIFIED: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: true };
export const UNVERIFIED: ClientTls = { ...VERIFIED, verified: false, fault: 'the certificate is self-signed' };

export const ALICE: ClientAuth = { secret: { type: 'password', authcid: 'alice', password: 'open sesame' }, hash: HASH, nonce: 'fyko+d2lbbFgONRv9qkxdawL' };

export class ClientDialogue {
  readonly session: ClientSession;
  now = 0;
  /** All that was sent, a character for each octet. */
  sent = '';
  /** What was told of recipients: `<bob@example.com> delivered 250`, `<bob@example.com> failed 550 in reply to RCPT`, `done`. */
  readonly told: string[] = [];
  readonly outcomes: { readonly recipient: number; readonly outcome: Outcome }[] = [];
  /** A transaction can be begun. */
  ready = false;
  /** A transaction may go behind the one under way. */
  takesNext = false;
  /** Content is wanted. */
  wanting = false;
  /** A handshake is wanted. */
  shaking = false;
  /** A key is wanted. */
  question: DeriveQuestion | undefined;
  closes = 0;

  constructor(options: Partial<ClientOptions> = {}) {
    this.session = new ClientSession({ hostname: CLIENT, ...options }, this.now);
  }

  /** The server sends lines, each with its CRLF; returns the lines that come back, without theirs. */
  reply(...lines: string[]): string[] {
    return this.receive(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** The server sends octets as they stand, in one segment. */
  receive(text: string): string[] {
    return this.#after(() => this.session.receive(octetsOf(text), this.now));
  }

  /** Begins a mail transaction. */
  mail(to: readonly string[] = ['bob@example.com'], rest: Partial<Transaction> = {}): string[] {
    this.ready = false;
    this.takesNext = false;
    return this.#after(() => this.session.send({ reversePath: reversePath('<alice@example.org>'), forwardPaths: to.map((address) => forwardPath(`<${address}>`)), ...rest }, this.now));
  }

  /** Gives a piece of content. */
  give(content: string): string[] {
    this.wanting = false;
    return this.#after(() => this.session.content(octetsOf(content), this.now));
  }

  /** The content is complete. */
  finish(): string[] {
    this.wanting = false;
    return this.#after(() => this.session.contentEnd(this.now));
  }

  /** The content cannot be read to its end. */
  giveUp(): string[] {
    this.wanting = false;
    return this.#after(() => this.session.contentLost());
  }

  /** The handshake is done. */
  secure(tls: ClientTls = VERIFIED): string[] {
    this.shaking = false;
    return this.#after(() => this.session.secured(tls, this.now));
  }

  /** The handshake has failed. */
  unsecure(detail?: string): string[] {
    this.shaking = false;
    return this.#after(() => this.session.tlsFailed(detail));
  }

  derive(octets: Uint8Array): string[] {
    this.question = undefined;
    return this.#after(() => this.session.derived(octets, this.now));
  }

  quit(): string[] {
    this.ready = false;
    return this.#after(() => this.session.quit(this.now));
  }

  abort(): string[] {
    return this.#after(() => this.session.abort());
  }

  /** The server closes its side. */
  end(): string[] {
    return this.#after(() => this.session.receiveEnd());
  }

  /** The connection breaks. */
  lost(): string[] {
    return this.#after(() => this.session.lost());
  }

  /** Lets time pass; a deadline that passes is told to the session. */
  wait(milliseconds: number): string[] {
    this.now += milliseconds;
    return this.#after(() => {
      if (this.session.deadline <= this.now) this.session.expire(this.now);
    });
  }

  /** What was told since the last time. */
  takeTold(): string[] {
    return this.told.splice(0);
  }

  /** Takes all actions that there are. */
  pump(): void {
    for (let action; (action = this.session.next()) !== undefined; ) {
      switch (action.type) {
        case 'send': this.sent += textOf(action.octets); break;
        case 'ready': this.ready = true; break;
        case 'takes-next': this.takesNext = true; break;
        case 'want-content': this.wanting = true; break;
        case 'start-tls': this.shaking = true; break;
        case 'derive': this.question = action.question; break;
        case 'outcome':
          this.outcomes.push(action);
          this.told.push(`${action.forwardPath.text} ${describe(action.outcome)}`);
          break;
        case 'done':
          this.told.push('done');
          this.takesNext = false;
          this.wanting = false; // whatever was
          break;
        case 'close':
          this.closes += 1;
          this.ready = false;
          this.wanting = false;
          this.shaking = false;
          break;
        default: action satisfies never;
      }
    }
  }

  #after(input: () => void): string[] {
    const from = this.sent.length;
    input();
    this.pump();
    return this.sent.length === from ? [] : this.sent.slice(from).split('\r\n').slice(0, -1);
  }
}

/** An outcome on one line. */
function describe(outcome: Outcome): string {
  const { state, reply: { code } } = outcome;
  if (outcome.state === 'delivered') return `${state} ${code}`;
  return `${state} ${code} in reply to ${outcome.inReplyTo}${outcome.reason === undefined ? '' : `: ${outcome.reason}`}`;
}

/** A session that has come so far, with a server that offers these keywords; its mail is for bob and carol. */
export function clientIn(state: State, keywords: readonly string[] = ['PIPELINING'], options: Partial<ClientOptions> = {}): ClientDialogue {
  const from = (earlier: State, step: (client: ClientDialogue) => void, offered = keywords, given = options): ClientDialogue => {
    const client = clientIn(earlier, offered, given);
    step(client);
    return client;
  };
  switch (state) {
    case 'greeting': return new ClientDialogue(options);
    case 'ehlo': return from('greeting', (client) => client.reply('220 mx.example.com ESMTP'));
    case 'helo': return from('ehlo', (client) => client.reply('500 what'));
    case 'starttls': return from('ehlo', (client) => client.reply(...ehloReply(['STARTTLS'])), keywords, { tlsPolicy: 'opportunistic', ...options });
    case 'tls': return from('starttls', (client) => client.reply('220 go ahead'));
    case 'auth': return from('ehlo', (client) => client.reply(...ehloReply(['AUTH CRAM-MD5', ...keywords])), keywords, { auth: ALICE, ...options });
    case 'ready': return from('ehlo', (client) => client.reply(...ehloReply(keywords)));
    case 'envelope': return from('ready', (client) => client.mail(['bob@example.com', 'carol@example.com']));
    case 'flight': return from('ready', (client) => client.mail(['bob@example.com', 'carol@example.com'], { content: octetsOf('Subject: hello\r\n') }), ['PIPELINING', 'CHUNKING']);
    case 'content': return from('envelope', (client) => ['250 ok', '250 ok', '250 ok', ...(keywords.includes('CHUNKING') ? [] : ['354 go'])].forEach((line) => client.reply(line)));
    case 'ending': return from('content', (client) => {
      client.give('Subject: hello\r\n');
      client.finish();
    });
    case 'quit': return from('ready', (client) => client.quit());
    case 'closed': return from('quit', (client) => client.reply('221 bye'));
    default: return state satisfies never;
  }
}

export function ehloReply(keywords: readonly string[]): string[] {
  return ['mx.example.com', ...keywords].map((line, at) => `250${at === keywords.length ? ' ' : '-'}${line}`);
}

/** A session that awaits the reply to this command before any other; its mail is for bob and carol. */
export function clientAwaiting(awaited: Awaited): ClientDialogue {
  switch (awaited) {
    case 'greeting': return clientIn('greeting');
    case 'EHLO': return clientIn('ehlo');
    case 'LHLO': return clientIn('ehlo', [], { lmtp: true });
    case 'HELO': return clientIn('helo');
    case 'STARTTLS': return clientIn('starttls');
    case 'AUTH': return clientIn('auth');
    case 'RSET': {
      const client = after(clientIn('envelope'), '250 ok', '550 no', '550 no', '503 no');
      client.takeTold();
      client.mail(['bob@example.com', 'carol@example.com']);
      return client;
    }
    case 'RSET in flight': {
      const client = after(clientIn('flight'), '550 no', '503 no', '503 no', '503 no');
      client.takeTold();
      client.mail(['bob@example.com', 'carol@example.com'], { content: octetsOf('Subject: hello\r\n') });
      return client;
    }
    case 'MAIL': return clientIn('envelope');
    case 'RCPT': return after(clientIn('envelope'), '250 ok');
    case 'DATA': return after(clientIn('envelope'), '250 ok', '250 ok', '250 ok');
    case 'BDAT': {
      const client = clientIn('content', ['PIPELINING', 'CHUNKING']);
      client.give('Subject: hello\r\n');
      return client;
    }
    case 'BDAT LAST': return after(clientIn('flight'), '250 ok', '250 ok', '250 ok');
    case 'one recipient': return clientIn('ending', ['PIPELINING'], { lmtp: true });
    case 'end of mail data': return clientIn('ending');
    case 'QUIT': return clientIn('quit');
    default: return awaited satisfies never;
  }
}

/** The session after these replies, in one segment. */
export function after(client: ClientDialogue, ...replies: readonly string[]): ClientDialogue {
  client.reply(...replies);
  return client;
}
