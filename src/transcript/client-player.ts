// Plays a ClientSession and its application.

import { formatReply } from '../syntax/reply.ts';
import type { ForwardPath } from '../syntax/path.ts';
import { ClientSession } from '../protocol/client/session.ts';
import type { Outcome } from '../protocol/client/action.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { ApplicationLine } from './application.ts';
import type { Happening, Player, Said } from './player.ts';
import { kindOf } from './script.ts';
import type { Script } from './script.ts';

export class ClientPlayer implements Player {
  readonly readsLines = true;
  readonly #session: ClientSession;
  readonly #spoken: ReadonlySet<string>;
  #ready = false; //  for a transaction, or QUIT
  #wanting = false; // content is wanted

  constructor({ header: { options }, spoken }: Script) {
    this.#spoken = spoken;
    this.#session = new ClientSession({ hostname: options.get('hostname') ?? 'client.example.org' }, 0);
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
    this.#session.receive(octets, now);
  }

  expire(now: Milliseconds): void {
    this.#session.expire(now);
  }

  meet(): undefined {
    this.#session.receiveEnd();
  }

  supply(octets: Uint8Array, now: Milliseconds): void {
    this.#wanting = false; // until it asks for more
    this.#session.content(octets, now);
  }

  say({ said }: Said, now: Milliseconds): string | undefined {
    switch (said.say) {
      case 'mail': case 'quit':
        if (!this.#ready) return `the session is not ready for ${said.say}`;
        this.#ready = false;
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
    const action = this.#session.next();
    switch (action?.type) {
      case undefined: return undefined;
      case 'send': return [{ type: 'sent', octets: action.octets }];
      case 'outcome': return this.#tell(outcomeLines(action.forwardPath, action.outcome));
      case 'done': return this.#tell([{ say: 'done' }]);
      case 'ready':
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

/** A line for each line of the reply, as a reply of several lines stands in a transcript. */
function outcomeLines(forwardPath: ForwardPath, outcome: Outcome): ApplicationLine[] {
  const { state, reply } = outcome;
  const [reason, inReplyTo] = outcome.state === 'delivered' ? [] : [outcome.reason, outcome.inReplyTo];
  const lines = formatReply(reply).split('\r\n').slice(0, -1);
  return lines.map((line) => ({ say: 'outcome', forwardPath: forwardPath.text, state, reason, inReplyTo, reply: line.trimEnd() }));
}
