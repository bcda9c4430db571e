import { describe, expect, it } from 'vitest';
import { reply } from '../../../src/syntax/reply.ts';
import type { Verb } from '../../../src/syntax/command.ts';
import { COMMAND_ORDER, EVENT_ORDER, FRAMING, onCommand, onEvent, PLACES, serverEdges } from '../../../src/protocol/server/table.ts';
import type { ServerEvent, State } from '../../../src/protocol/server/table.ts';
import { outOfOrder } from '../../../src/protocol/server/order.ts';
import type { ServerOptions } from '../../../src/protocol/server/option.ts';
import { REPLIES } from '../../../src/protocol/server/reply.ts';
import { LIMITS } from '../../../src/protocol/limit.ts';
import { explore } from '../../support/explorer.ts';
import type { Walk } from '../../support/explorer.ts';
import { ANY_AUTH, ServerDialogue, plain } from '../../support/server-dialogue.ts';

const STATES = Object.keys(FRAMING) as State[]; // the keys are FRAMING's own
const VERBS = Object.keys(COMMAND_ORDER) as Verb[];
const EVENTS = Object.keys(EVENT_ORDER) as ServerEvent[];
const COMMAND_STATES = STATES.filter((state) => FRAMING[state] === 'lines');
const EDGES = [...serverEdges()];
/** Where an edge leads to, by where it begins and what it is taken on. */
const LEADS_TO = new Map(EDGES.map(({ from, on, to }) => [`${from}: ${on}`, to]));

/** The states that a verb or event is taken in. */
const takenIn = (on: string): string[] => EDGES.filter((edge) => edge.on === on).map(({ from }) => from).sort();
/** What leads into a state, from others. */
const waysInto = (state: State): string[] => [...new Set(EDGES.filter(({ from, to }) => to === state && from !== state).map(({ on }) => on))].sort();
const reachable = (from: string): Set<string> => {
  const met = new Set([from]);
  for (const state of met) for (const edge of EDGES) if (edge.from === state) met.add(edge.to);
  return met;
};

