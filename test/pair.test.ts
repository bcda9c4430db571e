// The client's session against the server's, in memory: some thousands of connections, each from a seed; EHLO_SEEDS
// times as many, or as many as EHLO_PAIR_SEEDS says, from EHLO_PAIR_FROM on, where somebody has the time. Each seed is one session in
// clear and one over all extensions; a million sessions (EHLO_PAIR_SEEDS=500000) take some six minutes of one core.

import { env as ENVIRONMENT } from 'node:process';
import { describe, expect, it } from 'vitest';
import { Pair } from './support/pair.ts';
import { TIMES } from './support/random.ts';
import type { Reason } from '../src/protocol/client/action.ts';
import type { SentMail, TakenMail, Trouble } from './support/pair.ts';

const SEEDS = Number(ENVIRONMENT['EHLO_PAIR_SEEDS'] ?? 1_200 * TIMES);
const FROM = Number(ENVIRONMENT['EHLO_PAIR_FROM'] ?? 0);

/** After these the client may not learn what became of its mail. A server that hears nothing says 421 before the client has given up. */
const HIDES_VERDICTS: readonly Trouble[] = ['break', 'client hears nothing', 'abort'];
/** But where chunks are in flight, the end of the mail may be out while the client still waits, and for less long, for the reply to something before it. */
const MAY_HIDE_VERDICTS: readonly Trouble[] = [...HIDES_VERDICTS, 'server hears nothing'];

/** What the two sides say about one session that cannot both be true; undefined: nothing. */
function contradictionOf(pair: Pair): string | undefined {
  const { mails, taken, trouble } = pair;
  if (pair.serverCloses !== 1 || pair.clientCloses !== 1) return `closed ${pair.serverCloses} and ${pair.clientCloses} times`;
  if (pair.timeouts > 0 && !trouble.endsWith('hears nothing')) return 'a time-out though nothing was lost: each waited for the other';
  for (const mail of mails) {
    const copies = taken.filter(({ sender }) => sender === mail.sender);
    if (copies.length > 1) return `${mail.sender} taken ${copies.length} times`;
    const [copy] = copies;
    if (copy !== undefined && copy.content !== (copy.parameters.body === 'BINARYMIME' ? mail.content : onTheWire(mail.content))) return `${mail.sender} arrived as ${JSON.stringify(copy.content)}`;
    if (copy !== undefined && (mail.unreadable || (copy.parameters.body !== 'BINARYMIME' && /(?<!\r)\n|\r(?!\n)/.test(mail.content)))) return `${mail.sender} was taken though it could not be sent`;
    if (copy?.recipients.some((recipient) => !mail.recipients.includes(recipient)) === true) return `${mail.sender} taken for a stranger`;
    const misdeclared = copy === undefined ? undefined : misdeclaredIn(mail, copy);
    if (misdeclared !== undefined) return misdeclared;
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
    if (state === 'unknown' && !MAY_HIDE_VERDICTS.includes(trouble)) return `${recipient}: unknown, and nothing was lost`;
  }
  return undefined;
}

/** What the mail asked for, and the server was not told. */
function misdeclaredIn({ sender, recipients, parameters: { body, smtpUtf8, requireTls, ret }, recipientParameters }: SentMail, copy: TakenMail): string | undefined {
  if (body === 'BINARYMIME' && copy.parameters.body !== body) return `${sender} was not declared to be binary`;
  if (smtpUtf8 !== copy.parameters.smtpUtf8) return `${sender} was taken with SMTPUTF8 ${copy.parameters.smtpUtf8}`;
  if (requireTls === true && !(copy.secured && copy.parameters.requireTls === true)) return `${sender} needs TLS on its whole way`;
  if (copy.parameters.ret !== undefined && copy.parameters.ret !== ret) return `${sender} was taken with another RET`;
  for (const [at, path] of copy.recipients.entries()) {
    const asked = recipientParameters[recipients.indexOf(path)];
    const told = copy.recipientParameters[at];
    if (Object.keys(told ?? {}).length > 0 && JSON.stringify(told) !== JSON.stringify(asked)) return `${path} was taken with ${JSON.stringify(told)}`;
  }
  return undefined;
}

/** Mail data end in CRLF; where the content did not, it got one (§4.1.1.4). */
function onTheWire(content: string): string {
  return content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`;
}

describe.each([['in clear', false], ['over all extensions', true]])('a client and a server, %s,', (_, extended) => {
  const seen = new Map<string, number>();
  const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

  it('end every session, and never contradict each other about a recipient', () => {
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      const pair = new Pair(seed, undefined, extended);
      let contradiction: string | undefined;
      try {
        pair.run();
        contradiction = contradictionOf(pair);
      } catch (error) {
        contradiction = String(error);
      }
      if (contradiction !== undefined) expect({ seed, trouble: pair.trouble, contradiction }).toEqual({ seed, trouble: pair.trouble, contradiction: undefined });
      for (const { outcomes } of pair.mails) {
        for (const outcome of outcomes) {
          count(`${pair.trouble}: ${outcome?.state ?? 'not tried'}`);
          if (outcome !== undefined && outcome.state !== 'delivered' && outcome.reason !== undefined) count(outcome.reason);
        }
      }
      for (const { lmtp, secured, parameters } of pair.taken) count(`taken ${lmtp ? 'by LMTP' : 'by SMTP'} ${secured ? 'under TLS' : 'in clear'} ${parameters.body ?? ''}`);
      if (pair.timeouts > 0) count(`${pair.trouble}: time-out`);
    }
  }, 3_600_000);

  it('have met every trouble, with every outcome that it allows', () => {
    const met = [...seen].filter(([, times]) => times >= 10).map(([what]) => what);
    const outcomes = ['delivered', 'failed', 'deferred'];
    const wanted = (['none', 'break', 'client hears nothing', 'server hears nothing', 'shutdown', 'abort'] as const).flatMap((trouble) => [...outcomes, ...(HIDES_VERDICTS.includes(trouble) ? ['unknown'] : [])].map((outcome) => `${trouble}: ${outcome}`));
    expect(wanted.filter((what) => !met.includes(what))).toEqual([]);
    if (!extended) return;
    const reasons: readonly Reason[] = ['8bit-not-offered', 'binary-not-offered', 'utf8-header-not-offered', 'size-not-accepted', 'require-tls-not-offered', 'require-tls-not-secured', 'tls-not-offered', 'tls-failed', 'tls-not-verified', 'auth-not-offered', 'session-limit', 'no-room', 'bad-content', 'content-lost', 'connection-lost', 'timeout', 'aborted'];
    const ways = ['taken by LMTP under TLS ', 'taken by SMTP under TLS BINARYMIME', 'taken by SMTP in clear 8BITMIME', 'taken by LMTP in clear BINARYMIME'];
    expect([...reasons, ...ways].filter((what) => !seen.has(what))).toEqual([]);
  });
});
