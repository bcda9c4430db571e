// How a client session ends otherwise than by its own QUIT, what becomes of its mail then, and what the embedder may not do.

import { describe, expect, it } from 'vitest';
import { minutes, seconds } from '../../../src/protocol/limit.ts';
import { REASONS } from '../../../src/protocol/client/reason.ts';
import { ClientSession } from '../../../src/protocol/client/session.ts';
import { AWAITED } from '../../../src/protocol/client/table.ts';
import type { Awaited, State } from '../../../src/protocol/client/table.ts';
import { UsageError } from '../../../src/wire/usage.ts';
import { octetsOf } from '../../wire/every.ts';
import { AT_THE_END, BOB, CAROL, CLIENT, ClientDialogue, IN_TRANSACTION, after, clientAwaiting, clientIn } from '../../support/client-dialogue.ts';
import { forwardPath, reversePath } from '../../support/path.ts';

const COMMANDS = Object.keys(AWAITED) as Awaited[]; // the keys are AWAITED's own

/** What the session is in, besides waiting for a reply. */
const STATES = ['greeting', 'ehlo', 'helo', 'starttls', 'tls', 'auth', 'ready', 'envelope', 'flight', 'content', 'ending', 'quit'] as const satisfies readonly State[];

describe('a connection that is lost', () => {
  it.each(STATES)('in state %s ends the session once', (state) => {
    for (const [loss, reason] of [['end', 'connection-lost'], ['lost', 'connection-lost'], ['abort', 'aborted']] as const) {
      const client = clientIn(state);
      const polite = loss === 'abort' && ['ehlo', 'helo', 'ready', 'flight', 'ending'].includes(state); // the envelope has DATA out: QUIT may be content
      expect(client[loss]()).toEqual(polite ? ['QUIT'] : []);
      client.lost();
      client.end();
      expect(client.closes).toBe(1);
      const told = { envelope: `deferred 451 in reply to MAIL: ${reason}`, content: `deferred 451 in reply to nothing: ${reason}`, ending: `unknown 451 in reply to end of mail data: ${reason}`, flight: `unknown 451 in reply to MAIL: ${reason}` };
      expect(client.told).toEqual(state in told ? [`${BOB} ${told[state as keyof typeof told]}`, `${CAROL} ${told[state as keyof typeof told]}`, 'done'] : []);
    }
  });

  it('that never came about defers the mail', () => {
    const client = new ClientDialogue();
    client.session.lost('no-connection');
    client.pump();
    client.mail();
    expect(client.told).toEqual([`${BOB} deferred 451 in reply to the connection: no-connection`, 'done']);
  });

  it('leaves a recipient that was refused with its refusal', () => {
    const client = after(clientIn('envelope'), '250 ok', '550 no');
    client.lost();
    expect(client.told).toEqual([`${BOB} failed 550 in reply to RCPT`, `${CAROL} deferred 451 in reply to RCPT: connection-lost`, 'done']);
  });
});

describe('a reply to the end of mail data that comes before them', () => {
  it('defers the mail, and nothing of the content goes out: it was at hand, and not yet sent', () => {
    const client = new ClientDialogue();
    client.reply('220 mx.example.com');
    client.reply('250 mx.example.com');
    client.mail(['bob@example.com'], { content: octetsOf('Subject: hello\r\n') });
    client.reply('250 ok');
    client.reply('250 ok');
    const { sent } = client;
    expect(client.reply('354 go ahead', '250 taken')).toEqual([]);
    expect(client.told).toEqual([`${BOB} deferred 451 in reply to end of mail data: bad-reply`, 'done']);
    expect(client.sent).toBe(sent);
    expect(client.closes).toBe(1);
  });

  it('in a segment of its own leaves it unknown: who has said so much may say anything', () => {
    const client = new ClientDialogue();
    client.reply('220 mx.example.com');
    client.reply('250 mx.example.com');
    client.mail(['bob@example.com'], { content: octetsOf('Subject: hello\r\n') });
    client.reply('250 ok');
    client.reply('250 ok');
    expect(client.reply('354 go ahead')).toEqual(['Subject: hello', '.']);
    client.reply('354 go ahead');
    expect(client.told).toEqual([`${BOB} unknown 451 in reply to end of mail data: bad-reply`, 'done']);
  });
});

