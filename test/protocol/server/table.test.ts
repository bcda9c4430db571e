import { describe, expect, it } from 'vitest';
import { reply } from '../../../src/syntax/reply.ts';
import type { Verb } from '../../../src/syntax/command.ts';
import { COMMAND_ORDER, EVENT_ORDER, FRAMING, onCommand, onEvent, serverEdges } from '../../../src/protocol/server/table.ts';
import type { ServerEvent, State } from '../../../src/protocol/server/table.ts';
import { OUT_OF_ORDER, REPLIES } from '../../../src/protocol/server/reply.ts';
import { LIMITS } from '../../../src/protocol/limit.ts';
import { explore } from '../../support/explorer.ts';
import type { Walk } from '../../support/explorer.ts';
import { ServerDialogue } from '../../support/server-dialogue.ts';

const STATES = Object.keys(FRAMING) as State[]; // the keys are FRAMING's own
const VERBS = Object.keys(COMMAND_ORDER) as Verb[];
const EVENTS = Object.keys(EVENT_ORDER) as ServerEvent[];
const COMMAND_STATES = STATES.filter((state) => FRAMING[state] === 'lines');
const EDGES = [...serverEdges()];

/** The states that a verb or event is taken in. */
const takenIn = (on: string): string[] => EDGES.filter((edge) => edge.on === on).map(({ from }) => from).sort();
/** What leads into a state, from others. */
const waysInto = (state: State): string[] => [...new Set(EDGES.filter(({ from, to }) => to === state && from !== state).map(({ on }) => on))].sort();
const reachable = (from: string): Set<string> => {
  const met = new Set([from]);
  for (const state of met) for (const edge of EDGES) if (edge.from === state) met.add(edge.to);
  return met;
};

describe('the server\'s tables', () => {
  it('reach every state from the connection', () => {
    expect([...reachable('connected')].sort()).toEqual([...STATES].sort());
  });

  it('lead from every state to the end, and from the end nowhere', () => {
    expect(STATES.filter((state) => !reachable(state).has('closed'))).toEqual([]);
    expect(EDGES.filter(({ from }) => from === 'closed')).toEqual([]);
  });

  it('end every state but the end when the connection is lost (§4.1.1.5)', () => {
    expect(takenIn('lost')).toEqual(STATES.filter((state) => state !== 'closed').sort());
  });

  it('read lines exactly where commands can come, and mail data exactly in the state data', () => {
    expect(STATES.filter((state) => VERBS.some((verb) => onCommand(state, verb) !== 'no'))).toEqual(COMMAND_STATES);
    expect(STATES.filter((state) => FRAMING[state] === 'mail data')).toEqual(['data']);
  });

  it('take no command out of mail data (§4.1.1.4)', () => {
    expect(EDGES.filter(({ from }) => from === 'data').map(({ on, to }) => `${on}: ${to}`).sort()).toEqual(['dropped: closed', 'end of mail data: ready', 'lost: closed', 'timeout: closed']);
  });

  it('take every verb somewhere, and every event', () => {
    expect([...VERBS, ...EVENTS].filter((on) => takenIn(on).length === 0)).toEqual([]);
  });

  it('take QUIT wherever commands can come, and end there (§4.1.1.10)', () => {
    expect(takenIn('QUIT')).toEqual([...COMMAND_STATES].sort());
    expect(COMMAND_STATES.filter((state) => onCommand(state, 'QUIT') !== 'closed')).toEqual([]);
  });

  it('leave nothing but QUIT behind a banner of 554 (§3.1)', () => {
    expect(VERBS.filter((verb) => onCommand('refused', verb) !== 'no')).toEqual(['QUIT']);
  });

  it('take NOOP, HELP, VRFY, EXPN and RSET at any time, even before EHLO (§4.1.4)', () => {
    for (const verb of ['NOOP', 'HELP', 'VRFY', 'EXPN', 'RSET']) expect(takenIn(verb)).toEqual(['greeted', 'mail', 'rcpt', 'ready']);
  });

  it('change nothing by NOOP, HELP, VRFY and EXPN (§4.1.1.6 to .9)', () => {
    for (const verb of ['NOOP', 'HELP', 'VRFY', 'EXPN']) expect(EDGES.filter(({ on, from, to }) => on === verb && from !== to)).toEqual([]);
  });

  it('end a transaction by RSET, which neither opens nor closes a session (§4.1.1.5)', () => {
    expect(['greeted', 'ready', 'mail', 'rcpt'].map((state) => onCommand(state as State, 'RSET'))).toEqual(['greeted', 'ready', 'ready', 'ready']);
  });

  it('treat EHLO and HELO alike, both ending a transaction (§4.1.4)', () => {
    expect(COMMAND_ORDER.HELO).toEqual(COMMAND_ORDER.EHLO);
    expect(['greeted', 'ready', 'mail', 'rcpt'].map((state) => onCommand(state as State, 'EHLO'))).toEqual(['ready', 'ready', 'ready', 'ready']);
  });

  it('let a transaction be MAIL, then RCPT, then DATA, and nothing else (§3.3, §4.1.4)', () => {
    expect(takenIn('MAIL')).toEqual(['ready']);
    expect(takenIn('RCPT')).toEqual(['mail', 'rcpt']);
    expect(takenIn('DATA')).toEqual(['rcpt']);
    expect(waysInto('mail')).toEqual(['MAIL']);
    expect(waysInto('rcpt')).toEqual(['RCPT']);
    expect(waysInto('data')).toEqual(['DATA']);
  });

  it('open a session by EHLO or HELO alone (§4.1.4)', () => {
    expect(EDGES.filter(({ from, to }) => from === 'greeted' && to !== 'greeted' && to !== 'closed').map(({ on }) => on).sort()).toEqual(['EHLO', 'HELO']);
  });

  it('finish mail data before a shutdown (§3.8)', () => {
    expect(onEvent('data', 'shutdown')).toBe('no');
    expect(takenIn('shutdown')).toEqual([...COMMAND_STATES].sort());
  });

  it('answer a command out of order with 503 in every state (§4.1.4)', () => {
    expect(Object.values(OUT_OF_ORDER).filter((name) => REPLIES[name].code !== 503)).toEqual([]);
  });

  it('are drawn whole: an edge for each cell that does not say no', () => {
    const cells = [...Object.values(COMMAND_ORDER), ...Object.values(EVENT_ORDER)].flat().filter((to) => to !== 'no');
    expect(EDGES.length).toBe(cells.length);
    expect(new Set(EDGES.map(({ from, on }) => `${from} ${on}`)).size).toBe(EDGES.length);
    for (const { from, on, to } of EDGES) {
      const verb = VERBS.find((name) => name === on);
      const event = EVENTS.find((name) => name === on);
      expect(verb === undefined ? event && onEvent(from as State, event) : onCommand(from as State, verb)).toBe(to);
    }
  });
});

