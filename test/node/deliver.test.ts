import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { deliver, type RecipientOutcome } from '../../src/node/deliver.ts';
import type { DeliverOptions } from '../../src/node/deliver.ts';
import { ConnectionPool } from '../../src/node/pool.ts';
import type { Outgoing } from '../../src/node/sender.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TlsServer } from '../../src/node/tls.ts';
import type { Target } from '../../src/relay/route.ts';
import type { ForwardPath } from '../../src/syntax/path.ts';
import { inPieces } from '../support/content.ts';
import { listening } from '../support/listening.ts';
import { forwardPath, reversePath } from '../support/path.ts';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, GREETING, startScriptedServer, taking, targetOf, unusedPort } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

const BOB = forwardPath('<bob@b.test>');
const CAROL = forwardPath('<carol@b.test>');

function mailFrom(text: string): Outgoing {
  return { reversePath: reversePath(text), content: () => inPieces('Hello\r\n') };
}

/** Delivers to the ports in turn; also which of them were asked for. */
async function deliverTo(ports: readonly (number | Error)[], paths: readonly ForwardPath[], options: Partial<DeliverOptions> & { readonly mail?: Outgoing } = {}): Promise<{ readonly outcomes: readonly RecipientOutcome[]; readonly asked: number }> {
  let asked = 0;
  async function* targets(): AsyncGenerator<Target, void> {
    for (const port of ports) {
      asked++;
      if (port instanceof Error) throw port;
      yield targetOf(port, `mx${asked}.test`);
    }
  }
  const outcomes = await deliver(options.mail ?? mailFrom('<alice@a.test>'), paths, targets(), { hostname: 'client.test', timeout: 5_000, ...options });
  return { outcomes, asked };
}

/** `delivered 250 mx1.test`, by recipient. */
function brief(outcomes: readonly RecipientOutcome[]): readonly string[] {
  return outcomes.map(({ outcome, target }) => [outcome.state, outcome.reply.code, outcome.reply.enhanced, target?.host].filter((part) => part !== undefined).join(' '));
}

