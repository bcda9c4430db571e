// A client and a server in one memory, joined by a link that cuts, delays, loses and breaks, with applications that decide at
// random and a clock that jumps from one happening to the next. All chance comes from one seed.

import { reply } from '../../src/syntax/reply.ts';
import type { Reply } from '../../src/syntax/reply.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import type { ClientAction, ClientTls, Outcome } from '../../src/protocol/client/action.ts';
import type { ClientOptions, TlsPolicy } from '../../src/protocol/client/option.ts';
import type { ExtensionKeyword } from '../../src/protocol/extension.ts';
import type { MailParameters, RecipientParameters } from '../../src/protocol/mail.ts';
import type { AuthAnswer, AuthQuestion, MechanismName } from '../../src/protocol/sasl/exchange.ts';
import { beginServerExchange } from '../../src/protocol/sasl/mechanism.ts';
import { scramCredential } from '../../src/protocol/sasl/scram-key.ts';
import type { ServerOptions } from '../../src/protocol/server/option.ts';
import { HASH } from '../../src/node/credential.ts';
import { ServerSession } from '../../src/protocol/server/session.ts';
import type { ServerAction, ServerQuestion } from '../../src/protocol/server/action.ts';
import { octetsOf, textOf } from '../wire/every.ts';
import { forwardPath, reversePath } from './path.ts';
import { randomOf } from './random.ts';
import type { Random } from './random.ts';

/** What goes wrong with the session, once, after a random number of happenings. */
export type Trouble = 'none' | 'break' | 'client hears nothing' | 'server hears nothing' | 'shutdown' | 'abort';

/** A mail as the client's application has it. */
export interface SentMail {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** What the client reads of its content; a bare LF in it must never arrive. */
  readonly content: string;
  /** The content cannot be read to its end. */
  readonly unreadable: boolean;
  /** All of it is given to the session at once. */
  readonly whole: boolean;
  /** The next one may go right behind it. */
  readonly followed: boolean;
  readonly parameters: MailParameters;
  readonly recipientParameters: readonly RecipientParameters[];
  readonly outcomes: (Outcome | undefined)[];
  /** Outcomes told, counted also where one recipient got several. */
  told: number;
  done: boolean;
}

/** A mail as the server's application took it. */
export interface TakenMail {
  readonly sender: string;
  /** For whom it was taken. */
  readonly recipients: readonly string[];
  readonly parameters: MailParameters;
  readonly recipientParameters: readonly RecipientParameters[];
  readonly secured: boolean;
  readonly lmtp: boolean;
  readonly content: string;
}

/** Octets under way, or the end of them. */
interface Parcel {
  readonly at: number;
  readonly octets: Uint8Array | undefined;
}

const PIECES = ['a line\r\n', '.\r\n', '..\r\n', '.dot\r\n', '\r\n', 'MAIL FROM:<evil@x>\r\n', 'RSET\r\nDATA\r\n', '\0\t\xff\r\n', `${'x'.repeat(300)}\r\n`, 'open'];
const SPOILT = ['a\nb\r\n', '\r.\r', '\n.\r\nMAIL FROM:<evil@x>\r\n'];

const LONGEST_DELAY = 50; //         of the link, in milliseconds
const LONGEST_THOUGHT = 2_000; //    of an application
const MOST_HAPPENINGS = 20_000;

/** Makes the two sessions; a test that wants to look over their shoulders makes others. */
export interface Sessions {
  readonly server: (...args: ConstructorParameters<typeof ServerSession>) => ServerSession;
  readonly client: (...args: ConstructorParameters<typeof ClientSession>) => ClientSession;
}

/** What the two sides are set to do. In a plain world there is SMTP in clear, as far as the first RFCs had it and PIPELINING. */
interface Terms {
  readonly server: Partial<ServerOptions>;
  readonly client: Partial<ClientOptions>;
  /** What comes of a handshake. */
  readonly handshake: 'verified' | 'unverified' | 'failed';
  readonly rightPassword: boolean;
}

const PLAIN_TERMS: Terms = { server: {}, client: {}, handshake: 'verified', rightPassword: true };

