import { describe, expect, it } from 'vitest';
import { connect } from '../../src/node/connect.ts';
import { now } from '../../src/node/now.ts';
import type { Outgoing, SenderOptions } from '../../src/node/sender.ts';
import type { Outcome } from '../../src/protocol/client/action.ts';
import { forwardPath } from '../support/path.ts';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, GREETING, startScriptedServer, taking, targetOf, type ScriptedServer } from '../support/scripted-server.ts';
import { send } from '../support/send.ts';
import { deferred, until } from '../support/turn.ts';

/** Where a server is waited for in vain. Each of its replies before has to come within this, and a busy machine may take a tenth of a second. */
const BRIEF = 500;

function mailOf(content: Outgoing['content']): Outgoing {
  return { reversePath: { type: 'null', text: '<>', key: '' }, content };
}

async function* oneLine(): AsyncGenerator<Uint8Array, void> {
  yield latin1('Hello\r\n');
}

async function sendTo(server: ScriptedServer, names: readonly string[], content: Outgoing['content'] = oneLine, options: Partial<SenderOptions> = {}): Promise<readonly Outcome[]> {
  const socket = await connect(targetOf(server.port));
  return send(socket, mailOf(content), names.map((name) => forwardPath(`<${name}@b.test>`)), { hostname: 'client.test', timeout: 5_000, ...options });
}

/** An outcome in short: `delivered 250`, `deferred 451 connection-lost MAIL`. */
function brief(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => [outcome.state, outcome.reply.code, ...('reason' in outcome ? [outcome.reason] : []), ...('inReplyTo' in outcome ? [outcome.inReplyTo] : [])].join(' '));
}

describe('send', () => {
  it('delivers a mail, and says QUIT', async () => {
    await using server = await startScriptedServer(taking());
    expect(brief(await sendTo(server, ['bob']))).toEqual(['delivered 250']);
    await until(() => server.idle);
    expect(server.heard[0]).toBe('EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\nHello\r\n.\r\nQUIT\r\n');
  });

  it('resolves before QUIT is answered', async () => {
    await using server = await startScriptedServer(taking().slice(0, -1));
    expect(brief(await sendTo(server, ['bob']))).toEqual(['delivered 250']);
    expect(server.idle).toBe(false);
  });

  it('reports each recipient by itself', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<a@', 'S: 250 ok', 'C: RCPT TO:<b@', 'S: 550 5.1.1 no', 'C: RCPT TO:<c@', 'S: 450 4.2.1 later', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken', ...FAREWELL]);
    expect(brief(await sendTo(server, ['a', 'b', 'c']))).toEqual(['delivered 250', 'failed 550 RCPT', 'deferred 450 RCPT']);
  });

  // shows RFC5321:4.5.3.1.8-7 RFC5321:4.5.3.1.10-2 RFC5321:4.5.3.1.10-3 RFC5321:4.5.3.1.10-5
  it('sends to recipients that there was no room for in a second transaction of the same connection, with the content anew', async () => {
    const first = [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<a@', 'S: 250 ok', 'C: RCPT TO:<b@', 'S: 452 4.5.3 too many', 'C: RCPT TO:<c@', 'S: 552 too many', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken'];
    const second = ['C: MAIL', 'S: 250 ok', 'C: RCPT TO:<b@', 'S: 250 ok', 'C: RCPT TO:<c@', 'S: 550 no', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken too', ...FAREWELL];
    await using server = await startScriptedServer([...first, ...second]);
    expect(brief(await sendTo(server, ['a', 'b', 'c']))).toEqual(['delivered 250', 'delivered 250', 'failed 550 RCPT']);
    await until(() => server.idle);
    expect(server.heard[0]?.match(/^Hello\r\n\.\r$/gm)).toHaveLength(2);
  });

  it('begins no further transaction for a server that takes none', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<a@', 'S: 452 full', 'C: RCPT TO:<b@', 'S: 452 full', ...FAREWELL]);
    expect(brief(await sendTo(server, ['a', 'b']))).toEqual(['deferred 452 RCPT', 'deferred 452 RCPT']);
    await until(() => server.idle);
    expect(server.heard[0]?.endsWith('QUIT\r\n')).toBe(true);
  });

  it('counts the last word where the connection breaks in the second transaction', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<a@', 'S: 250 ok', 'C: RCPT TO:<b@', 'S: 452 4.5.3 too many', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 taken', 'C: MAIL', '* reset']);
    expect(brief(await sendTo(server, ['a', 'b']))).toEqual(['delivered 250', 'deferred 451 connection-lost MAIL']);
  });

  it('stuffs dots, and ends content that has no line end', async () => {
    await using server = await startScriptedServer(taking());
    await sendTo(server, ['bob'], async function* () {
      yield latin1('.a\r\n.');
      yield latin1('.b\r\n.');
    });
    await until(() => server.idle);
    expect(server.heard[0]).toContain('DATA\r\n..a\r\n...b\r\n..\r\n.\r\nQUIT');
  });

  it('cuts a large piece of content into blocks, each of which has its time', async () => {
    await using server = await startScriptedServer(taking());
    const line = latin1(`${'x'.repeat(998)}\r\n`);
    const octets = new Uint8Array(2_000_000);
    for (let at = 0; at < octets.length; at += line.length) octets.set(line, at);
    await sendTo(server, ['bob'], async function* () {
      yield octets;
    });
    await until(() => server.idle);
    expect(server.heard[0]?.length).toBeGreaterThan(2_000_000);
  });
});