const REFUSING_RCPT = (reply: string): readonly string[] => [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', `S: ${reply}`, ...FAREWELL];

describe('delivery', () => {
  it('stops at the first host that takes the mail, and asks for no further one', async () => {
    await using server = await startScriptedServer(taking(2));
    const { outcomes, asked } = await deliverTo([server.port, server.port], [BOB, CAROL]);
    expect(brief(outcomes)).toEqual(['delivered 250 2.0.0 mx1.test', 'delivered 250 2.0.0 mx1.test']);
    expect(outcomes.map(({ forwardPath }) => forwardPath)).toEqual([BOB, CAROL]);
    expect(asked).toBe(1);
  });

  // shows RFC5321:2.1-2 RFC5321:5.1-15 RFC5321:5.1-17 RFC5321:5.1-26
  it('goes on to the next host where one refuses the connection', async () => {
    await using server = await startScriptedServer(taking());
    expect(brief((await deliverTo([await unusedPort(), server.port], [BOB])).outcomes)).toEqual(['delivered 250 2.0.0 mx2.test']);
  });

  it.each<[string, readonly string[]]>([
    ['greets with 421', ['S: 421 4.3.2 busy', '* end']],
    ['greets with 554', ['S: 554 5.7.1 not you', ...FAREWELL]],
    ['refuses EHLO and HELO', ['S: 220 mx.test', 'C: EHLO', 'S: 502 what', 'C: HELO', 'S: 550 5.7.1 no', ...FAREWELL]],
    ['resets the connection', [...GREETING, 'C: MAIL', '* reset']],
    ['defers MAIL', [...GREETING, 'C: MAIL', 'S: 451 4.3.0 later', ...FAREWELL]],
    ['defers the mail at its end', taking(1, '451 4.3.0 later')],
  ])('goes on where a host %s', async (_, script) => {
    await using server = await startScriptedServer(script, taking());
    expect(brief((await deliverTo([server.port, server.port], [BOB])).outcomes)).toEqual(['delivered 250 2.0.0 mx2.test']);
  });

  it.each<[string, readonly string[]]>([
    ['are closing', REFUSING_RCPT('421 4.3.2 closing')],
    ['break off', [...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', '* reset']],
  ])('goes on to a third host where the first two %s in RCPT, which says nothing of the recipient', async (_, script) => {
    await using server = await startScriptedServer(script, script, taking());
    expect(brief((await deliverTo([server.port, server.port, server.port], [BOB])).outcomes)).toEqual(['delivered 250 2.0.0 mx3.test']);
  });

  it.each<[string, readonly string[], string]>([
    ['fails in RCPT', REFUSING_RCPT('550 5.1.1 no'), 'failed 550 5.1.1 mx1.test'],
    ['fails at the end', taking(1, '554 5.6.0 no'), 'failed 554 5.6.0 mx1.test'],
    ['is unknown', [...taking().slice(0, -3), '* reset'], 'unknown 451 4.4.2 mx1.test'],
  // shows RFC5321:4.2.1-5 RFC5321:4.2.5-8
  ])('tries no further host for a recipient who %s', async (_, script, outcome) => {
    await using server = await startScriptedServer(script, taking());
    const { outcomes, asked } = await deliverTo([server.port, server.port], [BOB]);
    expect(brief(outcomes)).toEqual([outcome]);
    expect(asked).toBe(1);
    expect(server.connections).toBe(1);
  });

  it('tries one further host for a recipient who was deferred in RCPT, and no third', async () => {
    await using server = await startScriptedServer(REFUSING_RCPT('450 4.2.1 first'), REFUSING_RCPT('450 4.2.1 second'), taking());
    const { outcomes, asked } = await deliverTo([server.port, server.port, server.port], [BOB]);
    expect(brief(outcomes)).toEqual(['deferred 450 4.2.1 mx2.test']);
    expect(outcomes[0]?.outcome.reply.lines).toEqual(['second']);
    expect(asked).toBe(2);
  });

  it('takes only those who are still open to the next host', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<bob@', 'S: 250 ok', 'C: RCPT TO:<carol@', 'S: 450 4.2.1 later', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken', ...FAREWELL], taking());
    expect(brief((await deliverTo([server.port, server.port], [BOB, CAROL])).outcomes)).toEqual(['delivered 250 2.0.0 mx1.test', 'delivered 250 2.0.0 mx2.test']);
    await until(() => server.idle);
    expect(server.heard[1]?.match(/^RCPT.*$/gm)).toEqual(['RCPT TO:<carol@b.test>']);
  });

  // shows RFC5321:4.5.3.2.1-2
  it('counts the last word of a server for more than a connection that did not come about', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 451 4.3.0 later', ...FAREWELL]);
    const nobody = await unusedPort();
    expect(brief((await deliverTo([server.port, nobody], [BOB])).outcomes)).toEqual(['deferred 451 4.3.0 mx1.test']);
    expect(brief((await deliverTo([nobody, nobody], [BOB])).outcomes)).toEqual(['deferred 451 4.4.1 mx1.test']);
  });

  it('fails where each host says that it takes no mail (RFC 7504)', async () => {
    await using server = await startScriptedServer(['S: 521 5.3.2 no mail here', ...FAREWELL]);
    const { outcomes } = await deliverTo([server.port, server.port], [BOB]);
    expect(brief(outcomes)).toEqual(['failed 521 5.3.2']);
  });

  it('does not fail where only some do', async () => {
    await using server = await startScriptedServer(['S: 521 5.3.2 no mail here', ...FAREWELL]);
    expect(brief((await deliverTo([server.port, await unusedPort()], [BOB])).outcomes)[0]).toMatch(/^deferred /);
    expect(brief((await deliverTo([await unusedPort(), server.port], [BOB])).outcomes)).toEqual(['deferred 521 5.3.2 mx2.test']);
    expect(brief((await deliverTo([server.port, new Error('DNS on fire')], [BOB])).outcomes)).toEqual(['deferred 521 5.3.2 mx1.test']);
  });

  // shows RFC5321:4.1.1.3-1 RFC5321:4.1.1.3-4 RFC5321:4.1.1.3-5 RFC5321:4.1.2-6 RFC5321:3.3-7 RFC5321:3.3-11 RFC5321:3.6.1-1
  // shows RFC5321:3.6.1-3 RFC5321:3.6.1-4 RFC5321:3.6.1-5 RFC5321:C-1 RFC5321:C-2 RFC5321:C-4 RFC5321:C-6 RFC5321:C-7 RFC5321:C-8
  // shows RFC5321:F.2-2 RFC5321:F.2-5
  it('strips source routes, and gives <postmaster> the domain of this host', async () => {
    await using server = await startScriptedServer(taking(2));
    await deliverTo([server.port], [forwardPath('<@hop.test,@hop2.test:bob@b.test>'), forwardPath('<Postmaster>')], { mail: mailFrom('<@back.test:alice@a.test>') });
    await until(() => server.idle);
    expect(server.heard[0]?.match(/^(?:MAIL|RCPT).*$/gm)).toEqual(['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'RCPT TO:<postmaster@client.test>']);
  });

  it('keeps what hosts have said when a further one cannot be looked up', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: RCPT', 'S: 450 4.2.1 later', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken', ...FAREWELL]);
    const { outcomes, asked } = await deliverTo([server.port, new Error('DNS on fire')], [BOB, CAROL]);
    expect(brief(outcomes)).toEqual(['delivered 250 2.0.0 mx1.test', 'deferred 450 4.2.1 mx1.test']);
    expect(asked).toBe(2);
  });

  it('throws where not even a first host can be looked up', async () => {
    await expect(deliverTo([new Error('DNS on fire')], [BOB])).rejects.toThrow('DNS on fire');
  });
});

