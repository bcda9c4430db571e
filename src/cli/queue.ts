// `ehlo queue`: looks at the queue, and says of mails what is to become of them; on a relay that runs, and on one that does not.
//
// A relay that runs is asked through its socket (node/control.ts). Where none does, the queue is opened here, under its lock, and
// what is ordered is done when the relay runs again.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Aborter } from '../node/aborter.ts';
import { ask, NobodyThere, Unanswered } from '../node/control.ts';
import { errorCode, errorText } from '../node/error-text.ts';
import { EXIT } from '../node/exit-status.ts';
import { Journal } from '../node/journal.ts';
import { InUse } from '../node/lock.ts';
import { operate, ORDERS, type Answer, type Done, type OrderName, type Request } from '../node/operation.ts';
import { partFolder, partsOf } from '../node/part.ts';
import { pause } from '../node/pause.ts';
import { become, ownerOf } from '../node/privilege.ts';
import { visible } from '../wire/visible.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { misuse, quoted, suggest, type Misuse } from './misuse.ts';
import { DIR, flag, one } from './option.ts';
import { reason } from './reason.ts';
import { reportRecovery } from './recovery-text.ts';
import { formatListed, formatShown, formatSum, LIST_HEAD } from './queue-text.ts';

const OPTIONS = {
  queue: one(DIR, 'the folder of the queue', './queue'),
  json: flag('print JSON, one object per line'),
};

const USAGE: Usage<typeof OPTIONS> = {
  name: 'ehlo queue',
  operands: 'list | show|retry|hold|release|remove|bounce ID…',
  operandCount: { least: 1, most: Infinity },
  about:
    'list: what waits, for whom, since when, why, and when next. show: all that is known of a mail, and its header.\n' +
    'retry: try it now, held or not. hold: keep it, and do not try it. release: let it go on. remove: forget it, and tell nobody.\n' +
    'bounce: return it to its sender. All of it works without a running relay too: then mail goes out when one runs.\n' +
    'Exit status: 0; 66 where there is no such queue or mail; 69 where the queue cannot be read; 75 where it is busy.',
  examples: [
    'ehlo queue list',
    'ehlo queue --queue /var/spool/ehlo --json list',
    'ehlo queue retry mwtgktu11h3q45k',
  ],
  options: OPTIONS,
};

/** What is said when an order is durable: by a relay that runs, and by a queue that waits for one. */
const DONE: Readonly<Record<Exclude<OrderName, 'show'>, readonly [running: string, stopped: string]>> = {
  retry: ['is tried now', 'is tried when the relay runs'],
  hold: ['is held', 'is held'],
  release: ['goes on', 'goes on when the relay runs'],
  remove: ['is removed', 'is removed'],
  bounce: ['is given up, and its sender told, if it has one', 'is given up when the relay runs, and its sender told, if it has one'],
};

export function queue(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options, operands }) => {
    const request = requestOf(operands);
    return 'text' in request ? request : run(request, options.queue, options.json, terminal);
  });
}

function requestOf([command = '', ...ids]: readonly string[]): Request | Misuse {
  if (command === 'list') return ids.length === 0 ? { command } : misuse(`unexpected ${quoted(ids[0] ?? '')}: expected list alone`);
  const order = ORDERS.find((each): each is OrderName => each === command);
  if (order === undefined) return misuse(`${quoted(command)}: ${suggest(command, ['list', ...ORDERS])}`);
  return ids.length > 0 ? { command: order, ids: [...new Set(ids)] } : misuse(`${order}: expected the ID of a mail, as ehlo queue list shows it`);
}

async function run(request: Request, directory: string, json: boolean, terminal: Terminal): Promise<number> {
  const complain = (text: string, status: number): number => {
    terminal.err(`ehlo queue: ${directory}: ${text}\n`);
    return status;
  };
  try {
    await stat(join(directory, 'FORMAT')); // not read: this may be root, and the folder another's
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '') ? complain('there is no queue', EXIT.noInput) : complain(reason(error), EXIT.unavailable);
  }
  const printer = new Printer(request, json, terminal);
  try {
    for (const part of await partsOf(directory)) await printPart(printer, partFolder(directory, part), terminal);
  } catch (error) {
    printer.flush();
    if (error instanceof Unanswered) return complain(`${error.message}; try again`, EXIT.temporary);
    return error instanceof InUse ? complain('another program has the queue open, and does not answer; try again', EXIT.temporary) : complain(reason(error), EXIT.unavailable);
  }
  printer.end();
  for (const id of printer.unknown) complain(`there is no mail ${quoted(id)}`, EXIT.noInput);
  return printer.unknown.size > 0 ? EXIT.noInput : EXIT.ok;
}