describe('the time that a server has (§4.5.3.2)', () => {
  // shows RFC5321:4.5.3.2-1 RFC5321:4.5.3.2-2 RFC5321:4.5.4-1
  it.each(COMMANDS)('for %s is up exactly then, and not before', (awaited) => {
    const client = clientAwaiting(awaited);
    const { timeout, phrase } = AWAITED[awaited];
    expect(client.session.deadline).toBe(client.now + timeout);
    client.wait(timeout - 1);
    expect(client.closes).toBe(0);
    client.wait(1);
    expect(client.closes).toBe(1);
    const state = AT_THE_END.includes(awaited) ? 'unknown' : 'deferred';
    expect(client.told).toEqual(IN_TRANSACTION.includes(awaited) ? [`${BOB} ${state} 451 in reply to ${phrase}: timeout`, `${CAROL} ${state} 451 in reply to ${phrase}: timeout`, 'done'] : []);
  });

  // shows RFC5321:4.5.3.2-2 RFC5321:4.5.3.2-4
  it('begins anew with each reply of a pipelined group, and with none of its lines', () => {
    const client = clientIn('envelope');
    for (let count = 0; count < 3; count++) {
      client.wait(minutes(4));
      client.reply('250 ok');
    }
    expect(client.session.deadline).toBe(client.now + minutes(2));
    client.wait(minutes(1));
    client.receive('354-go\r\n354-');
    expect(client.session.deadline).toBe(client.now + minutes(1));
  });

  // shows RFC5321:4.5.3.2-4
  it('for a block of mail data is three minutes, from the 354 on and from each block (§4.5.3.2.5)', () => {
    const client = after(clientIn('envelope'), '250 ok', '250 ok', '250 ok');
    client.wait(minutes(2) - 1);
    client.reply('354 go');
    for (let count = 0; count < 3; count++) {
      expect(client.session.deadline).toBe(client.now + minutes(3));
      client.wait(minutes(3) - 1);
      client.give('hello\r\n');
    }
    client.wait(minutes(3));
    expect(client.told[0]).toBe(`${BOB} deferred 451 in reply to nothing: timeout`);
    expect(client.closes).toBe(1);
  });

  it('does not run between transactions, nor behind the end', () => {
    for (const state of ['ready', 'closed'] as const) expect(clientIn(state).session.deadline).toBe(Infinity);
  });

  // shows RFC5321:4.5.3.2-3
  it('may be cut', () => {
    const client = clientIn('envelope', ['PIPELINING'], { timeout: seconds(10) });
    client.wait(seconds(10));
    expect(client.told[0]).toBe(`${BOB} deferred 451 in reply to MAIL: timeout`);
    expect(clientIn('quit', [], { timeout: minutes(60) }).session.deadline).toBe(seconds(30));
  });

  it('has not passed before it has, though the embedder say so', () => {
    const client = clientIn('envelope');
    client.session.expire(client.session.deadline - 1);
    client.pump();
    expect(client.closes).toBe(0);
  });
});

describe('a content that must not be sent', () => {
  it.each([
    ['a bare LF', ['a\nb\r\n']],
    ['a bare CR', ['a\rb\r\n']],
    ['a CR at its end', ['a\r']],
    ['a CR at the end of a piece', ['a\r', 'b\r\n']],
    ['a LF at the start of a piece', ['a', '\nb']],
    ['an end of mail data for those who take LF', ['a\n.\nMAIL FROM:<evil@x>\n']],
    ['an end of mail data for those who take CR', ['a\r.\r']],
  ])('with %s never gets its final dot (§2.3.8)', (_, pieces) => {
    const client = clientIn('content');
    const from = client.sent.length;
    for (const piece of pieces) if (client.wanting) client.give(piece);
    if (client.wanting) client.finish();
    expect(client.told).toEqual([`${BOB} failed 554 in reply to nothing: bad-content`, `${CAROL} failed 554 in reply to nothing: bad-content`, 'done']);
    expect(client.closes).toBe(1);
    expect(client.sent.slice(from)).not.toContain('.\r\n');
    expect(client.sent.slice(from)).not.toContain('\n.');
  });

  it('because it cannot be read to its end never gets it either', () => {
    const client = clientIn('content');
    client.give('a\r\n');
    client.giveUp();
    expect(client.told[0]).toBe(`${BOB} deferred 451 in reply to nothing: content-lost`);
    expect(client.sent.endsWith('a\r\n')).toBe(true);
    expect(client.closes).toBe(1);
  });
});

