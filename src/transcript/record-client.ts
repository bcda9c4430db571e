// A ClientSession that writes itself down: a session like any other, and a transcript of all that is done with it.

import type { Milliseconds } from '../protocol/limit.ts';
import type { ClientAction, ClientTls, Transaction } from '../protocol/client/action.ts';
import type { ClientOptions } from '../protocol/client/option.ts';
import { ClientSession } from '../protocol/client/session.ts';
import { outcomeLines } from './client-player.ts';
import { formatExact } from './exact.ts';
import { HOST_WORD } from './header.ts';
import { secondsOf, TranscriptRecorder, type RecordHeader } from './record.ts';
import { STRUCK_OUT } from './scram-stand-in.ts';

export class RecordedClientSession extends ClientSession {
  readonly #recorder: TranscriptRecorder;
  #ending = false; // the session makes a loss of it, which was written down as an end

  constructor(options: ClientOptions, now: Milliseconds, header: Omit<RecordHeader, 'subject' | 'options'>, write: (text: string) => void) {
    super(options, now);
    this.#recorder = new TranscriptRecorder(write, { ...header, subject: 'client', options: optionWords(options) }, now);
  }

  override send(transaction: Transaction, now: Milliseconds): void {
    this.#recorder.said({ say: 'mail', transaction }, now);
    super.send(transaction, now);
  }

  override content(octets: Uint8Array, now: Milliseconds): void {
    this.#recorder.said({ say: 'content', octets, text: formatExact(octets) }, now);
    super.content(octets, now);
  }

  override contentEnd(now: Milliseconds): void {
    this.#recorder.said({ say: 'content ends' }, now);
    super.contentEnd(now);
  }

  override contentLost(detail?: string): void {
    this.#recorder.said({ say: 'content lost' });
    super.contentLost(detail);
  }

  override quit(now: Milliseconds): void {
    this.#recorder.said({ say: 'quit' }, now);
    super.quit(now);
  }

  override abort(): void {
    this.#recorder.said({ say: 'abort', reason: undefined });
    super.abort();
  }

  override receive(octets: Uint8Array, now: Milliseconds): void {
    if (octets.length > 0) this.#recorder.heard(octets, now);
    super.receive(octets, now);
  }

  override derived(octets: Uint8Array, now: Milliseconds): void {
    this.#recorder.derived(octets);
    super.derived(octets, now);
  }

  override receiveEnd(): void {
    if (this.state !== 'closed') this.#recorder.world('eof');
    this.#ending = true;
    super.receiveEnd();
    this.#ending = false;
  }

  override secured(tls: ClientTls, now: Milliseconds): void {
    if (this.state === 'tls') this.#recorder.world(tls.verified ? 'tls' : 'tls insufficient');
    super.secured(tls, now);
  }

  override tlsFailed(detail?: string): void {
    if (this.state === 'tls') this.#recorder.world('lost');
    super.tlsFailed(detail);
  }

  override lost(reason?: 'connection-lost' | 'no-connection', detail?: string): void {
    if (this.state !== 'closed' && !this.#ending) this.#recorder.world('lost');
    super.lost(reason, detail);
  }

  override expire(now: Milliseconds): void {
    if (now >= this.deadline) this.#recorder.due(now);
    super.expire(now);
  }

  override next(): ClientAction | undefined {
    const action = super.next();
    if (action === undefined) return undefined;
    switch (action.type) {
      case 'ready': case 'takes-next': case 'want-content': case 'derive': break; // what the application does about it says so
      case 'start-tls': this.#recorder.said({ say: 'start-tls' }); break;
      case 'send': this.#recorder.sent(action.octets); break;
      case 'close': this.#recorder.world('close'); break;
      case 'done': this.#recorder.said({ say: 'done' }); break;
      case 'outcome':
        for (const line of outcomeLines(action.forwardPath, action.outcome)) this.#recorder.said(line);
        break;
      default: action satisfies never;
    }
    return action;
  }
}

/** The options as a header has them. The password is what PLAIN, LOGIN and SCRAM were struck out to; what CRAM-MD5 proves cannot be replayed. */
function optionWords({ hostname, lmtp, tlsPolicy = 'off', tlsAtOnce, timeout, auth, ownNames: [ownName, ...others] = [] }: ClientOptions): readonly string[] {
  const user = auth?.secret.type === 'password' && /^[!-+\--9;-~]+$/.test(auth.secret.authcid) ? auth.secret.authcid : undefined;
  return [
    `hostname=${hostname}`, ...(lmtp === true ? ['lmtp'] : []), ...(tlsPolicy === 'off' ? [] : [`tls-policy=${tlsPolicy}`]), ...(tlsAtOnce === true ? ['tls-at-once'] : []),
    ...(secondsOf(timeout) === undefined ? [] : [`timeout=${secondsOf(timeout)}`]),
    ...(user === undefined ? [] : [`user=${user}:${STRUCK_OUT}`]), ...(auth?.clearText === true ? ['secret-in-clear'] : []),
    ...(ownName === undefined || others.length > 0 || !HOST_WORD.test(ownName) ? [] : [`own-name=${ownName}`]),
  ];
}