/** So many times it is tried, a tenth of a second apart, where a program has the queue and does not listen: a relay that is starting or ending. */
const ATTEMPTS = 20;

/** Asks the relay that has this part of the queue, or opens it: whichever can be done first. */
async function printPart(printer: Printer, folder: string, terminal: Terminal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      for (const request of piecesOf(printer.left())) await printer.print(ask(folder, request), true);
      return;
    } catch (error) {
      if (!(error instanceof NobodyThere)) throw error;
    }
    try {
      return await printStopped(printer, folder, terminal);
    } catch (error) {
      if (!(error instanceof InUse) || attempt >= ATTEMPTS) throw error;
    }
    await pause(100, new Aborter().signal);
  }
}

/** Opens a part that no relay has. */
async function printStopped(printer: Printer, folder: string, terminal: Terminal): Promise<void> {
  const owner = await ownerOf(folder, 'FORMAT'); // what root wrote, a relay that is not root could not read again, and would not start
  if (owner !== undefined) become(owner);
  const journal = await Journal.open(folder, { idle: true }).catch((error: unknown) => {
    throw owner === undefined || errorCode(error) !== 'EACCES' ? error : new Error(`as the user ${owner.name}, whose queue it is: ${errorText(error)}`, { cause: error });
  });
  reportRecovery(terminal, folder, journal.report);
  try {
    for (const request of piecesOf(printer.left())) await printer.print(operate(journal, request), false);
  } finally {
    await journal.close();
  }
}

/** Mails of one request: a relay takes requests up to some length. */
const MOST_IDS = 400;

/** Returns the request in pieces, without what can be no id; none where it is about no mail. */
function* piecesOf(request: Request): Generator<Request, void> {
  if (request.command === 'list') yield request;
  else {
    const ids = request.ids.filter((id) => /^[A-Za-z0-9-]{1,100}$/.test(id));
    for (let at = 0; at < ids.length; at += MOST_IDS) yield { command: request.command, ids: ids.slice(at, at + MOST_IDS) };
  }
}

/** Characters that are printed at a time: a queue may have a hundred thousand mails. */
const PIECE = 65_536;

/** Prints answers as they come. */
class Printer {
  readonly #request: Request;
  readonly #json: boolean;
  readonly #terminal: Terminal;
  #text = '';
  readonly #sum = { mails: 0, recipients: 0, size: 0, held: 0 };
  /** Mails that are asked for and not there, as far as parts of the queue have been asked. */
  readonly unknown: Set<string>;

  constructor(request: Request, json: boolean, terminal: Terminal) {
    this.#request = request;
    this.#json = json;
    this.#terminal = terminal;
    this.unknown = new Set('ids' in request ? request.ids : []);
  }

  /** What the next part of the queue is to be asked: about mails that no part had so far. */
  left(): Request {
    const request = this.#request;
    return request.command === 'list' ? request : { ...request, ids: request.ids.filter((id) => this.unknown.has(id)) };
  }

  async print(answers: AsyncIterable<Answer>, running: boolean): Promise<void> {
    const list = this.#request.command === 'list' && !this.#json;
    const sum = this.#sum;
    for await (const answer of answers) {
      if ('unknown' in answer) continue;
      this.unknown.delete('mail' in answer ? answer.mail.id : answer.done.id);
      if (this.#json) this.#out(`${visible(JSON.stringify('mail' in answer ? answer.mail : { id: answer.done.id, done: answer.done.what, running, trying: answer.done.trying }))}\n`);
      else if ('done' in answer) this.#out(`${answer.done.id} ${doneOf(answer.done, running)}\n`);
      else if (!list) this.#out(formatShown(answer.mail, Date.now()));
      else {
        const { mail } = answer;
        this.#out(`${sum.mails === 0 ? LIST_HEAD : ''}${formatListed(mail, Date.now())}`);
        sum.mails += 1;
        sum.recipients += mail.recipients.filter(({ state }) => state === 'waiting').length;
        sum.size += mail.size;
        if (mail.state === 'held') sum.held += 1;
      }
    }
  }

  /** All parts have been asked. */
  end(): void {
    if (this.#request.command === 'list' && !this.#json) this.#out(formatSum(this.#sum));
    this.flush();
  }

  #out(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE) this.flush();
  }

  flush(): void {
    if (this.#text !== '') this.#terminal.out(this.#text);
    this.#text = '';
  }
}

function doneOf({ what, trying }: Done, running: boolean): string {
  if (trying === true) return 'is being tried already';
  return what === 'show' ? '' : DONE[what][running ? 0 : 1];
}
