// Hooks of a server that keeps every mail in memory: a mail sink for the tests of programs that send mail. Faults can be
// scripted: refusals, delays, connections that break.
//
//   const mails = collect({ at: 'rcpt', refuse: refuse(450, '4.2.1', 'try later'), times: 1 });
//   const server = await listen({ port: 0 }, mails);
//   …                                          the program under test sends to server.port
//   const { forwardPaths, text } = await mails.next();
//   await server.close();

import { clearTimeout, setTimeout } from 'node:timers';
import { decodeLatin1 } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import { checkCounts, checkFlags, checkNames, checkObject, shown, UsageError } from '../wire/usage.ts';
import { decodeUtf8 } from '../wire/utf8.ts';
import type { Milliseconds } from '../protocol/limit.ts';
import type { ForwardPath } from '../syntax/path.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import { accept, isRefusal, type Verdict } from '../protocol/server/verdict.ts';
import type { Asked, Hooks, SessionFacts } from './hook.ts';
import { LONGEST_TIMER, pause } from './pause.ts';

const PLACES = ['client', 'helo', 'mail', 'rcpt', 'message'] as const;

/** Where a fault can strike: before the banner, at EHLO or HELO, at MAIL, at RCPT, or when the mail data have come. */
export type FaultPlace = (typeof PLACES)[number];

/** What goes wrong in a mail sink, and where. Of several that fit, the first one strikes. */
export interface ScriptedFault {
  readonly at: FaultPlace;
  /** Only for this path, as `alice@example.org`: the reverse-path at `mail` (empty: the null one), the forward-path at `rcpt`, any of them at `message`. */
  readonly path?: string;
  /** How often it strikes before it is over. Default: Infinity. */
  readonly times?: number;
  /** Waits so long before the reply. */
  readonly delay?: Milliseconds;
  /** Answers with this instead of taking what came. */
  readonly refuse?: Verdict;
  /** Breaks the connection instead of a reply; at `message` with the mail data read to half. */
  readonly drop?: boolean;
}

const FAULT_OPTIONS: Readonly<Record<keyof ScriptedFault, true>> = { at: true, path: true, times: true, delay: true, refuse: true, drop: true };

/** A mail that `collect` has kept, as it came. */
export interface CollectedMail {
  /** `alice@example.org`; empty for the null reverse-path. */
  readonly reversePath: string;
  readonly forwardPaths: readonly string[];
  readonly parameters: MailParameters;
  /** One for each of `forwardPaths`. */
  readonly recipientParameters: readonly RecipientParameters[];
  readonly content: Uint8Array;
  /** The content as text: UTF-8, or if it is none, one character per octet. */
  readonly text: string;
  /** What was known of the session then. */
  readonly session: SessionFacts;
}

/** Hooks for `listen`, and the mails that came. */
export interface Collector extends Hooks {
  /** All of them, the first one first. */
  readonly mails: readonly CollectedMail[];
  /** The next mail that nobody was given yet, to who waits longest; rejects after `timeout` milliseconds (default: 10,000). */
  next(timeout?: Milliseconds): Promise<CollectedMail>;
}