describe('a host that greets as this host (RFC 5321 §5.1)', () => {
  const OURS: readonly string[] = ['S: 220 Client.Test ESMTP', 'C: EHLO', 'S: 250 Client.Test', ...FAREWELL];
  const mayNotGreetAs = (): readonly string[] => ['client.test'];

  it('fails the mail where it is the best: it loops; and no further host is tried', async () => {
    await using server = await startScriptedServer(OURS, taking());
    const { outcomes, asked } = await deliverTo([server.port, server.port], [BOB], { mayNotGreetAs });
    expect(brief(outcomes)).toEqual(['failed 554 5.4.6 mx1.test']);
    expect(asked).toBe(1);
  });

  it('defers it where a better one does not answer, and no further host is tried', async () => {
    await using server = await startScriptedServer(OURS, taking());
    async function* targets(): AsyncGenerator<Target, void> {
      yield targetOf(await unusedPort(), 'mx1.test');
      yield { ...targetOf(server.port, 'mx2.test'), preference: 20 };
      yield { ...targetOf(server.port, 'mx3.test'), preference: 30 };
    }
    expect(brief(await deliver(mailFrom('<alice@a.test>'), [BOB], targets(), { hostname: 'client.test', timeout: 5_000, mayNotGreetAs }))).toEqual(['deferred 451 4.4.6 mx2.test']);
    expect(server.connections).toBe(1);
  });

  it('is another one of the same name where its address is private, unless somebody says otherwise', async () => {
    await using server = await startScriptedServer(['S: 220 client.test ESMTP', ...taking().slice(1)]);
    expect(brief((await deliverTo([server.port], [BOB], { ownNames: ['client.test'] })).outcomes)).toEqual(['delivered 250 2.0.0 mx1.test']);
  });
});