describe('an unknown outcome (RFC 1047)', () => {
  it('is that of a connection lost after the final dot', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', '* reset']);
    expect(brief(await sendTo(server, ['bob']))).toEqual(['unknown 451 connection-lost end of mail data']);
  });

  it('is that of a server that says nothing after the final dot', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'C: more']);
    expect(brief(await sendTo(server, ['bob'], oneLine, { timeout: BRIEF }))).toEqual(['unknown 451 timeout end of mail data']);
  });

  it('is not that of a server that was lost before it', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', '* reset']);
    expect(brief(await sendTo(server, ['bob']))).toEqual(['deferred 451 connection-lost DATA']);
  });
});

describe('a server that does not play along', () => {
  it.each<[string, readonly string[], string]>([
    ['says nothing', ['C: nothing'], 'deferred 451 timeout the connection'],
    ['greets with 421', ['S: 421 4.3.2 busy', '* end'], 'deferred 421 the connection'],
    ['greets with 554', ['S: 554 5.7.1 not you', ...FAREWELL], 'deferred 554 the connection'],
    ['speaks no SMTP', ['S: HTTP/1.1 400 Bad Request', '* end'], 'deferred 451 bad-reply the connection'],
    ['ends the connection at once', ['* end'], 'deferred 451 connection-lost the connection'],
    ['resets it in the middle', [...GREETING, 'C: MAIL', '* reset'], 'deferred 451 connection-lost MAIL'],
    ['says 421 in the middle', [...GREETING, 'C: MAIL', 'S: 421 4.3.2 going down', '* end'], 'deferred 421 MAIL'],
    ['refuses DATA', [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 451 4.3.0 no', ...FAREWELL], 'deferred 451 DATA'],
    ['refuses the mail', taking(1, '554 5.6.0 spam'), 'failed 554 end of mail data'],
  ])('and %s gives each recipient an outcome', async (_, script, outcome) => {
    await using server = await startScriptedServer(script);
    expect(brief(await sendTo(server, ['a', 'b'].slice(0, script.length > 5 ? 1 : 2), oneLine, script[0] === 'C: nothing' ? { timeout: BRIEF } : {}))[0]).toBe(outcome);
  });
});

const LINES = `${'x'.repeat(998)}\r\n`.repeat(64);

describe('content that fails', () => {
  const script = [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …'];

  it('in the middle is never ended by a dot', async () => {
    await using server = await startScriptedServer(script);
    const outcomes = await sendTo(server, ['bob'], async function* () {
      yield latin1('half of it\r\n');
      throw new Error('disk on fire');
    });
    expect(brief(outcomes)).toEqual(['deferred 451 content-lost nothing']);
    expect(outcomes[0]?.reply.lines).toEqual(['the content could not be read: disk on fire']); // found by embedding: nobody was told why
    await until(() => server.idle);
    expect(server.heard[0]).not.toContain('\r\n.\r\n');
  });

  it('before it begins is the same', async () => {
    await using server = await startScriptedServer(script);
    const outcomes = await sendTo(server, ['bob'], () => {
      throw new Error('no such file');
    });
    expect(brief(outcomes)).toEqual(['deferred 451 content-lost nothing']);
  });

  it.each([['a bare LF', 'a\nb\r\n'], ['a bare CR', 'a\rb\r\n'], ['a CR at its very end', 'a\r']])('to be clean, with %s, is failed', async (_, text) => {
    await using server = await startScriptedServer(script);
    const outcomes = await sendTo(server, ['bob'], async function* () {
      yield latin1(text);
    });
    expect(brief(outcomes)).toEqual(['failed 554 bad-content nothing']);
    await until(() => server.idle);
    expect(server.heard[0]).not.toContain('\r\n.\r\n');
  });

  it('to end well, after it broke off, is nobody\'s concern', async () => {
    await using server = await startScriptedServer([...script.slice(0, -1), 'C: half', '* reset']);
    const go = deferred();
    const outcomes = await sendTo(server, ['bob'], async function* () {
      try {
        yield latin1('half of it\r\n');
        await go.promise;
      } finally {
        throw new Error('cannot close');
      }
    });
    expect(brief(outcomes)).toEqual(['deferred 451 connection-lost nothing']);
    go.resolve();
  });

  it('to come is timed out', async () => {
    await using server = await startScriptedServer(script);
    const go = deferred();
    const outcomes = await sendTo(server, ['bob'], async function* () {
      await go.promise;
      yield latin1('late\r\n');
    }, { timeout: BRIEF });
    expect(brief(outcomes)).toEqual(['deferred 451 timeout nothing']);
    go.resolve();
  });

  it('is let go of when the server breaks off', async () => {
    await using server = await startScriptedServer([...script.slice(0, -1), 'C: x', '* reset']);
    let over = false;
    await sendTo(server, ['bob'], async function* () {
      try {
        for (;;) yield latin1(LINES);
      } finally {
        over = true;
      }
    });
    await until(() => over);
  });
});

describe('a signal that aborts', () => {
  it('before anything was said defers the recipients', async () => {
    await using server = await startScriptedServer(taking());
    const aborter = new AbortController();
    aborter.abort();
    expect(brief(await sendTo(server, ['bob'], oneLine, { signal: aborter.signal }))).toEqual(['deferred 451 aborted the connection']);
  });

  it('in the middle of the content defers them', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …']);
    const aborter = new AbortController();
    const outcomes = await sendTo(server, ['bob'], async function* () {
      yield latin1('half of it\r\n');
      aborter.abort();
      yield latin1('the other half\r\n');
    }, { signal: aborter.signal });
    expect(brief(outcomes)).toEqual(['deferred 451 aborted nothing']);
    await until(() => server.idle);
    expect(server.heard[0]).not.toContain('\r\n.\r\n');
  });

  it('after the final dot leaves them unknown', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'C: more']);
    const aborter = new AbortController();
    const sent = sendTo(server, ['bob'], oneLine, { signal: aborter.signal });
    await until(() => server.heard[0]?.endsWith('.\r\n') === true);
    aborter.abort();
    expect(brief(await sent)).toEqual(['unknown 451 aborted end of mail data']);
  });

  it('ends a connection whose server takes no octet', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go']);
    const aborter = new AbortController();
    let supplied = 0;
    const sent = sendTo(server, ['bob'], async function* () {
      for (; ; supplied++) yield latin1(LINES);
    }, { signal: aborter.signal });
    await until(() => supplied > 10);
    aborter.abort();
    expect(brief(await sent)).toEqual(['deferred 451 aborted nothing']);
  });

  it('ends the wait for the reply to QUIT', async () => {
    await using server = await startScriptedServer(taking().slice(0, -1));
    const aborter = new AbortController();
    const from = now();
    await sendTo(server, ['bob'], oneLine, { signal: aborter.signal });
    aborter.abort();
    await until(() => server.idle);
    expect(now() - from).toBeLessThan(1_500);
  });
});

