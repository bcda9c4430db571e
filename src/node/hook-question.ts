// How a question of the session is put to the embedder's hook, and whether what the hook answers is an answer.

import { isOctets } from '../wire/octet.ts';
import { UsageError } from '../wire/usage.ts';
import { isFault } from '../syntax/fault.ts';
import { parseMailbox, type Mailbox } from '../syntax/mailbox.ts';
import type { ForwardPath, ReversePath } from '../syntax/path.ts';
import type { Envelope, MailParameters, RecipientParameters } from '../protocol/mail.ts';
import type { ServerQuestion } from '../protocol/server/action.ts';
import { isList, isVerdict } from '../protocol/server/verdict.ts';
import { ANSWERS, type AuthAnswer, type AuthQuestion, type ScramCredential } from '../protocol/sasl/exchange.ts';
import type { Aborter, Signal } from './aborter.ts';
import type { AnyHooks, Asked, Mail, MessageAnswer, SessionFacts } from './hook.ts';

/** What a hook may return, as far as types go. */
export type HookAnswer = MessageAnswer | undefined | void;

/** A question about one command, which has a hook of its own name. */
export type CommandQuestion = Exclude<ServerQuestion, { readonly about: 'message' | 'auth' }>;

/** Whether anybody is to be asked, or has a state to make. */
export function isHooked({ about }: CommandQuestion, hooks: AnyHooks): boolean {
  return hooks[about] !== undefined || (about === 'client' && hooks.sessionState !== undefined) || (about === 'mail' && hooks.mailState !== undefined);
}

/** Whom a hook is asked about, and in what. */
export interface Occasion {
  readonly session: SessionFacts;
  readonly mailState: unknown;
  readonly aborter: Aborter;
  /** Cuts the connection. */
  readonly drop: () => void;
  readonly hostname: string;
}

/** Calls the hook of the question. */
export function askHook(question: CommandQuestion, hooks: AnyHooks, occasion: Occasion): HookAnswer | PromiseLike<HookAnswer> {
  const { mailState } = occasion;
  switch (question.about) {
    case 'client': return hooks.client?.(new Asking(occasion));
    case 'helo': {
      const { verb, domain } = question;
      return hooks.helo?.(asking(occasion, { verb, domain }));
    }
    case 'mail': {
      const { reversePath, parameters } = question;
      return hooks.mail?.(asking(occasion, { mailState, reversePath, parameters, mailbox: reversePath.type === 'path' ? reversePath.mailbox : undefined }));
    }
    case 'rcpt': {
      const { forwardPath, parameters, reversePath } = question;
      return hooks.rcpt?.(asking(occasion, { mailState, forwardPath, parameters, reversePath, mailbox: mailboxOf(forwardPath, occasion.hostname) }));
    }
    case 'vrfy': return hooks.vrfy?.(asking(occasion, { text: question.text }));
    default: return question satisfies never;
  }
}

/** Calls the hook `auth`. */
export function askAuth(auth: AuthQuestion, hooks: AnyHooks, occasion: Occasion): AuthAnswer | PromiseLike<AuthAnswer> {
  return hooks.auth === undefined ? { type: 'unavailable' } : hooks.auth(asking(occasion, { question: auth }));
}

/** What every hook is told. The signal is made for who looks at it, and is not copied by a spread. */
class Asking implements Asked {
  readonly session: SessionFacts;
  readonly drop: () => void;
  readonly #aborter: Aborter;

  constructor({ session, aborter, drop }: Occasion) {
    this.session = session;
    this.drop = drop;
    this.#aborter = aborter;
  }

  get signal(): Signal {
    return this.#aborter.signal;
  }

  static isOver(asked: Asked): boolean {
    return #aborter in asked ? asked.#aborter.aborted : asked.signal.aborted;
  }
}

/** Tells whether nobody waits for the answer any more, without a signal being made for that. */
export const isOver = Asking.isOver;