const outOfOrderCode = (state: State, verb: Verb, lmtp: boolean, refused = 0): number => REPLIES[outOfOrder(state, { type: 'bad', verb, reply: 'not ascii', chunk: 0 }, { refused }, lmtp) ?? 'noop'].code;

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

  it('read chunks exactly in the state chunk, responses of SASL exactly in the state auth, and nothing before TLS', () => {
    expect(STATES.filter((state) => FRAMING[state] === 'chunk')).toEqual(['chunk']);
    expect(STATES.filter((state) => FRAMING[state] === 'responses')).toEqual(['auth']);
    expect(STATES.filter((state) => FRAMING[state] === 'nothing')).toEqual(['connected', 'tls', 'closed']);
  });

  it('take no command out of a chunk (RFC 3030 §2), nor out of an exchange of SASL (RFC 4954 §4), nor before TLS (RFC 3207 §4)', () => {
    const leaving = (state: State): string[] => EDGES.filter(({ from }) => from === state).map(({ on, to }) => `${on}: ${to}`).sort();
    expect(leaving('chunk')).toEqual(['bad chunk: ready', 'dropped: closed', 'end of chunk: bdat', 'end of mail data: ready', 'lost: closed', 'timeout: closed']);
    expect(leaving('auth')).toEqual(['authenticated: ready', 'dropped: closed', 'lost: closed', 'not authenticated: ready', 'shutdown: closed', 'timeout: closed']);
    expect(leaving('tls')).toEqual(['insecure: refused', 'lost: closed', 'secured: greeted', 'timeout: closed']);
  });

  it('take STARTTLS and AUTH between transactions alone, and forget everything at TLS (RFC 3207 §4.2, RFC 4954 §4)', () => {
    expect([takenIn('STARTTLS'), takenIn('AUTH')]).toEqual([['ready'], ['ready']]);
    expect(waysInto('greeted')).toEqual(['secured', 'welcomed']);
  });

  it('let a transaction go on with DATA or with BDAT, and never mix them (RFC 3030 §2)', () => {
    expect(takenIn('BDAT')).toEqual(['bdat', 'rcpt']);
    expect(waysInto('chunk')).toEqual(['BDAT']);
    expect(waysInto('bdat')).toEqual(['end of chunk']);
    expect(VERBS.filter((verb) => ['MAIL', 'RCPT', 'DATA'].includes(verb) && onCommand('bdat', verb) !== 'no')).toEqual([]);
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
    for (const verb of ['NOOP', 'HELP', 'VRFY', 'EXPN', 'RSET']) expect(takenIn(verb)).toEqual(['bdat', 'greeted', 'mail', 'rcpt', 'ready']);
  });

  it('change nothing by NOOP, HELP, VRFY and EXPN (§4.1.1.6 to .9)', () => {
    for (const verb of ['NOOP', 'HELP', 'VRFY', 'EXPN']) expect(EDGES.filter(({ on, from, to }) => on === verb && from !== to)).toEqual([]);
  });

  it('end a transaction by RSET, which neither opens nor closes a session (§4.1.1.5)', () => {
    expect((['greeted', 'ready', 'mail', 'rcpt', 'bdat'] as const).map((state) => onCommand(state, 'RSET'))).toEqual(['greeted', 'ready', 'ready', 'ready', 'ready']);
  });

  it('treat EHLO, HELO and LHLO alike, each ending a transaction (§4.1.4, RFC 2033 §4.1)', () => {
    expect(COMMAND_ORDER.HELO).toEqual(COMMAND_ORDER.EHLO);
    expect(COMMAND_ORDER.LHLO).toEqual(COMMAND_ORDER.EHLO);
    expect((['greeted', 'ready', 'mail', 'rcpt', 'bdat'] as const).map((state) => onCommand(state, 'EHLO'))).toEqual(['ready', 'ready', 'ready', 'ready', 'ready']);
  });

  it('let a transaction be MAIL, then RCPT, then DATA, and nothing else (§3.3, §4.1.4)', () => {
    expect(takenIn('MAIL')).toEqual(['ready']);
    expect(takenIn('RCPT')).toEqual(['mail', 'rcpt']);
    expect(takenIn('DATA')).toEqual(['rcpt']);
    expect(waysInto('mail')).toEqual(['MAIL']);
    expect(waysInto('rcpt')).toEqual(['RCPT']);
    expect(waysInto('data')).toEqual(['DATA']);
  });

  it('open a session by EHLO, HELO or LHLO alone (§4.1.4)', () => {
    expect(EDGES.filter(({ from, to }) => from === 'greeted' && to !== 'greeted' && to !== 'closed').map(({ on }) => on).sort()).toEqual(['EHLO', 'HELO', 'LHLO']);
  });

  it('finish mail data before a shutdown (§3.8)', () => {
    expect([onEvent('data', 'shutdown'), onEvent('chunk', 'shutdown')]).toEqual(['no', 'no']);
    expect(takenIn('shutdown')).toEqual([...COMMAND_STATES, 'auth'].sort());
  });

  it('answer a command out of order with 503 in every state (§4.1.4)', () => {
    for (const state of STATES) for (const verb of VERBS) expect(outOfOrderCode(state, verb, false)).toBe(503);
  });

  it('answer what needs a recipient with 554 where all were refused (§3.3), but with 503 in LMTP (RFC 2033 §4.2)', () => {
    for (const verb of VERBS.filter((name) => onCommand('mail', name) === 'no' && !['MAIL', 'AUTH', 'STARTTLS'].includes(name))) {
      expect(outOfOrderCode('mail', verb, false, 1)).toBe(554);
      expect(outOfOrderCode('mail', verb, true, 1)).toBe(503);
    }
  });

  it('answer BDAT LAST of LMTP as often as there are recipients, that is not at all where there are none (RFC 2033 §4.3)', () => {
    const last = { type: 'command', verb: 'BDAT', command: { verb: 'BDAT', size: 0, last: true }, chunk: 0 } as const;
    expect(outOfOrder('mail', last, { refused: 1 }, true)).toBeUndefined();
    expect(outOfOrder('mail', { ...last, command: { ...last.command, last: false } }, { refused: 1 }, true)).toBe('recipient first');
    expect(outOfOrder('ready', last, undefined, true)).toBe('chunk refused');
  });

  it('are linked whole: each place holds what the plain tables say', () => {
    expect(Object.keys(PLACES)).toEqual(STATES);
    for (const state of STATES) {
      const { on, ...place } = PLACES[state];
      expect(place).toEqual({ state, framing: FRAMING[state] });
      const plain = [...VERBS.map((verb) => [verb, onCommand(state, verb)] as const), ...EVENTS.map((event) => [event, onEvent(state, event)] as const)];
      expect(Object.entries(on).map(([what, to]) => [what, to?.state ?? 'no'])).toEqual(plain);
      for (const to of Object.values(on)) expect(to).toBe(to && PLACES[to.state]);
    }
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

  it.each(['SMTP', 'LMTP'] as const)('is always in the state that the tables say: %s', (protocol) => {
    const places = explore(() => new ServerWalk(protocol, taken)); // each step is compared
    expect(places.size).toBeGreaterThan(100);
  });

  it('takes every edge of the tables', () => {
    expect(EDGES.map(({ from, on }) => `${from}: ${on}`).filter((edge) => !taken.has(edge))).toEqual([]);
  });
});

