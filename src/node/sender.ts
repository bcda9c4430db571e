// One connection to a server: a ClientSession, its pump, and one mail for all of the recipients given.

import type { Socket } from 'node:net';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { ClientAction, Outcome } from '../protocol/client/action.ts';
import { REASONS } from '../protocol/client/reason.ts';
import { ClientSession, type ClientOptions } from '../protocol/client/session.ts';
import { now, Pump } from './pump.ts';

/** A mail on its way out; the content is read anew for each transaction, and is told to which host it goes. */
export interface Outgoing {
  readonly reversePath: ReversePath;
  readonly content: (host?: string) => AsyncIterable<Uint8Array>;
  /** Octets of the content. */
  readonly size?: number;
  /** The content holds octets above 0x7f. */
  readonly eightBit?: boolean;
}

export interface SenderOptions extends ClientOptions {
  readonly timeout?: Milliseconds;
  /** Breaks off whatever is under way. */
  readonly signal?: AbortSignal | undefined;
  /** Breaks off what has not come as far as MAIL, and begins nothing more. Aborted no later than `signal`. */
  readonly closing?: AbortSignal | undefined;
}

/**
 * Sends the mail over the connection, says QUIT, and resolves with an outcome for each recipient, in their order, before
 * the QUIT is answered. Never rejects: whatever goes wrong is an outcome.
 *
 * Recipients that the server had no room for (452, or the 552 of old, RFC 5321 §4.5.3.1.10) go into a further transaction,
 * as long as each takes some.
 */
export function send(socket: Socket, mail: Outgoing, forwardPaths: readonly ForwardPath[], options: SenderOptions): Promise<readonly Outcome[]> {
  return new Promise((resolve) => {
    const outcomes = new Map<number, Outcome>();
    let open: readonly number[] = forwardPaths.map((_, recipient) => recipient); // those of the transaction under way or to come
    let begun = false;
    let content: AsyncGenerator<Uint8Array, void> | undefined;

    const session = new ClientSession(options, now());
    const abort = (): void => {
      session.abort();
      pump.turn();
    };
    const leave = (): void => {
      if (!begun) abort();
    };
    const begin = (): void => {
      begun = true;
      const recipients = open.map((recipient) => forwardPaths[recipient]).filter((path) => path !== undefined);
      session.send({ ...mail, forwardPaths: recipients }, now());
    };
    const supply = async (): Promise<void> => {
      try {
        content ??= inBlocks(mail.content());
        const { done, value } = await content.next();
        if (session.state !== 'content') return; // it broke meanwhile
        if (done === true) session.contentEnd(now());
        else session.content(value, now());
      } catch {
        if (session.state === 'content') session.contentLost(); // becomes the outcome 'content-lost'
      }
      pump.turn();
    };
    const act = (action: Exclude<ClientAction, { readonly type: 'send' | 'close' }>): void => {
      switch (action.type) {
        case 'ready': return open.length > 0 ? begin() : session.quit(now());
        case 'want-content': return void supply();
        case 'outcome': {
          const recipient = open[action.recipient];
          if (recipient !== undefined) outcomes.set(recipient, action.outcome);
          return;
        }
        case 'done': {
          content?.return().catch(() => undefined); // the mail has its outcomes: that a stream does not end well changes none
          content = undefined;
          open = roomless(open, outcomes);
          if (open.length === 0 || session.state === 'closed') finish();
          return;
        }
        default: action satisfies never;
      }
    };
    const finish = (): void => {
      open = [];
      resolve(forwardPaths.map((_, recipient) => outcomes.get(recipient) ?? { ...REASONS['connection-lost'], inReplyTo: 'nothing', reason: 'connection-lost' }));
    };
    const pump: Pump<ClientAction> = new Pump<ClientAction>(socket, session, act, () => {
      options.closing?.removeEventListener('abort', leave);
      options.signal?.removeEventListener('abort', abort); // not before: an abort need not wait for the reply to QUIT
      if (!begun) begin(); // the session ended before it was ready: every recipient gets its reason
    });
    options.closing?.addEventListener('abort', leave, { once: true });
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.closing?.aborted === true || options.signal?.aborted === true) session.abort();
    pump.turn();
  });
}

/** Octets that the server has the time of RFC 5321 §4.5.3.2.5 to take: a slow line must not be too slow for a large piece. */
const BLOCK = 65_536;

async function* inBlocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const octets of content) {
    for (let at = 0; at < octets.length; at += BLOCK) yield octets.subarray(at, at + BLOCK);
  }
}

/** The recipients to send to in a further transaction: the server took some, and had no room for these. */
function roomless(recipients: readonly number[], outcomes: ReadonlyMap<number, Outcome>): readonly number[] {
  const told = recipients.map((recipient) => ({ recipient, outcome: outcomes.get(recipient) }));
  if (!told.some(({ outcome }) => outcome?.state === 'delivered')) return [];
  return told.filter(({ outcome }) => outcome !== undefined && 'inReplyTo' in outcome && outcome.inReplyTo === 'RCPT' && (outcome.reply.code === 452 || outcome.reply.code === 552)).map(({ recipient }) => recipient);
}
