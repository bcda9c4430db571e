// Connections that serve several mails, and recipients of several domains that share one.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo } from '../../src/node/client.ts';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import { ConnectionPool } from '../../src/node/pool.ts';
import { type Content, ofOctets } from '../../src/node/content-source.ts';
import { parsed } from '../../src/node/given-path.ts';
import { now } from '../../src/node/now.ts';
import { relay, relayTo } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import type { ClientOptions } from '../../src/protocol/client/option.ts';
import { ClientSession } from '../../src/protocol/client/session.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { startDnsServer, type DnsServer, type DnsZones } from '../support/dns-server.mjs';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, GREETING, startScriptedServer, type ScriptedServer } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

const zones: { [name: string]: DnsZones[string] } = {
  'a.test': { MX: [[10, 'mx.test']] },
  'b.test': { MX: [[10, 'mx.test']] },
  'c.test': { MX: [[10, 'mx.test'], [20, 'mx2.test']] },
  'mx.test': { A: ['127.0.0.1'] },
  'silent.test': 'timeout',
  'mx2.test': { A: ['127.0.0.2'] },
  'best.test': { MX: [[0, 'mx.test']] },
  'backup.test': { MX: [[5, 'mx2.test'], [20, 'mx.test']] },
};
let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer(zones);
});
afterAll(() => dns.close());

/** The lines of one mail over a connection. */
const mail = (recipients = 1, end = '250 2.0.0 taken'): readonly string[] => ['C: MAIL', 'S: 250 2.1.0 ok', ...Array.from({ length: recipients }, () => ['C: RCPT', 'S: 250 2.1.5 ok']).flat(), 'C: DATA', 'S: 354 go on', 'C: …', `S: ${end}`];

interface Stage {
  readonly pool: ConnectionPool;
  readonly send: (...to: readonly string[]) => Promise<readonly string[]>;
}

function stage(server: ScriptedServer): Stage {
  const pool = new ConnectionPool({ clock: now });
  const resolver = new Resolver({ servers: [dns.address] });
  const brief = ({ forwardPath, outcome, target }: RecipientOutcome): string => [forwardPath.text, outcome.state, outcome.reply.code, target?.host].join(' ');
  const send: Stage['send'] = async (...to) => (await relay('<>', to, latin1('Hello\r\n'), { hostname: 'client.test', timeout: 5_000, resolver, pool, routing: { mxPort: server.port, allowPrivateTargets: true } })).map(brief);
  return { pool, send };
}

const count = (server: ScriptedServer, connection: number, verb: string): number => (server.heard[connection] ?? '').split('\r\n').filter((line) => line.startsWith(verb)).length;