type Answers = 'accept' | 'refuse' | 'refuse 421';
type World = 'time' | 'end' | 'lost' | 'shutdown' | 'secured' | 'insecure';
type Input = { readonly line: string } | { readonly octets: string } | { readonly answer: Answers } | { readonly world: World };

const WELL_FORMED: Readonly<Record<Verb, string>> = {
  EHLO: 'EHLO client.example.org',
  HELO: 'HELO client.example.org',
  LHLO: 'LHLO client.example.org',
  STARTTLS: 'STARTTLS',
  AUTH: 'AUTH PLAIN',
  MAIL: 'MAIL FROM:<alice@example.org>',
  RCPT: 'RCPT TO:<bob@example.com>',
  DATA: 'DATA',
  BDAT: 'BDAT 4',
  RSET: 'RSET',
  NOOP: 'NOOP',
  HELP: 'HELP',
  VRFY: 'VRFY bob',
  EXPN: 'EXPN staff',
  QUIT: 'QUIT',
};
const VERB_OF = new Map(VERBS.map((verb) => [WELL_FORMED[verb], verb]));
const ILL_FORMED = ['EHLO', 'HELO a b', 'LHLO', 'STARTTLS now', 'AUTH', 'AUTH XYZZY', 'AUTH PLAIN !', 'MAIL <a@b>', 'MAIL FROM:<a@b> X=1', 'MAIL FROM:<a@b> SIZE=999999', 'RCPT TO:<>', 'RCPT TO:<a@b> X', 'DATA now', 'BDAT', 'BDAT x', 'RSET all', 'QUIT now', 'VRFY', 'EXPN', 'ETRN x', 'TLS', '', 'MAIL FROM:<\xe4@b>', 'NOOP\n', 'x'.repeat(LIMITS.commandLine)];
const MAX_SIZE = 20;
const CHUNKS = ['BDAT 0', 'BDAT 4 LAST', 'BDAT 0 LAST', 'BDAT 21', 'BDAT 200 LAST', 'BDAT 4 FIRST'];
const CONTENT = ['short', '..', '\n', 'x'.repeat(MAX_SIZE)];
const ENDLESS_LINE = 'x'.repeat(LIMITS.commandLineDrain + 1); // a megabyte: not sent to each place
const RESPONSE = plain('alice', 'secret');

const inWorld = (...worlds: readonly World[]): Input[] => worlds.map((world) => ({ world }));
const INPUTS: readonly Input[] = [
  ...[...Object.values(WELL_FORMED), ...ILL_FORMED, ...CHUNKS, ...CONTENT, '.', 'GET / HTTP/1.1', RESPONSE, '*'].map((line) => ({ line })),
  { octets: 'NOO' },
  { octets: ENDLESS_LINE },
  ...inWorld('time', 'end', 'lost', 'shutdown'),
];
const ANSWERS: readonly Input[] = [...(['accept', 'refuse', 'refuse 421'] as const).map((answer) => ({ answer })), ...inWorld('time', 'end', 'lost', 'shutdown')];
/** In a chunk: no input reaches beyond its end; small ones come near it, or each count of octets left would be a place. */
const PIECES: readonly Input[] = [...['QU', 'IT\r\n', 'a\nb\n', 'x'.repeat(21), 'x'.repeat(8 * MAX_SIZE + 1)].map((octets) => ({ octets })), ...inWorld('time', 'end', 'lost', 'shutdown')];
/** While the handshake is awaited. */
const IN_THE_CLEAR: readonly Input[] = [{ line: 'EHLO client.example.org' }, { line: 'QUIT' }, ...inWorld('secured', 'insecure', 'time', 'end', 'lost', 'shutdown')];

