// Plays a ServerSession and its application. What the transcript does not speak of is accepted in silence.

import { isFault } from '../syntax/fault.ts';
import { ReplyAssembler } from '../syntax/reply.ts';
import type { Reply } from '../syntax/reply.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import { ServerSession } from '../protocol/server/session.ts';
import type { ServerAction, ServerQuestion } from '../protocol/server/action.ts';
import type { ApplicationLine } from './application.ts';
import { formatExact } from './exact.ts';
import type { Happening, Player, Said } from './player.ts';
import { kindOf } from './script.ts';
import type { Script } from './script.ts';

export class ServerPlayer implements Player {
  readonly wanting = false;
  readonly #session: ServerSession;
  readonly #spoken: ReadonlySet<string>;
  #open = false; // a question that the transcript speaks of

  constructor({ header: { options }, spoken }: Script) {
    const [size, recipients] = [options.get('size'), options.get('recipients')];
    this.#spoken = spoken;
    this.#session = new ServerSession({
      hostname: options.get('hostname') ?? 'mx.example.com',
      ...(size === undefined ? {} : { maxSize: Number(size) }),
      ...(recipients === undefined ? {} : { maxRecipients: Number(recipients) }),
    }, 0);
  }

  get state(): string {
    return this.#session.state;
  }

  get deadline(): Milliseconds {
    return this.#session.deadline;
  }

  receive(octets: Uint8Array, now: Milliseconds): void {
    this.#session.receive(octets, now);
  }

  expire(now: Milliseconds): void {
    this.#session.expire(now);
  }

  meet(event: 'eof' | 'lost' | 'shutdown', now: Milliseconds): void {
    switch (event) {
      case 'eof': return this.#session.receiveEnd(now);
      case 'lost': return this.#session.lost();
      case 'shutdown': return this.#session.shutdown();
      default: event satisfies never;
    }
  }

  supply(): void {} // never wanted

  say({ said, replyLines }: Said, now: Milliseconds): string | undefined {
    if (!this.#open) return 'no question is open';
    this.#open = false;
    const reply = assemble(replyLines);
    if (said.say === 'refuse' && reply !== undefined) this.#session.refuse(reply, now);
    else this.#session.accept(reply, now);
    return undefined;
  }

  next(): readonly Happening[] | undefined {
    const action = this.#session.next();
    if (action === undefined) return undefined;
    if (action.type === 'send') return [{ type: 'sent', octets: action.octets }];
    if (action.type === 'close') {
      this.#open = false;
      return [{ type: 'closed' }];
    }
    const said = lineOf(action);
    const spoken = this.#spoken.has(kindOf(said));
    if (said.say === 'ask') {
      if (spoken) this.#open = true;
      else this.#session.accept();
    }
    return spoken ? [{ type: 'told', said }] : [];
  }
}

function lineOf(action: Exclude<ServerAction, { readonly type: 'send' | 'close' }>): ApplicationLine {
  switch (action.type) {
    case 'ask': return { say: 'ask', about: action.question.about, detail: detailOf(action.question) };
    case 'content': return { say: 'content', octets: action.octets.slice(), text: formatExact(action.octets) };
    case 'abort': return { say: 'abort', reason: action.reason };
    case 'data': return { say: 'data' };
    default: return action satisfies never;
  }
}

/** What a question is about, on one line, the paths as they were written. */
function detailOf(question: ServerQuestion): string | undefined {
  switch (question.about) {
    case 'client': return undefined;
    case 'helo': return `${question.verb} ${question.domain.text}`;
    case 'mail': {
      const { size, body } = question.parameters;
      return `${question.reversePath.text}${size === undefined ? '' : ` SIZE=${size}`}${body === undefined ? '' : ` BODY=${body}`}`;
    }
    case 'rcpt': return question.forwardPath.text;
    case 'vrfy': return question.text;
    case 'message': {
      const { reversePath, forwardPaths } = question.envelope;
      return `${reversePath.text} to ${forwardPaths.map(({ text }) => text).join(' ')} size=${question.size}`;
    }
    default: return question satisfies never;
  }
}

/** The reply that the lines are; the script has seen to it that they are one. */
function assemble(lines: readonly string[]): Reply | undefined {
  const assembler = new ReplyAssembler({ limit: lines.length });
  let reply: Reply | undefined;
  for (const line of lines) {
    const read = assembler.add(line);
    if (!isFault(read)) reply = read;
  }
  return reply;
}