describe('a connection', () => {
  it('serves a second mail to the same domain without a question to the DNS, and without RSET', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...mail(2), ...FAREWELL]);
    const { pool, send } = stage(server);
    expect(await send('1@a.test')).toEqual(['<1@a.test> delivered 250 mx.test']);
    const asked = dns.queries.length;
    expect(await send('2@a.test', '3@a.test')).toEqual(['<2@a.test> delivered 250 mx.test', '<3@a.test> delivered 250 mx.test']);
    expect(dns.queries.length).toBe(asked);
    await pool.close();
    await until(() => server.idle);
    expect(server.connections).toBe(1);
    expect([count(server, 0, 'MAIL'), count(server, 0, 'RSET'), count(server, 0, 'QUIT')]).toEqual([2, 0, 1]);
  });

  it.each<[string, string, readonly string[]]>([
    ['is closed by its server when a mail is begun', 'a.test', [...mail(), 'C: MAIL', '* reset']],
    ['is closed by its server when a mail is begun whose domain it was not opened for', 'b.test', [...mail(), 'C: MAIL', '* reset']],
    ['cannot be reset', 'a.test', [...mail(1, '554 5.6.0 no'), 'C: RSET', 'S: 502 5.5.1 what is that', ...FAREWELL]],
  ])('that %s is no attempt, also for those whom another cannot be sent with', async (_, domain, script) => {
    await using server = await startScriptedServer([...GREETING, ...script], [...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test');
    expect(await send(`2@${domain}`, `jos\u00e9@${domain}`)).toEqual([`<2@${domain}> delivered 250 mx.test`, `<jos\u00e9@${domain}> failed 553 mx.test`]);
    await pool.close();
  });

  // found by reading: what was not to be begun any more went out over it, and empty where its content had not come
  it.each<[string, Content]>([
    ['content', latin1('Hello\r\n')],
    ['content that does not come', (async function* () { yield await new Promise<Uint8Array>(() => undefined); })()],
  ])('serves no mail once that is not to be begun: %s', async (_, content) => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test');
    const aborter = new AbortController();
    aborter.abort();
    const outcomes = await relay('<>', ['2@a.test', '3@b.test'], content, { hostname: 'client.test', closing: aborter.signal, pool });
    expect(outcomes.map(({ outcome }) => outcome)).toMatchObject([{ state: 'deferred', reason: 'aborted' }, { state: 'deferred', reason: 'aborted' }]);
    await pool.close();
    expect(count(server, 0, 'MAIL')).toBe(1);
  });

  it('whose route has to be found is told of by that', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(2), ...FAREWELL]);
    const told: string[] = [];
    const resolver = new Resolver({ servers: [dns.address] });
    const paths = ['<1@a.test>', '<2@b.test>', '<3@nowhere.test>'].map((text) => parsed(text, parseForwardPath));
    await relayTo(ofOctets(parsed('<>', parseReversePath), latin1('Hello\r\n')), paths, { hostname: 'client.test', timeout: 5_000, resolver, routing: { mxPort: server.port, allowPrivateTargets: true }, routed: (key) => void told.push(key) });
    expect(told).toEqual([`mx.test ${server.port}`, `mx.test ${server.port}`]);
  });

  // found by reading: the other domain was deferred, though nobody had been asked about it
  it('that takes no further domain is followed by another one, to which that is new (RFC 9422 §4.3)', async () => {
    const greeting = ['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 LIMITS RCPTDOMAINMAX=1'];
    await using server = await startScriptedServer([...greeting, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    expect(await send('1@a.test')).toEqual(['<1@a.test> delivered 250 mx.test']);
    expect(await send('2@b.test')).toEqual(['<2@b.test> delivered 250 mx.test']);
    await pool.close();
    expect(server.connections).toBe(2);
  });

  it('is waited for no longer than `timeout` says, nor is the DNS', async () => {
    const options = { hostname: 'client.test', timeout: 200, resolver: new Resolver({ servers: [dns.address] }) };
    const [outcome] = await relay('<>', '1@silent.test', latin1('Hello\r\n'), options);
    expect(outcome?.outcome).toMatchObject({ state: 'deferred', reason: 'not-routed', reply: { code: 451, enhanced: '4.4.3' } });
    await using client = connectTo('smtp://silent.test:2525', options);
    const [told] = await client.send({ from: '<>', to: '1@a.test', content: latin1('Hello\r\n') });
    expect(told?.outcome).toMatchObject({ state: 'deferred', reason: 'no-connection' });
  }, 5_000);

  it('that cannot be followed by another one leaves those delivered who are', async () => {
    await using server = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 LIMITS RCPTDOMAINMAX=1', ...mail(), ...FAREWELL]);
    let sessions = 0;
    const session = (options: ClientOptions, at: number): ClientSession => {
      if ((sessions += 1) > 1) throw new Error('none of it');
      return new ClientSession(options, at);
    };
    const options = { hostname: 'client.test', timeout: 5_000, session };
    const [first, second] = await relay('<>', ['1@a.test', '2@b.test'], latin1('Hello\r\n'), { ...options, routing: { smarthost: { host: '127.0.0.1', port: server.port } } });
    expect(first?.outcome.state).toBe('delivered');
    expect(second?.outcome).toMatchObject({ state: 'deferred', reason: 'session-limit' });
    sessions = 0;
    await using client = connectTo(`smtp://127.0.0.1:${server.port}`, options);
    expect((await client.send({ from: '<>', to: ['1@a.test', '2@b.test'], content: latin1('Hello\r\n') })).map(({ outcome }) => outcome.state)).toEqual(['delivered', 'deferred']);
  });

  it('serves a domain whose mail goes to the same host, by its address; and from then on both at once', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...mail(), ...mail(2), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test');
    await send('2@b.test');
    const asked = dns.queries.length;
    expect(await send('3@b.test', '4@a.test')).toEqual(['<3@b.test> delivered 250 mx.test', '<4@a.test> delivered 250 mx.test']);
    expect(dns.queries.length).toBe(asked);
    await pool.close();
    expect(server.connections).toBe(1);
  });

  it('is cleared by RSET after a mail that came to nothing', async () => {
    const refused = ['C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 5.1.1 nobody'];
    await using server = await startScriptedServer([...GREETING, ...refused, 'C: RSET', 'S: 250 ok', ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    expect(await send('1@a.test')).toEqual(['<1@a.test> failed 550 mx.test']);
    expect(await send('2@a.test')).toEqual(['<2@a.test> delivered 250 mx.test']);
    await pool.close();
    expect(server.connections).toBe(1);
  });

  it.each<[string, readonly string[]]>([
    ['has been closed', ['* end']],
    ['has said 421 and was closed', ['S: 421 4.4.2 idle', '* end']],
    ['is reset when MAIL comes', ['C: MAIL', '* reset']],
    ['says 421 to MAIL', ['C: MAIL', 'S: 421 4.3.2 enough', '* end']],
  ])('that %s between two mails is no attempt: the mail goes over a fresh one', async (_, end) => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...end], [...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test');
    expect(await send('2@a.test')).toEqual(['<2@a.test> delivered 250 mx.test']);
    await pool.close();
    expect(server.connections).toBe(2);
  });

  it('that breaks behind the final dot leaves the mail unknown, and it is not sent again', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...mail().slice(0, -1), '* reset'], [...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test');
    expect(await send('2@a.test')).toEqual(['<2@a.test> unknown 451 mx.test']);
    await pool.close();
    expect(server.connections).toBe(1);
  });

  it('goes to one mail at a time', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await Promise.all([send('1@a.test'), send('2@a.test'), send('3@a.test')]);
    expect(server.connections).toBe(3);
    expect(pool.size).toBe(3);
    await pool.close();
  });

  it('that serves domains no longer is used for those that it serves still', async () => {
    await using server = await startScriptedServer([...GREETING, ...mail(2), '* end'], [...GREETING, ...mail(), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@a.test', '2@b.test');
    zones['b.test'] = { MX: [[0, '.']] };
    expect(await send('3@a.test', '4@b.test')).toEqual(['<3@a.test> delivered 250 mx.test', '<4@b.test> failed 556 ']);
    zones['b.test'] = { MX: [[10, 'mx.test']] };
    await pool.close();
  });

  // found by reading: the connection was opened for a domain that prefers its host more than this one does, and that preference counted
  it.each<[string, readonly string[]]>([
    ['by its address', []],
    ['by the domain', ['2@backup.test']],
  ])('to a backup host, found %s, fails nobody whom a better host may take that does not answer', async (_, before) => {
    await using server = await startScriptedServer([...GREETING, ...mail(), ...before.flatMap(() => mail()), ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@best.test');
    for (const to of before) await send(to);
    expect(await send('jos\u00e9@backup.test')).toEqual(['<jos\u00e9@backup.test> deferred 553 mx.test']);
    expect(await send('jos\u00e9@best.test')).toEqual(['<jos\u00e9@best.test> failed 553 mx.test']);
    await pool.close();
    expect(server.connections).toBe(1);
  });

  it('that defers a recipient is followed by the next host of the plan, not by the same again', async () => {
    const greylisting = ['C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 451 4.7.1 later'];
    await using server = await startScriptedServer([...GREETING, ...mail(), ...greylisting, ...FAREWELL]);
    const { pool, send } = stage(server);
    await send('1@c.test');
    const asked = dns.queries.length;
    expect(await send('2@c.test')).toEqual(['<2@c.test> deferred 451 mx.test']); // nobody is at the second host's address
    expect(dns.queries.slice(asked).some(({ name }) => name === 'mx2.test')).toBe(true);
    await pool.close();
    expect(server.connections).toBe(1);
  });
});