/** Without chunks the envelope of a mail may go behind the end of the one before. */
const MAIL_DATA_TERMS: Terms = { ...PLAIN_TERMS, server: { without: ['CHUNKING', 'BINARYMIME'] } };

const TLS: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: true };

const SALT = octetsOf('0123456789abcdef');
const SALTED = octetsOf('what PBKDF2 would make of it ...'); // it takes its time, and nothing here depends on how it is made
const CREDENTIAL = scramCredential(SALTED, SALT, 4_096, HASH);

/** Terms over all extensions. */
function extendedTerms(random: Random): Terms {
  const lmtp = random.chance(0.2);
  const tlsAtOnce = random.chance(0.1);
  const tlsPolicy = random.pick<TlsPolicy>(['off', 'opportunistic', 'opportunistic', 'require', 'verify']);
  const mechanisms: readonly MechanismName[] = ['SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN'].filter((name): name is MechanismName => random.chance(0.5) && name !== '');
  const without: readonly ExtensionKeyword[] = (['PIPELINING', 'CHUNKING', 'BINARYMIME', 'SMTPUTF8', 'DSN', '8BITMIME', 'SIZE', 'LIMITS'] as const).filter(() => random.chance(0.2));
  const authenticates = random.chance(0.3);
  return {
    server: {
      lmtp,
      secured: tlsAtOnce,
      startTls: random.pick([true, true, false, 'unavailable']),
      without,
      maxMails: random.pick([1, 2, Infinity]),
      ...(mechanisms.length === 0 ? {} : { auth: { mechanisms, clearText: random.chance(0.5), begin: (mechanism) => beginServerExchange(mechanism, { hash: HASH, nonce: 'nonce', hostname: 'mx.example.com', decoy: { secret: SALT, iterations: 4_096 } }) } }),
    },
    client: {
      lmtp,
      tlsAtOnce,
      tlsPolicy,
      ...(authenticates ? { auth: { secret: { type: 'password', authcid: 'alice', password: 'sesame' }, hash: HASH, nonce: 'client', clearText: random.chance(0.5) } } : {}),
    },
    handshake: random.pick(['verified', 'verified', 'unverified', 'failed']),
    rightPassword: random.chance(0.8),
  };
}

const PLAIN: Sessions = { server: (...args) => new ServerSession(...args), client: (...args) => new ClientSession(...args) };

export class Pair {
  readonly trouble: Trouble;
  readonly mails: SentMail[];
  readonly taken: TakenMail[] = [];
  now = 0;
  happenings = 0;
  timeouts = 0;
  serverCloses = 0;
  clientCloses = 0;

  readonly #random: Random;
  readonly #server: ServerSession;
  readonly #client: ClientSession;
  readonly #troubleAt: number;
  readonly #hostility: number; // of the server's application
  readonly #up = new Link(); //   from the client to the server
  readonly #down = new Link();
  #question: ServerQuestion | undefined;
  #answerAt = Infinity;
  #contentAt = Infinity;
  #unread = ''; //                of the content that the client is sending
  #received = ''; //              of the content that the server is taking
  #sending = -1; //               index in `mails`: the last that was begun
  #told = 0; //                   likewise: the one that outcomes are of
  #said = false; //               QUIT
  readonly #terms: Terms;
  readonly #extended: boolean;
  #shaking = new Set<'server' | 'client'>(); // who waits for the handshake
  #shakenAt = Infinity;
  #secured = false;