/** Returns hooks for `listen` that keep every mail in memory, and go wrong where `faults` say so. Throws UsageError for a fault that would never strike, or do nothing. */
export function collect(...faults: readonly ScriptedFault[]): Collector {
  faults.forEach(checkFault);
  const mails: CollectedMail[] = [];
  const wakers = new Set<() => void>(); // of those who wait, the one who has waited longest first
  const struck = faults.map(() => 0);
  let given = 0; // of the mails, one after the other

  const faultAt = (place: FaultPlace, paths: readonly string[]): ScriptedFault | undefined => {
    const index = faults.findIndex(({ at, path, times = Infinity }, each) => at === place && (struck[each] ?? 0) < times && (path === undefined || paths.includes(path)));
    if (index >= 0) struck[index] = (struck[index] ?? 0) + 1;
    return faults[index];
  };
  const meet = (place: FaultPlace, paths: readonly string[], { drop, signal }: Asked): Verdict | undefined | Promise<Verdict | undefined> => {
    const fault = faultAt(place, paths);
    if (fault === undefined) return undefined;
    if (fault.delay === undefined) return strike(fault, drop);
    return pause(fault.delay, signal).then(() => strike(fault, drop));
  };

  return {
    mails,
    next(timeout = 10_000) {
      return new Promise((resolve, reject) => {
        checkCounts({ timeout }, { timeout: 0 });
        const wake = (): void => {
          const mail = mails[given];
          if (mail === undefined) return;
          given += 1;
          clearTimeout(timer);
          wakers.delete(wake);
          resolve(mail);
        };
        const timer = setTimeout(() => {
          wakers.delete(wake);
          reject(new Error(`no mail came in ${timeout} ms; ${mails.length} came before`));
        }, Math.min(timeout, LONGEST_TIMER));
        wakers.add(wake);
        wake();
      });
    },
    client: (question) => meet('client', [], question),
    helo: (question) => meet('helo', [], question),
    mail: (question) => meet('mail', [question.mailbox?.text ?? ''], question),
    rcpt: (question) => meet('rcpt', [textOf(question.forwardPath), question.mailbox.text], question),
    async message(mail) {
      const { reversePath, forwardPaths, parameters, recipientParameters, session } = mail;
      const from = reversePath.type === 'path' ? reversePath.mailbox.text : '';
      const to = forwardPaths.map(textOf);
      const pieces: Uint8Array[] = [];
      const fault = faultAt('message', to);
      for await (const octets of mail.content) {
        if (fault?.drop === true) break;
        pieces.push(octets.slice());
      }
      if (fault?.delay !== undefined) await pause(fault.delay, mail.signal);
      if (mail.signal.aborted) return accept(); // nobody hears that: the client has gone, or was told 451
      const verdict = fault && strike(fault, mail.drop);
      if (verdict !== undefined || fault?.drop === true) return verdict ?? accept();
      const content = concat(pieces);
      mails.push({ reversePath: from, forwardPaths: to, parameters, recipientParameters, content, text: decodeUtf8(content) ?? decodeLatin1(content), session: { ...session } });
      for (const wake of wakers) wake();
      return accept();
    },
  };
}

/** A mailbox, the null reverse-path, or the postmaster of the server itself. */
const PATH = /^(?!<).*@|^$|^postmaster$/i;

/** Throws UsageError for a fault that would never strike, or do nothing. */
function checkFault(fault: ScriptedFault): void {
  checkObject(fault, 'a fault must be an object');
  checkNames(fault, FAULT_OPTIONS);
  const { at, path, refuse, drop, delay } = fault;
  if (!PLACES.includes(at)) throw new UsageError(`a fault strikes at ${PLACES.join(', ')}, not at ${shown(at)}`);
  if (path !== undefined && (typeof path !== 'string' || !PATH.test(path))) throw new UsageError(`the path of a fault is text without brackets, such as alice@example.org, not ${shown(path)}`);
  if (path !== undefined && (at === 'client' || at === 'helo')) throw new UsageError(`a fault at ${at} has no path: there is none yet`);
  checkCounts(fault, { times: 1, delay: 0 });
  checkFlags(fault, ['drop']);
  if (refuse !== undefined && !isRefusal(refuse)) throw new UsageError('the refusal of a fault is refuse(code, enhanced, text)');
  if (refuse === undefined && drop !== true && delay === undefined) throw new UsageError('a fault refuses, drops or delays');
}

/** Without brackets. */
function textOf(path: ForwardPath): string {
  return path.type === 'path' ? path.mailbox.text : path.text.slice(1, -1);
}

/** What a fault does where it strikes: the verdict, or none where the connection is broken or nothing but time was lost. */
function strike({ refuse, drop }: ScriptedFault, breakConnection: () => void): Verdict | undefined {
  if (drop === true) breakConnection();
  return refuse;
}
