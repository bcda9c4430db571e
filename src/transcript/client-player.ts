// Plays a ClientSession and its application.

import { formatReply } from '../syntax/reply.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { ClientSession } from '../protocol/client/session.ts';
import type { ClientTls, Outcome } from '../protocol/client/action.ts';
import type { ClientOptions, TlsPolicy } from '../protocol/client/option.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { DeriveQuestion, Hash } from '../protocol/sasl/exchange.ts';
import type { ClientSecret } from '../protocol/sasl/mechanism.ts';
import type { ApplicationLine } from './application.ts';
import type { Header } from './header.ts';
import type { Happening, Met, Player, Said } from './player.ts';
import { deriveAgain, NONCE } from './scram-stand-in.ts';
import { kindOf } from './script.ts';
import type { Script } from './script.ts';

export class ClientPlayer implements Player {
  readonly readsLines = true;
  readonly #session: ClientSession;
  readonly #spoken: ReadonlySet<string>;
  readonly #hash: Hash;
  #question: DeriveQuestion | undefined;
  #now: Milliseconds = 0; // of what was received last
  #ready = false; //  for a transaction, or QUIT
  #wanting = false; // content is wanted

  constructor({ header, spoken }: Script, hash: Hash) {
    this.#spoken = spoken;
    this.#hash = hash;
    this.#session = new ClientSession(optionsOf(header, hash), 0);
  }

  get state(): string {
    return this.#session.state;
  }

  get deadline(): Milliseconds {
    return this.#session.deadline;
  }

  get wanting(): boolean {
    return this.#wanting;
  }

  receive(octets: Uint8Array, now: Milliseconds): void {
    this.#now = now;
    this.#session.receive(octets, now);
  }

  expire(now: Milliseconds): void {
    this.#session.expire(now);
  }

  meet(event: Met, now: Milliseconds): string | undefined {
    if (event === 'shutdown' || event === 'halt') return 'a client is not shut down';
    if (event === 'eof' || event === 'lost') this.#session.receiveEnd();
    else if (this.#session.state !== 'tls') return `no handshake was asked for in state ${this.#session.state}`;
    else this.#session.secured(event === 'tls' ? VERIFIED : UNVERIFIED, now);
    return undefined;
  }

  supply(octets: Uint8Array, now: Milliseconds): void {
    this.#wanting = false; // until it asks for more
    this.#session.content(octets, now);
  }

  say({ said }: Said, now: Milliseconds): string | undefined {
    switch (said.say) {
      case 'mail': case 'quit':
        if (!this.#ready || (said.say === 'quit' && this.#session.state === 'ending')) return `the session is not ready for ${said.say}`;
        this.#ready = this.#session.state === 'closed'; // which takes any number of mails
        if (said.say === 'mail') this.#session.send(said.transaction, now);
        else this.#session.quit(now);
        return undefined;
      case 'content ends': case 'content lost':
        if (!this.#wanting) return 'no content is wanted';
        this.#wanting = false;
        if (said.say === 'content ends') this.#session.contentEnd(now);
        else this.#session.contentLost();
        return undefined;
      case 'abort':
        this.#session.abort();
        return undefined;
      default: return `a client's application does not say ${said.say}`;
    }
  }

  next(): readonly Happening[] | undefined {
    if (this.#question !== undefined) {
      this.#session.derived(deriveAgain(this.#question, this.#hash), this.#now);
      this.#question = undefined;
    }
    const action = this.#session.next();
    switch (action?.type) {
      case undefined: return undefined;
      case 'send': return [{ type: 'sent', octets: action.octets }];
      case 'outcome': return this.#tell(outcomeLines(action.forwardPath, action.outcome));
      case 'done': return this.#tell([{ say: 'done' }]);
      case 'start-tls': return this.#tell([{ say: 'start-tls' }]);
      case 'derive':
        this.#question = action.question;
        return [];
      case 'ready': case 'takes-next':
        this.#ready = true;
        return [];
      case 'want-content':
        this.#wanting = true;
        return [];
      case 'close':
        this.#wanting = false;
        this.#ready = true; // a session that has ended takes mail too: each recipient gets its outcome at once
        return [{ type: 'closed' }];
      default: return action satisfies never;
    }
  }

  #tell(lines: readonly ApplicationLine[]): readonly Happening[] {
    return lines.filter((said) => this.#spoken.has(kindOf(said))).map((said) => ({ type: 'told', said }));
  }
}

const VERIFIED: ClientTls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: true };
const UNVERIFIED: ClientTls = { ...VERIFIED, verified: false, fault: 'the certificate is self-signed' };

function optionsOf({ options }: Header, hash: Hash): ClientOptions {
  const policy = options.get('tls-policy');
  const [, authcid, password] = /^([^:]+):(.+)$/.exec(options.get('user') ?? '') ?? [];
  const token = options.get('token');
  const ownName = options.get('own-name');
  const timeout = options.get('timeout');
  const secret: ClientSecret | undefined = authcid !== undefined && password !== undefined ? { type: 'password', authcid, password } : token === undefined ? undefined : { type: 'token', token };
  return {
    hostname: options.get('hostname') ?? 'client.example.org',
    lmtp: options.has('lmtp'),
    tlsAtOnce: options.has('tls-at-once'),
    ...(timeout === undefined ? {} : { timeout: Number(timeout) * 1_000 }),
    ...(policy === undefined ? {} : { tlsPolicy: policy as TlsPolicy }), // the header has seen to it
    ...(secret === undefined ? {} : { auth: { secret, hash, nonce: options.get('nonce') ?? NONCE, clearText: options.has('secret-in-clear') } }),
    ...(ownName === undefined ? {} : { ownNames: [ownName] }),
  };
}

/** A line for each line of the reply, as a reply of several lines stands in a transcript. */
export function outcomeLines(forwardPath: ForwardPath, outcome: Outcome): ApplicationLine[] {
  const { state, reply } = outcome;
  const [reason, inReplyTo] = outcome.state === 'delivered' ? [] : [outcome.reason, outcome.inReplyTo];
  const lines = formatReply(reply).split('\r\n').slice(0, -1);
  return lines.map((line) => ({ say: 'outcome', forwardPath: forwardPath.text, state, reason, inReplyTo, reply: line.trimEnd() }));
}
