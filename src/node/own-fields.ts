// The content of a mail that comes in, with our fields in front: Received (RFC 5321 §4.4), and those that a submission may lack
// (RFC 6409 §8).

import { Buffer } from 'node:buffer';
import { formatHost } from '../syntax/domain.ts';
import { receivedFormatter, type ReceivedOfMail } from '../syntax/trace.ts';
import { Submission } from '../relay/submission.ts';
import type { Mail, SessionFacts } from './hook.ts';
import { TracedContent } from './traced-content.ts';

export class OwnFields {
  readonly #hostname: string;
  readonly #formatters = new WeakMap<SessionFacts, Pick<SessionFacts, 'helo' | 'protocol'> & { readonly format: (mail: ReceivedOfMail) => string }>();

  constructor(hostname: string) {
    this.#hostname = hostname;
  }

  /** Returns the content as it is to be kept; to be read once. Reading it throws LoopError where the mail has come round too often (RFC 5321 §6.3). */
  before({ content, forwardPaths, session }: Pick<Mail, 'content' | 'forwardPaths' | 'session'>, id: string, submission: boolean): AsyncIterable<Uint8Array> {
    const only = forwardPaths.length === 1 ? forwardPaths[0] : undefined; // RFC 5321 §7.2: one recipient is not told of the others
    const date = Date.now();
    const field = this.#receivedBy(session)(only === undefined ? { id, date } : { id, for: only, date });
    return new TracedContent(Buffer.from(field, 'utf8'), submission ? completed(content, new Submission({ id, hostname: this.#hostname, date })) : content);
  }

  /** What makes the Received fields of a session, as long as it says of itself what it said before. */
  #receivedBy(session: SessionFacts): (mail: ReceivedOfMail) => string {
    const { helo, client, protocol, tls } = session;
    const known = this.#formatters.get(session);
    if (known?.helo === helo && known?.protocol === protocol) return known.format;
    const format = receivedFormatter({ helo: helo === undefined ? 'unknown' : formatHost(helo), client: { address: client.address }, by: this.#hostname, with: protocol, ...(tls === undefined ? {} : { tls: tls.cipherSuite }) });
    this.#formatters.set(session, { helo, protocol, format });
    return format;
  }
}

/** The content with the fields that a submission may lack. */
async function* completed(content: AsyncIterable<Uint8Array>, fields: Submission): AsyncGenerator<Uint8Array, void> {
  for await (const octets of content) yield* fields.read(octets);
  yield* fields.end();
}