describe('what a host does not offer', () => {
  const EIGHT_BIT: Outgoing = { ...mailFrom('<alice@a.test>'), eightBit: true };
  const PLAIN: readonly string[] = ['S: 220 mx.test ESMTP', 'C: EHLO', 'S: 250 mx.test', ...FAREWELL];

  // shows RFC5321:2.2.3-1 RFC6531:3.2-13
  it('is asked of the next one', async () => {
    await using server = await startScriptedServer(PLAIN, taking());
    expect(brief((await deliverTo([server.port, server.port], [BOB], { mail: EIGHT_BIT })).outcomes)).toEqual(['delivered 250 2.0.0 mx2.test']);
  });

  // shows RFC8689:2-5 RFC8689:4.2.1-8 RFC8689:4.2.1-10
  it('is asked of each, and of nobody else, where the mail needs TLS: each hears QUIT, and none hears MAIL (RFC 8689 §4.2.1)', async () => {
    await using server = await startScriptedServer(PLAIN, PLAIN);
    const mail: Outgoing = { ...mailFrom('<alice@a.test>'), parameters: { requireTls: true } };
    expect(brief((await deliverTo([server.port, server.port], [BOB], { mail })).outcomes)).toEqual(['failed 550 5.7.10 mx2.test']);
    await until(() => server.idle && server.connections === 2);
    expect(server.heard).toEqual(Array.from({ length: 2 }, () => 'EHLO client.test\r\nQUIT\r\n'));
  });

  it('fails the mail where none offers it, nor said anything else', async () => {
    await using server = await startScriptedServer(PLAIN);
    expect(brief((await deliverTo([await unusedPort(), server.port, server.port], [BOB], { mail: EIGHT_BIT })).outcomes)).toEqual(['failed 554 5.6.3 mx3.test']);
  });

  it.each<[string, number, number, string]>([
    ['does not fail it where a better host did not answer, which may offer it', 20, 10, 'deferred 554 5.6.3 mx2.test'], // found by reading: a backup host's SIZE bounced what the host behind it would have taken
    ['fails it where no better host is left, whatever the others offer', 10, 20, 'failed 554 5.6.3 mx2.test'],
    ['fails it where the host was asked by another address', 10, 10, 'failed 554 5.6.3 mx2.test'],
  ])('%s', async (_, preference, silent, expected) => {
    await using server = await startScriptedServer(PLAIN);
    const unused = await unusedPort();
    const targets = async function* (): AsyncGenerator<Target, void> {
      yield* [{ ...targetOf(unused, 'mx1.test'), preference: silent }, { ...targetOf(server.port, 'mx2.test'), preference }].sort((a, b) => a.preference - b.preference);
    };
    expect(brief(await deliver(EIGHT_BIT, [BOB], targets(), { hostname: 'client.test', timeout: 5_000 }))).toEqual([expected]);
  });

  it('does not fail it where a further host could not be looked up, which may offer it', async () => {
    await using server = await startScriptedServer(PLAIN);
    expect(brief((await deliverTo([server.port, new Error('DNS on fire')], [BOB], { mail: EIGHT_BIT })).outcomes)).toEqual(['deferred 554 5.6.3 mx1.test']);
  });

  it('does not fail it where another one has deferred it', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 451 4.3.0 later', ...FAREWELL], PLAIN);
    expect(brief((await deliverTo([server.port, server.port], [BOB], { mail: EIGHT_BIT })).outcomes)).toEqual(['deferred 451 4.3.0 mx1.test']);
  });
});

describe('a connection that is kept', () => {
  it('is known for a hundred destinations, however many it has served', async () => {
    await using server = await startScriptedServer(taking(1));
    const pool = new ConnectionPool({ clock: () => performance.now() });
    await deliverTo([server.port], [BOB], { pool, destinations: Array.from({ length: 150 }, (_, at) => `d${at}.test`) });
    expect(pool.take('d100.test')).toBeUndefined();
    const held = pool.take('d99.test');
    expect(held?.destinations.size).toBe(100);
    await held?.connection.quit();
    await pool.close();
  });
});

