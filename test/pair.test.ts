// The client's session against the server's, in memory: some twenty thousand connections, each from a seed.

import { describe, expect, it } from 'vitest';
import { Pair } from './support/pair.ts';
import type { SentMail, Trouble } from './support/pair.ts';

const SEEDS = 20_000;

/** After these the client may not learn what became of its mail. A server that hears nothing says 421 before the client has given up. */
const HIDES_VERDICTS: readonly Trouble[] = ['break', 'client hears nothing', 'abort'];

/** What the two sides say about one session that cannot both be true; undefined: nothing. */
function contradictionOf(pair: Pair): string | undefined {
  const { mails, taken, trouble } = pair;
  if (pair.serverCloses !== 1 || pair.clientCloses !== 1) return `closed ${pair.serverCloses} and ${pair.clientCloses} times`;
  if (pair.timeouts > 0 && !trouble.endsWith('hears nothing')) return 'a time-out though nothing was lost: each waited for the other';
  for (const mail of mails) {
    const copies = taken.filter(({ sender }) => sender === mail.sender);
    if (copies.length > 1) return `${mail.sender} taken ${copies.length} times`;
    const [copy] = copies;
    if (copy !== undefined && copy.content !== onTheWire(mail.content)) return `${mail.sender} arrived as ${JSON.stringify(copy.content)}`;
    if (copy !== undefined && (mail.unreadable || /(?<!\r)\n|\r(?!\n)/.test(mail.content))) return `${mail.sender} was taken though it could not be sent`;
    if (copy?.recipients.some((recipient) => !mail.recipients.includes(recipient)) === true) return `${mail.sender} taken for a stranger`;
    const contradicted = contradictedOutcome(mail, copy?.recipients ?? [], trouble);
    if (contradicted !== undefined) return contradicted;
  }
  const strange = taken.find(({ sender }) => !mails.some((mail) => mail.sender === sender));
  return strange === undefined ? undefined : `${strange.sender} was never sent`;
}

function contradictedOutcome(mail: SentMail, takenFor: readonly string[], trouble: Trouble): string | undefined {
  const begun = mail.told > 0 || mail.done;
  if (begun && (mail.told !== mail.recipients.length || !mail.done)) return `${mail.sender}: ${mail.told} outcomes for ${mail.recipients.length} recipients`;
  for (const [at, recipient] of mail.recipients.entries()) {
    const state = mail.outcomes[at]?.state;
    const taken = takenFor.includes(recipient);
    if (state === undefined && taken) return `${recipient}: taken and never told of`;
    if (state === 'delivered' && !taken) return `${recipient}: delivered, and the server did not take it`;
    if ((state === 'failed' || state === 'deferred') && taken) return `${recipient}: ${state}, and the server took it`;
    if (state === 'unknown' && !HIDES_VERDICTS.includes(trouble)) return `${recipient}: unknown, and nothing was lost`;
  }
  return undefined;
}

/** Mail data end in CRLF; where the content did not, it got one (§4.1.1.4). */
function onTheWire(content: string): string {
  return content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
}

describe('a client and a server', () => {
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

  it('end every session, and never contradict each other about a recipient', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const pair = new Pair(seed);
      let contradiction: string | undefined;
      try {
        pair.run();
        contradiction = contradictionOf(pair);
      } catch (error) {
        contradiction = String(error);
      }
      if (contradiction !== undefined) expect({ seed, trouble: pair.trouble, contradiction }).toEqual({ seed, trouble: pair.trouble, contradiction: undefined });
      for (const { outcomes } of pair.mails) for (const outcome of outcomes) count(`${pair.trouble}: ${outcome?.state ?? 'not tried'}`);
      if (pair.timeouts > 0) count(`${pair.trouble}: time-out`);
    }
  });

  it('have met every trouble, with every outcome that it allows', () => {
    const met = [...seen].filter(([, times]) => times >= 20).map(([what]) => what);
    const outcomes = ['delivered', 'failed', 'deferred'];
    const wanted = (['none', 'break', 'client hears nothing', 'server hears nothing', 'shutdown', 'abort'] as const).flatMap((trouble) => [...outcomes, ...(HIDES_VERDICTS.includes(trouble) ? ['unknown'] : [])].map((outcome) => `${trouble}: ${outcome}`));
    expect(wanted.filter((what) => !met.includes(what))).toEqual([]);
  });
});