describe('a mail that comes after the session\'s end', () => {
  it('was not tried: it is deferred, whatever became of the mail before it', () => {
    const late = (client: ClientDialogue): string | undefined => {
      client.takeTold();
      expect(client.mail()).toEqual([]);
      expect(client.told.at(-1)).toBe('done');
      return client.told[0];
    };
    const lostIn = (state: State): ClientDialogue => {
      const client = clientIn(state);
      client.lost();
      return client;
    };
    expect(late(lostIn('greeting'))).toBe(`${BOB} deferred 451 in reply to the connection: connection-lost`);
    expect(late(lostIn('ready'))).toBe(`${BOB} deferred 451 in reply to nothing: connection-lost`);
    expect(late(lostIn('ending'))).toBe(`${BOB} deferred 451 in reply to end of mail data: connection-lost`);
    expect(late(after(clientIn('ready'), '421 closing'))).toBe(`${BOB} deferred 421 in reply to nothing`);
    const bad = clientIn('content');
    bad.give('\n');
    expect(late(bad)).toBe(`${BOB} deferred 451 in reply to nothing: aborted`);
    const unread = clientIn('content');
    unread.giveUp();
    expect(late(unread)).toBe(`${BOB} deferred 451 in reply to nothing: aborted`);
  });

  it.each([['greeting', '554 no service'], ['ehlo', '451 not now'], ['helo', '550 not you']] as const)('turned away in state %s gets what the server said, also before QUIT is answered (§3.1)', (state, line) => {
    for (const answered of [true, false]) {
      const client = clientIn(state);
      expect(client.reply(line)).toEqual(['QUIT']);
      if (answered) client.reply('221 bye');
      expect(client.closes).toBe(answered ? 1 : 0);
      expect(client.mail()).toEqual([]);
      expect(client.told).toEqual([`${BOB} deferred ${line.slice(0, 3)} in reply to ${{ greeting: 'the connection', ehlo: 'EHLO', helo: 'HELO' }[state]}`, 'done']);
    }
  });

  it('turned away with QUIT unanswered keeps what the server said', () => {
    for (const loss of ['lost', 'end'] as const) {
      const client = after(clientIn('greeting'), '554 no service');
      client[loss]();
      client.mail();
      expect(client.told[0]).toBe(`${BOB} deferred 554 in reply to the connection`);
    }
  });
});

describe('QUIT (§4.1.1.10)', () => {
  it.each(['221 bye', '250 ok', '500 what', '421 bye', '354 what'])('is over with the reply %s', (line) => {
    const client = clientIn('quit');
    expect(client.sent.endsWith('QUIT\r\n')).toBe(true);
    client.reply(line);
    expect(client.closes).toBe(1);
    expect(client.told).toEqual([]);
  });

  it('behind the end of the session is nothing', () => {
    const client = clientIn('ready');
    client.lost();
    expect(client.quit()).toEqual([]);
    expect(client.closes).toBe(1);
  });
});

describe('the embedder of a client session', () => {
  // shows RFC5321:4.1.1.1-4
  it('gives the client a name that can stand in EHLO (§4.1.1.1)', () => {
    for (const hostname of ['', 'a b', 'a\r\nQUIT', '192.0.2.1 ']) expect(() => new ClientSession({ hostname }, 0)).toThrow(UsageError);
    for (const hostname of ['a.example', '[192.0.2.1]', '[IPv6:::1]']) expect(() => new ClientSession({ hostname }, 0)).not.toThrow();
  });

  it.each(STATES.filter((state) => state !== 'ready'))('begins no transaction and says no QUIT in state %s', (state) => {
    const client = clientIn(state);
    expect(() => client.mail()).toThrow(UsageError);
    expect(() => client.quit()).toThrow(UsageError);
  });

  it('begins no transaction after a QUIT that was answered', () => {
    expect(() => clientIn('closed').mail()).toThrow(UsageError);
  });

  it('begins no transaction without a recipient', () => {
    expect(() => clientIn('ready').mail([])).toThrow(UsageError);
  });

  it.each([...STATES.filter((state) => state !== 'content'), 'closed'] as const)('gives no content in state %s', (state) => {
    const client = clientIn(state);
    for (const act of [() => client.give('x'), () => client.finish(), () => client.giveUp()]) expect(act).toThrow(UsageError);
  });

  it('gives content once for each time that it is wanted', () => {
    const { session } = clientIn('content');
    session.content(Uint8Array.of(0x61), 0);
    expect(() => session.content(Uint8Array.of(0x61), 0)).toThrow(UsageError);
    expect(() => session.contentEnd(0)).toThrow(UsageError);
  });

  it('is told that the session is ready once for each transaction, and not when it is over', () => {
    const client = clientIn('ready');
    client.session.send({ reversePath: reversePath('<>'), forwardPaths: [forwardPath(BOB)] }, 0);
    expect(client.session.next()?.type).toBe('send');
    expect(client.session.next()).toBeUndefined();
    const early = new ClientSession({ hostname: CLIENT }, 0);
    early.receive(octetsOf('220 x\r\n'), 0);
    expect(early.next()?.type).toBe('send');
    early.receive(octetsOf('250 x\r\n'), 0);
    early.lost();
    const types: string[] = [];
    for (let action; (action = early.next()) !== undefined; ) types.push(action.type);
    expect(types).toEqual(['close']);
  });
});

describe('the reasons of our own', () => {
  it('have a reply whose class is their state', () => {
    for (const { state, reply: { code, enhanced } } of Object.values(REASONS)) expect([Math.floor(code / 100), Number(enhanced?.[0])]).toEqual(state === 'deferred' ? [4, 4] : [5, 5]);
  });
});