describe('a session, walked through all its states', () => {
  const taken = new Set<string>();

  it('is always in the state that the tables say', () => {
    const places = explore(() => new ServerWalk(taken)); // each step is compared
    expect(places.size).toBeGreaterThan(40);
  });

  it('takes every edge of the tables', () => {
    expect(EDGES.map(({ from, on }) => `${from}: ${on}`).filter((edge) => !taken.has(edge))).toEqual([]);
  });
});

type Answers = 'accept' | 'refuse' | 'refuse 421';
type Input = { readonly line: string } | { readonly octets: string } | { readonly answer: Answers } | { readonly world: 'time' | 'end' | 'lost' | 'shutdown' };

const WELL_FORMED: Readonly<Record<Verb, string>> = {
  EHLO: 'EHLO client.example.org',
  HELO: 'HELO client.example.org',
  MAIL: 'MAIL FROM:<alice@example.org>',
  RCPT: 'RCPT TO:<bob@example.com>',
  DATA: 'DATA',
  RSET: 'RSET',
  NOOP: 'NOOP',
  HELP: 'HELP',
  VRFY: 'VRFY bob',
  EXPN: 'EXPN staff',
  QUIT: 'QUIT',
};
const ILL_FORMED = ['EHLO', 'HELO a b', 'MAIL <a@b>', 'MAIL FROM:<a@b> X=1', 'MAIL FROM:<a@b> SIZE=999999', 'RCPT TO:<>', 'RCPT TO:<a@b> X', 'DATA now', 'RSET all', 'QUIT now', 'VRFY', 'EXPN', 'ETRN x', 'TLS', '', 'MAIL FROM:<\xe4@b>', 'NOOP\n', 'x'.repeat(LIMITS.commandLine)];
const MAX_SIZE = 20;
const CONTENT = ['short', '..', '\n', 'x'.repeat(MAX_SIZE)];
const ENDLESS_LINE = 'x'.repeat(LIMITS.commandLineDrain + 1);

const INPUTS: readonly Input[] = [
  ...[...Object.values(WELL_FORMED), ...ILL_FORMED, ...CONTENT, '.', 'GET / HTTP/1.1'].map((line) => ({ line })),
  { octets: 'NOO' },
  { octets: ENDLESS_LINE },
  ...(['time', 'end', 'lost', 'shutdown'] as const).map((world) => ({ world })),
];
const ANSWERS: readonly Input[] = [...(['accept', 'refuse', 'refuse 421'] as const).map((answer) => ({ answer })), { world: 'time' }, { world: 'end' }, { world: 'lost' }, { world: 'shutdown' }];

/** A session beside the words of the tables: what state it is in, and which question is open. */
class ServerWalk implements Walk<Input> {
  readonly #dialogue = new ServerDialogue({ maxSize: MAX_SIZE }, () => 'later');
  readonly #taken: Set<string>;
  #state: State = 'connected';
  #question: Verb | 'client' | 'message' | undefined = 'client';
  #partial = ''; //     octets of a line that has not ended
  #content = 0; //      octets of mail data
  #spoilt = false; //   mail data come to nothing
  #stopping = false;
  #ended = false;