describe('one address with two names', () => {
  const [cert, key] = [readFileSync('fixtures/tls/other.pem'), readFileSync('fixtures/tls/other-key.pem')];
  const { serve } = listening();
  const to = async (port: number, options: Partial<DeliverOptions>, requireTls = false): Promise<readonly string[]> => {
    const targets = async function* (): AsyncGenerator<Target, void> {
      yield targetOf(port, 'mx.test');
      yield { ...targetOf(port, 'other.test'), again: true };
    };
    const mail: Outgoing = { ...mailFrom('<alice@a.test>'), ...(requireTls ? { parameters: { requireTls } } : {}) };
    return brief(await deliver(mail, [BOB], targets(), { hostname: 'client.test', timeout: 5_000, tls: new TlsClient({ ca: cert }), ...options }));
  };

  // shows RFC8689:4.2.1-5 RFC8689:4.2.1-8
  it.each<[string, Partial<DeliverOptions>, boolean]>([
    ['the mail needs TLS', {}, true],
    ['the policy is to verify', { tlsPolicy: 'verify' }, false],
  ])('is asked by both where %s, and the certificate is for the second (RFC 8689 §4.2.1)', async (_, options, requireTls) => {
    const server = await serve({ tls: new TlsServer({ cert, key }), without: [] });
    expect(await to(server.port, options, requireTls)).toEqual(['delivered 250 2.0.0 other.test']);
    const pool = new ConnectionPool({ clock: () => performance.now() });
    expect(await to(server.port, { ...options, pool }, requireTls)).toEqual(['delivered 250 2.0.0 other.test']);
    expect(await to(server.port, { ...options, pool }, requireTls)).toEqual(['delivered 250 2.0.0 other.test']); // by what is open already
    await pool.close();
  });

  it('is asked by the first alone where it has said something of the mail', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 451 4.3.0 later', ...FAREWELL]);
    expect(await to(server.port, {})).toEqual(['deferred 451 4.3.0 mx.test']);
    expect(server.connections).toBe(1);
  });
});

describe('two addresses of a host that are raced', () => {
  const racedTo = async (first: Target, second: Target): Promise<readonly string[]> => {
    async function* targets(): AsyncGenerator<Target, void> {
      yield { ...first, raced: true };
      yield second;
    }
    return brief(await deliver(mailFrom('<alice@a.test>'), [BOB], targets(), { hostname: 'client.test', timeout: 5_000 }));
  };

  it('are one attempt: the second is taken at once where the first refuses', async () => {
    await using server = await startScriptedServer(taking());
    expect(await racedTo(targetOf(await unusedPort(), 'mx1.test'), targetOf(server.port, 'mx1.test'))).toEqual(['delivered 250 2.0.0 mx1.test']);
  });

  it('are both tried where the winner defers', async () => {
    await using winner = await startScriptedServer(['S: 421 4.3.2 busy', '* end']);
    await using loser = await startScriptedServer(taking());
    expect(await racedTo(targetOf(winner.port, 'mx1.test'), targetOf(loser.port, 'mx1.test'))).toEqual(['delivered 250 2.0.0 mx1.test']);
    expect([winner.connections, loser.connections]).toEqual([1, 1]);
  });

  it('are no connection where both refuse', async () => {
    expect(await racedTo(targetOf(await unusedPort(), 'mx1.test'), targetOf(await unusedPort(), 'mx1.test'))).toEqual(['deferred 451 4.4.1 mx1.test']);
  });
});

