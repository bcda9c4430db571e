// Answers `GET /metrics` over HTTP, for Prometheus, and nothing else.
//
// There is no password: what is told is numbers alone, and none of whose mail it is; but it should listen on loopback, or on a
// network of one's own.

import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { openPlace } from './place.ts';

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const MOST_CLIENTS = 16;
const PATIENCE = 10_000; // milliseconds in which a request must come

export class MetricServer {
  readonly #server: Server;
  #tell: (() => Promise<string>) | undefined;

  private constructor() {
    this.#server = createServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE, connectionsCheckingInterval: PATIENCE }, ({ method, url = '' }, response) => {
      const answer = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): void => {
        response.writeHead(status, { 'Content-Type': CONTENT_TYPE, Connection: 'close', ...headers });
        response.end(method === 'HEAD' ? undefined : text);
      };
      if (url.split('?')[0] !== '/metrics') return answer(404, 'not found: expected /metrics\n');
      if (method !== 'GET' && method !== 'HEAD') return answer(405, 'expected GET\n', { Allow: 'GET, HEAD' });
      if (this.#tell === undefined) return answer(503, 'not ready yet\n');
      this.#tell().then((text) => answer(200, text), () => answer(500, 'the metrics are not to be had\n'));
    });
    const clients = new Set<Socket>();
    this.#server.on('connection', (socket) => {
      clients.add(socket);
      socket.on('close', () => clients.delete(socket));
      const [oldest] = clients;
      if (oldest === undefined || clients.size <= MOST_CLIENTS) return;
      clients.delete(oldest);
      oldest.destroy(); // it has had the longest to ask: nobody is kept out by those who do not
    });
  }

  /** Listens, or rejects with an Error whose message says in one line what could not be done. */
  static async open(place: { readonly host: string; readonly port: number }): Promise<MetricServer> {
    const server = new MetricServer();
    await openPlace(server.#server, place);
    server.#server.on('error', () => undefined); // one connection was not accepted; the next may be
    return server;
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Tells this from now on. */
  begin(tell: () => Promise<string>): void {
    this.#tell = tell;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}