  constructor(taken: Set<string>) {
    this.#taken = taken;
  }

  get key(): string {
    const told = [this.#question, this.#partial.length, this.#spoilt, this.#content > 0, this.#stopping, this.#ended];
    return this.#state === 'closed' ? 'closed' : [this.#state, ...told].join(' ');
  }

  get inputs(): readonly Input[] {
    if (this.#question !== undefined) return ANSWERS;
    return this.#partial === '' ? INPUTS : INPUTS.filter((input) => !('octets' in input));
  }

  take(input: Input): void {
    if ('line' in input) this.#receive(`${input.line}\r\n`);
    else if ('octets' in input) this.#receive(input.octets);
    else if ('answer' in input) this.#answer(input.answer);
    else this.#meet(input.world);
    this.#meetWhatWaits();
    const { session, open } = this.#dialogue;
    const question = this.#question === 'client' || this.#question === 'message' ? this.#question : ABOUT[this.#question ?? 'NOOP'];
    if (session.state !== this.#state || open?.about !== question) expect({ input, state: session.state, question: open?.about }).toEqual({ input, state: this.#state, question });
  }

  #receive(text: string): void {
    this.#dialogue.receive(text);
    if (this.#state === 'data') return this.#readData(this.#partial + text);
    if (this.#state === 'closed') return;
    if (this.#partial.length + text.length > LIMITS.commandLineDrain) return this.#follow('dropped');
    if (!text.endsWith('\r\n')) {
      this.#partial += text;
      return;
    }
    const line = this.#partial + text.slice(0, -2);
    this.#partial = '';
    if (line.startsWith('GET ')) return this.#follow('dropped');
    const verb = VERBS.find((name) => WELL_FORMED[name] === line);
    if (verb === undefined || onCommand(this.#state, verb) === 'no') return;
    if (ABOUT[verb] === undefined) this.#follow(verb);
    else this.#question = verb;
  }

  #readData(text: string): void {
    this.#partial = text.endsWith('\r\n') ? '' : text;
    if (this.#partial !== '') return void this.#endless(this.#content + text.length);
    if (text === '.\r\n') {
      if (!this.#spoilt) this.#question = 'message';
      return this.#follow('end of mail data');
    }
    this.#content += text.replace(/^\./, '').length;
    this.#spoilt ||= this.#content > MAX_SIZE || /(?<!\r)\n/.test(text);
    this.#endless(this.#content);
  }

  #endless(size: number): void {
    if (size > LIMITS.mailDataDrain * MAX_SIZE) this.#follow('dropped');
  }

  #answer(answer: Answers): void {
    const question = this.#question;
    this.#question = undefined;
    if (answer === 'accept') {
      this.#dialogue.accept();
      if (question !== undefined && question !== 'message') this.#follow(question === 'client' ? 'welcomed' : question);
    } else {
      this.#dialogue.refuse(answer === 'refuse' ? reply(550, '5.7.1', 'no') : reply(421, '4.3.0', 'no more'));
      if (question === 'client') this.#follow('turned away');
      if (answer === 'refuse 421') this.#follow('dropped');
    }
  }

  #meet(world: 'time' | 'end' | 'lost' | 'shutdown'): void {
    switch (world) {
      case 'time':
        this.#dialogue.wait(300_000);
        if (this.#question === undefined) this.#follow('timeout');
        break;
      case 'lost':
        this.#dialogue.lost();
        this.#question = undefined;
        this.#follow('lost');
        break;
      case 'end':
        this.#dialogue.end();
        this.#ended = true;
        break;
      case 'shutdown':
        this.#dialogue.shutdown();
        this.#stopping = true;
        break;
      default: world satisfies never;
    }
  }

  /** A shutdown, and the end of the client's side, wait for an answer; a shutdown for the end of mail data too. */
  #meetWhatWaits(): void {
    if (this.#question !== undefined) return;
    if (this.#stopping) this.#follow('shutdown');
    if (this.#ended) this.#follow('lost');
  }

  /** Goes where the tables say. */
  #follow(on: Verb | ServerEvent): void {
    const edge = EDGES.find((candidate) => candidate.from === this.#state && candidate.on === on);
    if (edge === undefined) return;
    this.#taken.add(`${edge.from}: ${on}`);
    this.#state = edge.to as State;
    if (this.#state !== 'data') this.#forget();
  }

  #forget(): void {
    this.#partial = '';
    this.#content = 0;
    this.#spoilt = false;
  }
}

/** What the application is asked about a command. */
const ABOUT: Readonly<Partial<Record<Verb, string>>> = { EHLO: 'helo', HELO: 'helo', MAIL: 'mail', RCPT: 'rcpt', VRFY: 'vrfy' };