describe('delivery that reports', () => {
  it('tells of each recipient once, as soon as he is done with', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<bob@', 'S: 250 ok', 'C: RCPT TO:<carol@', 'S: 450 4.2.1 later', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken', ...FAREWELL], REFUSING_RCPT('450 4.2.1 again'));
    const told: string[] = [];
    await deliverTo([server.port, server.port], [BOB, CAROL], { report: (recipient, { outcome, target }) => told.push(`${recipient} ${outcome.state} ${target?.host}`) });
    expect(told).toEqual(['0 delivered mx1.test', '1 deferred mx2.test']);
  });

  // found by a `relay` to ten thousand recipients, which told of the first one when the last one was done with
  it('does so before the others are: the content may be long in coming, or there may be no room for all', async () => {
    const second = ['C: MAIL', 'S: 250 ok', 'C: RCPT TO:<dave@', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken too', ...FAREWELL];
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<bob@', 'S: 550 5.1.1 no such user', 'C: RCPT TO:<carol@', 'S: 250 ok', 'C: RCPT TO:<dave@', 'S: 452 4.5.3 too many', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken', ...second]);
    const told: string[] = [];
    const beforeContent: number[] = [];
    async function* content(): AsyncGenerator<Uint8Array, void> {
      await until(() => told.length > beforeContent.length);
      beforeContent.push(told.length);
      yield latin1('Hello\r\n');
    }
    await deliverTo([server.port], [BOB, CAROL, forwardPath('<dave@b.test>')], { mail: { reversePath: reversePath('<alice@a.test>'), content }, report: (recipient, { outcome }) => told.push(`${recipient} ${outcome.state}`) });
    expect(told).toEqual(['0 failed', '1 delivered', '2 delivered']);
    expect(beforeContent).toEqual([1, 2]);
  });

  it('counts a refusal that is our own mistake once', async () => {
    await using server = await startScriptedServer(REFUSING_RCPT('530 5.7.0 who are you'), REFUSING_RCPT('530 5.7.0 who are you'));
    const told: string[] = [];
    await deliverTo([server.port, server.port], [BOB], { configured: true, report: (_, { outcome, target }) => told.push(`${outcome.state} ${outcome.reply.code} ${target?.host}`) });
    expect(told).toEqual(['deferred 530 mx2.test']);
  });
});

describe('delivery that is aborted', () => {
  it('before it has begun counts as aborted, and no host is tried', async () => {
    await using server = await startScriptedServer(taking());
    const aborter = new AbortController();
    aborter.abort();
    const { outcomes, asked } = await deliverTo([server.port, server.port], [BOB], { signal: aborter.signal });
    expect(outcomes[0]?.outcome).toMatchObject({ state: 'deferred', reason: 'aborted' });
    expect(asked).toBe(0);
    expect(server.connections).toBe(0);
  });

  it('fails nobody whom the next host may have taken, when our end comes meanwhile', async () => {
    await using server = await startScriptedServer(taking());
    const aborter = new AbortController();
    const mail: Outgoing = {
      ...mailFrom('<alice@a.test>'),
      content: async function* () {
        yield latin1('Hello\r\n');
        aborter.abort();
      },
    };
    const { outcomes } = await deliverTo([server.port, server.port], [BOB, forwardPath('<jos\u00e9@b.test>')], { closing: aborter.signal, mail });
    expect(brief(outcomes)).toEqual(['delivered 250 2.0.0 mx1.test', 'deferred 451 4.3.2 mx1.test']);
  });

  it('leaves those delivered who were', async () => {
    await using server = await startScriptedServer([...GREETING, 'C: MAIL', 'S: 250 ok', 'C: RCPT TO:<bob@', 'S: 250 ok', 'C: RCPT TO:<carol@', 'S: 450 4.2.1 later', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.0.0 taken', ...FAREWELL], ['C: nothing']);
    const aborter = new AbortController();
    const delivered = deliverTo([server.port, server.port], [BOB, CAROL], { signal: aborter.signal });
    await until(() => server.connections === 2);
    aborter.abort();
    const { outcomes } = await delivered;
    expect(brief(outcomes)[0]).toBe('delivered 250 2.0.0 mx1.test');
    expect(outcomes[1]?.outcome).toMatchObject({ state: 'deferred', reason: 'aborted' });
  });
});