/** The same, with what this one is told besides. */
function asking<Fields extends object>(occasion: Occasion, fields: Fields): Asked & Fields {
  return Object.assign(new Asking(occasion), fields);
}

/** What the hook `message` is told: a class of its own, since to put it together field by field costs 2 µs a mail. */
class AskingMail extends Asking implements Mail {
  readonly mailState: unknown;
  readonly reversePath: ReversePath;
  readonly forwardPaths: readonly ForwardPath[];
  readonly parameters: MailParameters;
  readonly recipientParameters: readonly RecipientParameters[];
  readonly content: AsyncIterable<Uint8Array>;

  constructor(occasion: Occasion, { reversePath, forwardPaths, parameters, recipientParameters }: Envelope, content: AsyncIterable<Uint8Array>) {
    super(occasion);
    this.mailState = occasion.mailState;
    this.reversePath = reversePath;
    this.forwardPaths = forwardPaths;
    this.parameters = parameters;
    this.recipientParameters = recipientParameters;
    this.content = content;
  }
}

export function askingMail(occasion: Occasion, envelope: Envelope, content: AsyncIterable<Uint8Array>): Mail {
  return new AskingMail(occasion, envelope, content);
}

/** RFC 5321 §4.5.1: `<postmaster>` is that of this host. */
function mailboxOf(path: ForwardPath, hostname: string): Mailbox {
  if (path.type === 'path') return path.mailbox;
  const postmaster = parseMailbox(`postmaster@${hostname}`);
  if (isFault(postmaster)) throw new UsageError('<postmaster> has no mailbox here: the hostname is no domain');
  return postmaster;
}

/** What is wrong with an answer, whatever its type promised; undefined: nothing. */
export function answerFault(question: Exclude<ServerQuestion, { readonly about: 'auth' }>, answer: HookAnswer, lmtp: boolean): string | undefined {
  if (question.about !== 'message') return answer === undefined || (!isList(answer) && isVerdict(answer)) ? undefined : 'must return a verdict, or undefined';
  const wanted = messageFault(answer, question.envelope.forwardPaths.length, lmtp);
  return wanted && `must return ${wanted}`;
}

/** What the answer to a mail for so many recipients is not, and should be; undefined: it is an answer. */
export function messageFault(answer: HookAnswer, recipients: number, lmtp: boolean): string | undefined {
  if (!isList(answer)) return isVerdict(answer) ? undefined : 'a verdict: accept(), refuse(…) or committed(…)';
  return lmtp && answer.length === recipients && answer.every(isVerdict) ? undefined : 'one verdict; only of LMTP may it be a list, with one for each recipient';
}

export function authFault({ type }: AuthQuestion, answer: AuthAnswer | undefined): string | undefined {
  if (!ANSWERS[type].some((each) => each === answer?.type) || answer === undefined) return `must answer '${type}' with ${ANSWERS[type].join(', ')}`;
  return isWhole(answer) ? undefined : `must answer '${answer.type}' with all that belongs to it`;
}

/** Whether the answer has what its type promises: programs without types may leave it out. */
function isWhole(answer: AuthAnswer): boolean {
  switch (answer.type) {
    case 'credential': {
      const { iterations, salt, storedKey, serverKey } = (answer.credential ?? {}) as Readonly<Partial<Record<keyof ScramCredential, unknown>>>; // what they are is found out here
      return Number.isSafeInteger(iterations) && Number(iterations) > 0 && [salt, storedKey, serverKey].every(isOctets);
    }
    case 'secret': return isOctets(answer.secret);
    case 'identity': return typeof answer.authcid === 'string';
    case 'yes': return true;
    case 'no': return isTextOrNone(answer.text) && isTexts(answer.error);
    default: return isTextOrNone(answer.text);
  }
}

/** What a client with a bad token is told, as JSON: names and texts. */
function isTexts(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string'));
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
