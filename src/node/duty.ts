// The worker's side of a crew (crew.ts): what it is told by the primary, and what it tells.
//
// Both go through one channel in their order; a connection goes with the message that announces it.

import type { Socket } from 'node:net';
import process from 'node:process';
import type { Samples } from '../relay/metric.ts';

/** Is in the environment of whoever has a duty. Another program may run this one as a worker of its own, which has none. */
export const ON_DUTY = 'EHLO_ON_DUTY';

/** What is asked for: what only grows, or how things are too, some of which is known since it was last asked for. */
export type Measured = 'counters' | 'all';

/** What a worker is told. `work` is the business of whoever has the crew. */
export type ToWorker<Work, News> =
  | { readonly type: 'start'; readonly worker: number; readonly work: Work }
  | { readonly type: 'connection'; readonly entrance: number }
  | { readonly type: 'doubt'; readonly connection: number } // whether it has arrived
  | { readonly type: 'news'; readonly news: News }
  | { readonly type: 'measure'; readonly turn: number; readonly what: Measured };

/** What a worker tells. */
export type FromWorker =
  | { readonly type: 'listening' }
  | { readonly type: 'ready' }
  | { readonly type: 'taken' }
  | { readonly type: 'declined' } // in place of it
  | { readonly type: 'doubted'; readonly connection: number } // all that was told before has come
  | { readonly type: 'leaving' }
  | { readonly type: 'failed'; readonly status: number; readonly text: string }
  | { readonly type: 'samples'; readonly turn: number; readonly samples: Samples };

/** Listens to the primary. */
export class Duty<Work, News> {
  /** What to begin with. */
  readonly start: Promise<{ readonly worker: number; readonly work: Work }>;
  /** To be set before `tell({ type: 'ready' })`. */
  connected: (entrance: number, socket: Socket) => void = (_, socket) => void socket.destroy();
  measure: (what: Measured) => Samples = () => new Map();
  #leaving = false;
  #news: { readonly news: News } | undefined; // that nobody has taken yet
  #take: (news: News) => void = (news) => void (this.#news = { news });

  constructor() {
    let begin: (start: { readonly worker: number; readonly work: Work }) => void = () => undefined;
    this.start = new Promise((resolve) => (begin = resolve));
    process.on('message', (told, socket) => {
      const message = told as ToWorker<Work, News>; // the primary is this program
      switch (message.type) {
        case 'start': return begin(message);
        case 'connection':
          this.tell({ type: this.#leaving ? 'declined' : 'taken' });
          if (this.#leaving) return void (socket as Socket | undefined)?.destroy(); // our end of it
          return socket === undefined ? undefined : this.#enter(message.entrance, socket as Socket); // no other handle is ever sent; none: the client has gone on the way
        case 'doubt': return this.tell({ type: 'doubted', connection: message.connection });
        case 'news': return this.#take(message.news);
        case 'measure': return this.tell({ type: 'samples', turn: message.turn, samples: this.measure(message.what) });
        default: message satisfies never;
      }
    });
    this.tell({ type: 'listening' });
  }

  /** Hands on what is told from now on, and the last of what was told before. */
  takeNews(take: (news: News) => void): void {
    this.#take = take;
    if (this.#news !== undefined) take(this.#news.news);
    this.#news = undefined;
  }

  /** Takes no further connection. */
  leave(): void {
    this.#leaving = true;
    this.tell({ type: 'leaving' });
  }

  tell(message: FromWorker): void {
    process.send?.(message, undefined, undefined, () => undefined); // where the primary has gone this process goes with it
  }

  /** As a server of Node's own would have made it. */
  #enter(entrance: number, socket: Socket): void {
    socket.allowHalfOpen = true;
    socket.setNoDelay();
    this.connected(entrance, socket);
  }
}