const ANY: Partial<ServerOptions> = { maxSize: MAX_SIZE, maxDrain: 8 * MAX_SIZE, startTls: true, auth: ANY_AUTH };
const OPTIONS = { SMTP: ANY, LMTP: { ...ANY, lmtp: true } };

/** A session beside the words of the tables: what state it is in, and which question is open. */
class ServerWalk implements Walk<Input> {
  readonly #dialogue: ServerDialogue;
  readonly #lmtp: boolean;
  readonly #taken: Set<string>;
  #state: State = 'connected';
  #question: Verb | 'client' | 'message' | undefined = 'client';
  #partial = ''; //          octets of a line that has not ended
  #content = 0; //           octets of mail data
  #spoilt = false; //        mail data come to nothing
  #remaining = 0; //         octets of a chunk to come, which is
  #chunk: 'more' | 'last' | 'refused' = 'more';
  #secured = false;
  #authenticated = false;
  #stopping = false;
  #ended = false;

  constructor(protocol: 'SMTP' | 'LMTP', taken: Set<string>) {
    this.#lmtp = protocol === 'LMTP';
    this.#dialogue = new ServerDialogue(OPTIONS[protocol], () => 'later');
    this.#taken = taken;
  }

  get key(): string {
    const told = [this.#question, this.#partial.length, this.#spoilt, this.#content > 0, this.#remaining, this.#remaining > 0 && this.#chunk, this.#secured, this.#authenticated, this.#stopping, this.#ended];
    return this.#state === 'closed' ? 'closed' : [this.#state, ...told].join(' ');
  }

  get inputs(): readonly Input[] {
    if (this.#question !== undefined) return ANSWERS;
    if (this.#state === 'tls') return IN_THE_CLEAR;
    if (this.#remaining > 0) return PIECES.filter((input) => !('octets' in input) || (input.octets.length <= this.#remaining && (input.octets.length > MAX_SIZE || this.#remaining <= MAX_SIZE + 1)));
    const whole = this.#partial === '' && this.#content === 0 && !this.#spoilt && !this.#secured && !this.#authenticated;
    return whole ? INPUTS : INPUTS.filter((input) => !('octets' in input));
  }

  take(input: Input): void {
    if ('line' in input) this.#receive(`${input.line}\r\n`);
    else if ('octets' in input) this.#receive(input.octets);
    else if ('answer' in input) this.#answer(input.answer);
    else this.#meet(input.world);
    this.#meetWhatWaits();
    const { session, open } = this.#dialogue;
    const question = this.#question === 'client' || this.#question === 'message' ? this.#question : ABOUT[this.#question ?? 'NOOP'];
    if (session.state !== this.#state || open?.about !== question) expect({ input, key: this.key, state: session.state, question: open?.about }).toEqual({ input, key: this.key, state: this.#state, question });
  }

  #receive(text: string): void {
    this.#dialogue.receive(text);
    if (this.#state === 'data') return this.#readData(this.#partial + text);
    if (this.#state === 'closed' || this.#state === 'tls') return;
    if (this.#remaining > 0) return this.#readChunk(text);
    if (this.#partial.length + text.length > LIMITS.commandLineDrain) return this.#follow('dropped');
    if (!text.endsWith('\r\n')) {
      this.#partial += text;
      return;
    }
    const line = this.#partial + text.slice(0, -2);
    this.#partial = '';
    if (this.#state === 'auth') return this.#respond(line);
    if (line.startsWith('GET ')) return this.#follow('dropped');
    const [, size, rest = ''] = /^BDAT (\d+)(.*)$/.exec(line) ?? [];
    if (size !== undefined) return this.#beginChunk(Number(size), rest);
    if (line.startsWith('BDAT')) return this.#refuseChunk('');
    const verb = VERB_OF.get(line);
    if (line === 'AUTH PLAIN !' && this.#guards('AUTH')) return this.#fail(); // it has begun, and ended
    if (verb === undefined || onCommand(this.#state, verb) === 'no' || !this.#guards(verb)) return;
    if (ABOUT[verb] === undefined || verb === 'AUTH') this.#follow(verb); // AUTH: it is asked when the client has responded
    else this.#question = verb;
  }

  /** What `guard.ts` refuses, of the lines that are sent here. */
  #guards(verb: Verb): boolean {
    if (onCommand(this.#state, verb) === 'no') return false;
    if (verb === 'EHLO' || verb === 'HELO') return !this.#lmtp;
    if (verb === 'LHLO') return this.#lmtp;
    return !(verb === 'STARTTLS' && this.#secured) && !(verb === 'AUTH' && this.#authenticated);
  }

  #respond(line: string): void {
    if (line === RESPONSE) this.#question = 'AUTH';
    else this.#follow('not authenticated');
  }

  #fail(): void {
    this.#follow('AUTH');
    this.#follow('not authenticated');
  }

  #beginChunk(size: number, rest: string): void {
    const taken = onCommand(this.#state, 'BDAT') !== 'no' && (rest === '' || rest === ' LAST');
    if (!taken && size > 8 * MAX_SIZE) return this.#follow('dropped');
    this.#chunk = !taken ? 'refused' : rest === '' ? 'more' : 'last';
    this.#remaining = size;
    if (taken) this.#follow('BDAT');
    else this.#refuseChunk(rest);
    if (size === 0 && taken) this.#readChunk('');
  }

  /** RFC 2033 §4.3: in LMTP the last chunk for no recipient has no reply, also behind others that have one. */
  #refuseChunk(rest: string): void {
    if (!this.#lmtp || this.#state !== 'mail' || rest === ' LAST') this.#follow('bad chunk');
  }

  #readChunk(text: string): void {
    this.#remaining -= text.length;
    if (this.#chunk === 'refused') return;
    this.#content += text.length;
    this.#spoilt ||= this.#content > MAX_SIZE || /(?<!\r)\n/.test(text);
    this.#endless(this.#content);
    if (this.#remaining > 0 || this.#state !== 'chunk') return;
    if (this.#chunk === 'more') return this.#follow(this.#spoilt && !this.#lmtp ? 'bad chunk' : 'end of chunk');
    if (!this.#spoilt) this.#question = 'message';
    this.#follow('end of mail data');
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
    if (size > 8 * MAX_SIZE) this.#follow('dropped');
  }

  #answer(answer: Answers): void {
    const question = this.#question;
    this.#question = undefined;
    if (answer === 'accept') {
      if (question === 'AUTH') this.#dialogue.answerAuth({ type: 'yes' });
      else this.#dialogue.accept();
      if (question === 'AUTH') this.#follow('authenticated');
      else if (question !== undefined && question !== 'message') this.#follow(question === 'client' ? 'welcomed' : question);
    } else {
      this.#dialogue.refuse(answer === 'refuse' ? reply(550, '5.7.1', 'no') : reply(421, '4.3.0', 'no more'));
      if (question === 'client') this.#follow('turned away');
      if (answer === 'refuse 421') this.#follow('dropped');
      else if (question === 'AUTH') this.#follow('not authenticated');
    }
  }

  #meet(world: World): void {
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
      case 'secured':
        this.#dialogue.secured();
        this.#secured = true;
        this.#authenticated = false;
        this.#follow('secured');
        break;
      case 'insecure':
        this.#dialogue.insecure();
        this.#secured = true;
        this.#follow('insecure');
        break;
      default: world satisfies never;
    }
  }

  /** A shutdown, and the end of the client's side, wait for an answer; a shutdown for the end of mail data and for the handshake too. */
  #meetWhatWaits(): void {
    if (this.#question !== undefined) return;
    if (this.#stopping) this.#follow('shutdown');
    if (this.#ended) this.#follow('lost');
  }

  /** Goes where the tables say. */
  #follow(on: Verb | ServerEvent): void {
    const edge = `${this.#state}: ${on}`;
    const to = LEADS_TO.get(edge);
    if (to === undefined) return;
    this.#taken.add(edge);
    this.#state = to as State;
    if (on === 'authenticated') this.#authenticated = true;
    if (!['data', 'chunk', 'bdat'].includes(this.#state)) this.#forget();
  }

  #forget(): void {
    this.#partial = '';
    this.#content = 0;
    this.#spoilt = false;
    if (this.#chunk !== 'refused') this.#remaining = 0;
  }
}

/** What the application is asked about a command. */
const ABOUT: Readonly<Partial<Record<Verb, string>>> = { EHLO: 'helo', HELO: 'helo', LHLO: 'helo', AUTH: 'auth', MAIL: 'mail', RCPT: 'rcpt', VRFY: 'vrfy' };