describe('a signal that says it is closing time', () => {
  it.each([
    ['the greeting', ['C: nothing'], ['deferred 451 aborted the connection']],
    ['the reply to EHLO', [...GREETING.slice(0, 2), 'C: nothing'], ['deferred 451 aborted EHLO']],
  ])('breaks off the wait for %s', async (_, script, outcomes) => {
    await using server = await startScriptedServer(script);
    const aborter = new AbortController();
    const sent = sendTo(server, ['bob'], oneLine, { closing: aborter.signal });
    await until(() => server.connections === 1 && (script.length === 1 || server.heard[0] !== ''));
    aborter.abort();
    expect(brief(await sent)).toEqual(outcomes);
  });

  it('lets nothing begin', async () => {
    await using server = await startScriptedServer(taking());
    const aborter = new AbortController();
    aborter.abort();
    expect(brief(await sendTo(server, ['bob'], oneLine, { closing: aborter.signal }))).toEqual(['deferred 451 aborted the connection']);
  });

  it('lets a transaction go on whose MAIL is out', async () => {
    await using server = await startScriptedServer(taking());
    const aborter = new AbortController();
    const sent = sendTo(server, ['bob'], async function* () {
      aborter.abort();
      yield latin1('Hello\r\n');
    }, { closing: aborter.signal });
    expect(brief(await sent)).toEqual(['delivered 250']);
    await until(() => server.idle);
  });
});
