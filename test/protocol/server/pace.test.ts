// A client that is slow, on a clock that is a number: what it is given, and where that ends (RFC 5321 §4.5.3.2.7).

import { describe, expect, it } from 'vitest';
import { DATA_RATE, SERVER_TIMEOUT, SESSION_TIMEOUT, hours, minutes, seconds } from '../../../src/protocol/limit.ts';
import { Pace } from '../../../src/protocol/server/pace.ts';
import { HOST, codesOf, dialogueIn, ServerDialogue } from '../../support/server-dialogue.ts';

const TOO_SLOW = `421 4.7.0 ${HOST} mail data come too slowly, closing connection`;
const WAITED = `421 4.4.2 ${HOST} waited too long, closing connection`;
const TOO_LONG = `421 4.4.2 ${HOST} session lasted too long, closing connection`;

/** Sends a piece each so many milliseconds until the session ends; returns when it did, and the last reply. */
function drip(server: ServerDialogue, piece: string, every: number, most = hours(24)): { readonly after: number; readonly last: string | undefined } {
  const begin = server.now;
  let last: string | undefined;
  while (server.closes === 0 && server.now - begin < most) {
    last = server.wait(every).at(-1) ?? last;
    if (server.closes === 0) last = server.receive(piece).at(-1) ?? last;
  }
  return { after: server.now - begin, last };
}

describe('a client that drips', () => {
  it('an octet of a command a minute is told 421 after five minutes, as if it had said nothing', () => {
    for (const state of ['greeted', 'ready', 'mail', 'rcpt', 'bdat'] as const) expect(drip(dialogueIn(state), 'N', minutes(1))).toEqual({ after: minutes(5), last: WAITED });
  });

  it('an octet of mail data a minute is told 421 after the window that brought too few, in DATA and in chunks', () => {
    const data = dialogueIn('data');
    expect(drip(data, 'x', minutes(1))).toEqual({ after: minutes(6), last: TOO_SLOW }); // the first octet began the window
    expect([data.aborts, data.ends]).toEqual([['timeout'], ['timeout unheard']]);
    const chunk = dialogueIn('rcpt');
    chunk.receive('BDAT 1000000 LAST\r\n');
    expect(drip(chunk, 'x', minutes(1))).toEqual({ after: minutes(6), last: TOO_SLOW });
  });

  it('the chunk of a refused BDAT is no better off', () => {
    const server = dialogueIn('ready');
    server.receive('BDAT 1000000\r\n');
    expect(drip(server, 'x', minutes(1))).toEqual({ after: minutes(6), last: TOO_SLOW });
  });

  it('is closed within two windows however it begins', () => {
    const server = dialogueIn('data');
    server.receive('x'.repeat(998) + '\r\n' + 'y\r\n'.repeat(20_000)); // as fast as can be, for once
    expect(drip(server, 'x', seconds(30)).after).toBeLessThanOrEqual(2 * DATA_RATE.window + seconds(60));
  });

  it('responses of SASL ends as one that drips a command', () => {
    const server = dialogueIn('ready');
    server.say('NOOP');
    expect(drip(server, 'QUI', minutes(2)).last).toBe(WAITED);
  });
});

describe('a client that is slow and honest', () => {
  it('may pause for nearly five minutes between commands and between segments of mail data', () => {
    const server = dialogueIn('ready');
    const say = (...lines: string[]): number[] => {
      server.wait(minutes(5) - 1);
      return codesOf(server.say(...lines));
    };
    expect([say('MAIL FROM:<>'), say('RCPT TO:<a@b>'), say('DATA'), say(...Array.from({ length: 500 }, () => 'x'.repeat(70))), say(...Array.from({ length: 500 }, () => 'x'.repeat(70))), say('.')]).toEqual([[250], [250], [354], [], [], [250]]);
  });

  it('may send at the minimum rate for hours', () => {
    const server = dialogueIn('data');
    const piece = `${'x'.repeat(98)}\r\n`.repeat((DATA_RATE.octetsPerSecond * 60) / 100);
    expect(drip(server, piece, minutes(1), hours(5))).toEqual({ after: hours(5), last: undefined });
    expect(codesOf(server.receive('.\r\n'))).toEqual([250]);
  });

  it('has its mail taken when the end of it comes, though that closes a window that brought too little', () => {
    const server = dialogueIn('data');
    server.receive('hello\r\n');
    server.wait(minutes(4));
    server.receive('slowly\r\n');
    server.wait(minutes(4));
    expect(codesOf(server.receive('.\r\n'))).toEqual([250]);
  });

  it('is not blamed for the time that the application takes', () => {
    const server = dialogueIn('data');
    server.receive('hello\r\n');
    for (let count = 0; count < 5; count++) {
      server.now += minutes(60); // nothing is read, and no time passes for the session
      server.session.receive(new Uint8Array(), server.now); // as a pump does when it reads on
      server.receive('x');
    }
    expect(codesOf(server.receive('\r\n.\r\n'))).toEqual([250]);
  });
});

describe('a session', () => {
  it('ends after six hours, however busy it is', () => {
    const server = dialogueIn('ready', { maxCommands: Infinity });
    expect(drip(server, 'NOOP\r\n', minutes(4))).toEqual({ after: hours(6), last: TOO_LONG });
    const busy = dialogueIn('data', { maxSize: 0 });
    expect(drip(busy, `${'x'.repeat(900)}\r\n`.repeat(7), minutes(1)).after).toBe(hours(6));
    expect(busy.ends).toEqual(['timeout unheard']);
  });

  it('has times that may be others, or none', () => {
    expect(drip(dialogueIn('ready', { sessionTimeout: seconds(10) }), 'NOOP\r\n', seconds(1)).after).toBe(seconds(10));
    expect(drip(dialogueIn('data', { minDataRate: 10, dataRateWindow: seconds(10) }), 'x', seconds(1))).toEqual({ after: seconds(11), last: TOO_SLOW });
    expect(drip(dialogueIn('data', { minDataRate: 0, maxTextLine: Infinity }), 'x', minutes(1), hours(5)).last).toBeUndefined();
  });

  it('has the deadline that comes first', () => {
    const limits = { timeout: 100, sessionTimeout: 250, minDataRate: 0, dataRateWindow: 1 };
    const pace = new Pace(limits, 0);
    expect([pace.deadline, pace.overrun(99), pace.overrun(100)]).toEqual([100, undefined, 'timeout']);
    pace.renew(200);
    expect([pace.deadline, pace.overrun(249), pace.overrun(250)]).toEqual([250, undefined, 'session too long']);
    expect([SERVER_TIMEOUT, SESSION_TIMEOUT]).toEqual([minutes(5), hours(6)]);
  });
});