  /** `extended`: with TLS, which is a mark in time, AUTH, chunks, LMTP and parameters; else in clear. */
  constructor(seed: number, sessions: Sessions = PLAIN, extended = false) {
    const random = (this.#random = randomOf(seed));
    this.trouble = random.pick(['none', 'none', 'none', 'break', 'client hears nothing', 'server hears nothing', 'shutdown', 'abort']);
    this.#troubleAt = random.below(random.pick([40, 80])); // half of the sessions have two dozen happenings, or fewer
    this.#hostility = random.pick([0, 0.05, 0.3]);
    this.#extended = extended;
    this.#terms = extended ? extendedTerms(random) : random.pick([PLAIN_TERMS, MAIL_DATA_TERMS]);
    this.mails = Array.from({ length: 1 + random.below(3) }, (_, index) => this.#mail(index));
    this.#server = sessions.server({ hostname: 'mx.example.com', maxSize: random.pick([0, 100, 400]), maxRecipients: random.pick([3, 1_000]), ...this.#terms.server }, 0);
    this.#client = sessions.client({ hostname: 'client.example.org', ...this.#terms.client }, 0);
    if (this.#terms.client.tlsAtOnce === true) this.#shakes('server'); // which does not know of it
  }

  /** Lets the two live until both have closed; throws when one of them never does. */
  run(): void {
    this.#turn();
    while (this.serverCloses === 0 || this.clientCloses === 0) {
      if (++this.happenings > MOST_HAPPENINGS) throw new Error('the session does not end');
      if (this.happenings === this.#troubleAt) this.#meetTrouble();
      else this.#happen();
      this.#turn();
    }
    if (!this.#said) while (this.#sending + 1 < this.mails.length) this.#begin(); // mail that comes too late
    this.#turn();
  }

  #mail(index: number): SentMail {
    const random = this.#random;
    const recipients = Array.from({ length: 1 + random.below(4) }, (_, at) => `<r${at}@m${index}.example>`);
    const content = Array.from({ length: random.below(6) }, () => random.pick(random.chance(0.03) ? SPOILT : PIECES)).join('');
    const extended = this.#extended ? { ...this.#asked(), whole: random.chance(0.5), recipientParameters: recipients.map(() => this.#askedOf()) } : { parameters: {}, whole: false, recipientParameters: recipients.map(() => ({})) };
    return { sender: `<m${index}@example.org>`, recipients, content, unreadable: !extended.whole && random.chance(0.03), ...extended, followed: random.chance(0.7), outcomes: recipients.map(() => undefined), told: 0, done: false };
  }

  #asked(): { readonly parameters: MailParameters } {
    const random = this.#random;
    return {
      parameters: {
        ...(random.chance(0.2) ? { body: 'BINARYMIME' } : {}),
        ...(random.chance(0.2) ? { smtpUtf8: true } : {}),
        ...(random.chance(0.1) ? { requireTls: true } : {}),
        ...(random.chance(0.3) ? { ret: 'HDRS', envelopeId: 'a b+c' } : {}),
      },
    };
  }

  #askedOf(): RecipientParameters {
    return { ...(this.#random.chance(0.3) ? { notify: this.#random.pick([[], ['SUCCESS', 'DELAY']] as const) } : {}), ...(this.#random.chance(0.3) ? { originalRecipient: { type: 'rfc822', address: 'Bob=+@Example.com' } } : {}) };
  }

  /** What comes next: a parcel that arrives, a word of an application, or a deadline that passes. */
  #happen(): void {
    const [server, client] = [this.#server, this.#client];
    const next = Math.min(this.#up.next, this.#down.next, this.#answerAt, this.#contentAt, this.#shakenAt, server.deadline, client.deadline);
    if (next === Infinity) throw new Error('nothing will ever happen again');
    this.now = Math.max(this.now, next);
    if (next === this.#up.next) this.#deliver(this.#up, (octets) => server.receive(octets, this.now), () => server.receiveEnd(this.now));
    else if (next === this.#down.next) this.#deliver(this.#down, (octets) => client.receive(octets, this.now), () => client.receiveEnd());
    else if (next === this.#answerAt) this.#answer();
    else if (next === this.#contentAt) this.#supply();
    else if (next === this.#shakenAt) this.#shake();
    else {
      this.timeouts += 1;
      server.expire(this.now);
      client.expire(this.now);
    }
  }

  #deliver(link: Link, receive: (octets: Uint8Array) => void, end: () => void): void {
    const octets = link.take();
    if (octets === undefined) end();
    else receive(octets);
  }

  #meetTrouble(): void {
    switch (this.trouble) {
      case 'none': break;
      case 'break':
        this.#up.break();
        this.#down.break();
        this.#server.lost();
        this.#client.lost();
        break;
      case 'client hears nothing': this.#down.break(); break;
      case 'server hears nothing': this.#up.break(); break;
      case 'shutdown': this.#server.shutdown(); break;
      case 'abort': this.#client.abort(); break;
      default: this.trouble satisfies never;
    }
  }

  /** Takes the actions of both, until neither has any. */
  #turn(): void {
    for (let acted = true; acted; ) {
      acted = false;
      for (let action; (action = this.#server.next()) !== undefined; acted = true) this.#serve(action);
      for (let action; (action = this.#client.next()) !== undefined; acted = true) this.#order(action);
    }
    if (this.#server.state === 'closed') this.#answerAt = Infinity;
    if (this.#client.state !== 'content') this.#contentAt = Infinity;
  }

  // TLS

  /** When both wait for the handshake, it takes a moment. */
  #shakes(who: 'server' | 'client'): void {
    this.#shaking.add(who);
    if (this.#shaking.size === 2) this.#shakenAt = this.now + this.#random.below(LONGEST_DELAY);
  }

  #shake(): void {
    const [server, client] = [this.#server, this.#client];
    this.#shaking.clear();
    this.#shakenAt = Infinity;
    const { handshake } = this.#terms;
    if (handshake === 'failed') {
      client.tlsFailed();
      server.lost();
      return;
    }
    this.#secured = true;
    if (server.state === 'tls') server.secured(this.now);
    if (client.state === 'tls') client.secured({ ...TLS, verified: handshake === 'verified' }, this.now);
  }

  // The server and its application

  #serve(action: ServerAction): void {
    switch (action.type) {
      case 'send': return this.#down.send(action.octets, this.now, this.#random);
      case 'close':
        this.serverCloses += 1;
        return this.#down.end(this.now);
      case 'data':
        this.#received = '';
        return;
      case 'content':
        this.#received += textOf(action.octets);
        return;
      case 'abort': case 'ended': case 'leniency': case 'notice': case 'unauthenticated': return;
      case 'start-tls': return this.#shakes('server');
      case 'ask':
        this.#question = action.question;
        if (this.#random.chance(0.5)) return this.#answer();
        this.#answerAt = this.now + this.#random.below(LONGEST_THOUGHT);
        return;
      default: action satisfies never;
    }
  }

  #answer(): void {
    const question = this.#question;
    this.#question = undefined;
    this.#answerAt = Infinity;
    if (question === undefined) return;
    if (question.about === 'auth') return this.#server.answerAuth(this.#answerAuth(question.auth), this.now);
    const refused = this.#random.chance(this.#hostility) || (question.about === 'helo' && question.verb === 'EHLO' && this.#random.chance(0.3));
    if (refused) return this.#server.refuse(this.#random.pick(REFUSALS), this.now);
    if (question.about !== 'message') return this.#server.accept(undefined, this.now);
    const { reversePath: sender, forwardPaths, parameters, recipientParameters } = question.envelope;
    const lmtp = this.#terms.server.lmtp === true;
    const each = forwardPaths.map(() => (lmtp && this.#random.chance(this.#hostility) ? reply(452, '4.2.2', 'full') : reply(250, '2.0.0', 'taken')));
    const forWhom = [...forwardPaths.keys()].filter((at) => each[at]?.code === 250);
    const recipients = forWhom.map((at) => forwardPaths[at]?.text ?? '');
    this.taken.push({ sender: sender.text, recipients, parameters, recipientParameters: forWhom.map((at) => recipientParameters[at] ?? {}), secured: this.#secured, lmtp, content: this.#received });
    if (lmtp) this.#server.answerEach(each, this.now);
    else this.#server.accept(undefined, this.now);
  }

  #answerAuth(question: AuthQuestion): AuthAnswer {
    if (!this.#terms.rightPassword || this.#random.chance(this.#hostility)) return this.#random.pick<AuthAnswer>([{ type: 'no' }, { type: 'unavailable' }]);
    switch (question.type) {
      case 'password': case 'authority': return { type: 'yes' };
      case 'credential': return { type: 'credential', credential: CREDENTIAL };
      case 'secret': return { type: 'secret', secret: octetsOf('sesame') };
      case 'token': return { type: 'no' };
      default: return question satisfies never;
    }
  }

  // The client and its application

  #order(action: ClientAction): void {
    switch (action.type) {
      case 'send': return this.#up.send(action.octets, this.now, this.#random);
      case 'close':
        this.clientCloses += 1;
        return this.#up.end(this.now);
      case 'start-tls': return this.#shakes('client');
      case 'derive': return this.#client.derived(SALTED, this.now);
      case 'ready':
        if (this.#sending + 1 < this.mails.length) return this.#begin();
        this.#said = true;
        return this.#client.quit(this.now);
      case 'takes-next':
        if (this.#sending + 1 < this.mails.length && this.#random.chance(0.7)) this.#begin();
        return;
      case 'want-content':
        this.#contentAt = this.now + this.#random.below(LONGEST_THOUGHT);
        return;
      case 'outcome': {
        const mail = this.mails[this.#told];
        if (mail === undefined || action.forwardPath.text !== mail.recipients[action.recipient]) throw new Error('an outcome of no mail, or of another');
        mail.outcomes[action.recipient] = action.outcome;
        mail.told += 1;
        return;
      }
      case 'done': {
        const mail = this.mails[this.#told];
        this.#told += 1;
        if (mail !== undefined) mail.done = true;
        return;
      }
      default: action satisfies never;
    }
  }

  #begin(): void {
    this.#sending += 1;
    const mail = this.mails[this.#sending];
    if (mail === undefined) return;
    this.#unread = mail.content;
    const size = this.#random.chance(0.5) ? { size: mail.content.length } : {};
    const { parameters, recipientParameters, whole } = mail;
    const asked = this.#extended ? { parameters, recipientParameters, eightBit: /[^\0-\x7f]/.test(mail.content) } : {}; // the plain world has always sent what was not declared
    this.#client.send({ reversePath: reversePath(mail.sender), forwardPaths: mail.recipients.map(forwardPath), ...size, ...asked, followed: mail.followed, ...(whole ? { content: octetsOf(mail.content) } : {}) }, this.now);
    if (this.#client.state === 'closed') this.#turn(); // the outcomes are this mail's
  }

  #supply(): void {
    this.#contentAt = Infinity;
    if (this.#unread !== '') {
      const length = 1 + this.#random.below(this.#unread.length);
      this.#client.content(octetsOf(this.#unread.slice(0, length)), this.now);
      this.#unread = this.#unread.slice(length);
    } else if (this.mails[this.#sending]?.unreadable === true) this.#client.contentLost();
    else this.#client.contentEnd(this.now);
  }
}

const REFUSALS: readonly Reply[] = [reply(450, '4.7.1', 'not now'), reply(451, '4.3.0', 'not now'), reply(550, '5.7.1', 'no'), reply(552, '5.2.2', 'full'), reply(554, '5.7.1', 'no'), reply(421, '4.3.2', 'mx.example.com closing')];

/** One direction of the connection. */
class Link {
  #parcels: Parcel[] = [];
  #last = 0;
  #broken = false;

  /** When the next parcel arrives. */
  get next(): number {
    return this.#parcels[0]?.at ?? Infinity;
  }

  send(octets: Uint8Array, now: number, random: Random): void {
    for (let from = 0; from < octets.length; ) {
      const to = random.chance(0.5) ? octets.length : from + 1 + random.below(octets.length - from);
      this.#put(octets.slice(from, to), now + random.below(LONGEST_DELAY)); // a copy: views end with the next call
      from = to;
    }
  }

  end(now: number): void {
    this.#put(undefined, now);
  }

  take(): Uint8Array | undefined {
    return this.#parcels.shift()?.octets;
  }

  /** What is under way is lost, and so is what follows. */
  break(): void {
    this.#parcels = [];
    this.#broken = true;
  }

  #put(octets: Uint8Array | undefined, at: number): void {
    if (this.#broken) return;
    this.#last = Math.max(this.#last, at);
    this.#parcels.push({ at: this.#last, octets });
  }
}
