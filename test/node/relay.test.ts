import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { delivered, relay, type Content, type RelayOptions } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.mjs';
import { latin1 } from '../support/raw-peer.ts';
import { startScriptedServer, taking, unusedPort, type ScriptedServer } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

const SILENT: readonly string[] = Array.from({ length: 30 }, (_, index) => `silent${index}.test`);

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer({
    'a.test': { MX: [[10, 'mx.a.test']] },
    'mx.a.test': { A: ['127.0.0.1'] },
    'null.test': { MX: [[0, '.']] },
    'broken.test': 'SERVFAIL',
    'silent.test': 'timeout',
    ...Object.fromEntries(SILENT.map((domain) => [domain, 'timeout' as const])),
  });
});
afterAll(() => dns.close());

/** Options that find every domain by its own route to a port, and others in the DNS. */
function options(routes: Readonly<Record<string, number>> = {}, more: RelayOptions = {}): RelayOptions {
  const hops = new Map<string, NextHop>(Object.entries(routes).map(([domain, port]) => [domain, { host: '127.0.0.1', port }]));
  return { hostname: 'client.test', timeout: 5_000, resolver: new Resolver({ servers: [dns.address], timeout: 100 }), ...more, routing: { routes: hops, allowPrivateTargets: true, ...more.routing } };
}

const HELLO = latin1('Hello\r\n');

function commands(server: ScriptedServer, connection = 0): readonly string[] {
  return (server.heard[connection] ?? '').match(/^(?:MAIL|RCPT).*$/gm) ?? [];
}

describe('relay', () => {
  it('takes paths as text, with brackets or without, and as values', async () => {
    await using server = await startScriptedServer(taking(3));
    const [first] = await relay('', ['x@b.test'], HELLO, options({ 'b.test': await unusedPort() }));
    const outcomes = await relay('alice@a.test', ['bob@b.test', '<carol@b.test>', first?.forwardPath ?? ''], HELLO, options({ 'b.test': server.port }));
    expect(outcomes.map(({ outcome }) => outcome.state)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(outcomes.every(delivered)).toBe(true);
    await until(() => server.idle);
    expect(commands(server)).toEqual(['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'RCPT TO:<carol@b.test>', 'RCPT TO:<x@b.test>']);
  });

  it('reports outcomes in the order of the recipients, one transaction for each domain', async () => {
    await using b = await startScriptedServer(taking(2));
    await using c = await startScriptedServer(['S: 421 4.3.2 busy', '* end']);
    const outcomes = await relay('<>', ['1@b.test', '2@c.test', '3@B.TEST', '4@null.test'], HELLO, options({ 'b.test': b.port, 'c.test': c.port }));
    expect(outcomes.map(({ forwardPath, outcome }) => `${forwardPath.text} ${outcome.state} ${outcome.reply.code}`)).toEqual(['<1@b.test> delivered 250', '<2@c.test> deferred 421', '<3@B.TEST> delivered 250', '<4@null.test> failed 556']);
    expect(outcomes.map(delivered)).toEqual([true, false, true, false]);
    expect([b.connections, c.connections]).toEqual([1, 1]);
  });

  it('sends one mail for domains that share a configured next hop', async () => {
    await using server = await startScriptedServer(taking(2));
    await relay('<>', ['1@b.test', '2@c.test'], HELLO, options({}, { routing: { smarthost: { host: '127.0.0.1', port: server.port } } }));
    await until(() => server.idle);
    expect(commands(server)).toEqual(['MAIL FROM:<>', 'RCPT TO:<1@b.test>', 'RCPT TO:<2@c.test>']);
    expect(server.connections).toBe(1);
  });

  it('finds hosts by MX', async () => {
    await using server = await startScriptedServer(taking());
    const [outcome] = await relay('<>', ['bob@a.test'], HELLO, options({}, { routing: { mxPort: server.port } }));
    expect(outcome).toMatchObject({ outcome: { state: 'delivered' }, target: { host: 'mx.a.test', address: '127.0.0.1', preference: 10 } });
  });

  it.each<[string, string, string]>([
    ['nowhere.test', 'failed', '5.1.2'],
    ['null.test', 'failed', '5.1.10'],
    ['broken.test', 'deferred', '4.4.3'],
  ])('of mail for %s is %s %s, and no server is asked', async (domain, state, enhanced) => {
    const [outcome] = await relay('<>', [`bob@${domain}`], HELLO, options());
    expect(outcome?.outcome).toMatchObject({ state, reply: { enhanced }, reason: 'not-routed' });
    expect(outcome?.target).toBeUndefined();
  });

  it('strips source routes, and sends <postmaster> to this host', async () => {
    await using server = await startScriptedServer(taking(), taking());
    const toServer = options({ 'b.test': server.port, 'client.test': server.port });
    await relay('<@x.test:alice@a.test>', ['<@y.test:bob@b.test>'], HELLO, toServer);
    await relay('<>', ['<Postmaster>'], HELLO, toServer);
    await until(() => server.idle);
    expect([...commands(server, 0), ...commands(server, 1)]).toEqual(['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'MAIL FROM:<>', 'RCPT TO:<postmaster@client.test>']);
  });

  it.each<[string, Content]>([
    ['octets', HELLO],
    ['a stream', (async function* () { yield latin1('Hel'); yield latin1('lo\r\n'); })()],
    ['a function that gives a stream', async function* () { yield HELLO; }],
  ])('takes content as %s, and sends it to each destination', async (_, content) => {
    await using server = await startScriptedServer(taking());
    await relay('<>', ['1@b.test', '2@c.test'], content, options({ 'b.test': server.port, 'c.test': await unusedPort(), '*': server.port }));
    await until(() => server.idle);
    expect(server.heard[0]).toContain('DATA\r\nHello\r\n.\r\n');
  });

  it('declares SIZE and 8BITMIME where the server offers them', async () => {
    const script = taking().map((line) => (line === 'S: 250 8BITMIME' ? 'S: 250-8BITMIME' : line));
    script.splice(script.indexOf('S: 250-8BITMIME') + 1, 0, 'S: 250 SIZE 1000');
    await using server = await startScriptedServer(script);
    await relay('<>', ['bob@b.test'], latin1('h\xe9llo\r\n'), options({ 'b.test': server.port }));
    await until(() => server.idle);
    expect(commands(server)[0]).toBe('MAIL FROM:<> SIZE=7 BODY=8BITMIME');
  });

  it('is aborted by a signal, while the DNS is asked or a server', async () => {
    await using server = await startScriptedServer(['C: nothing']);
    const aborter = new AbortController();
    const relayed = relay('<>', ['1@silent.test', '2@b.test'], HELLO, options({ 'b.test': server.port }, { signal: aborter.signal }));
    await until(() => server.connections === 1 && dns.queries.some(({ name }) => name === 'silent.test'));
    aborter.abort();
    expect((await relayed).map(({ outcome }) => outcome)).toMatchObject([{ state: 'deferred', reason: 'aborted' }, { state: 'deferred', reason: 'aborted' }]);
  });

  it('serves many destinations on one signal without a warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning');
    const aborter = new AbortController();
    const relayed = relay('<>', SILENT.map((domain) => `bob@${domain}`), HELLO, options({}, { signal: aborter.signal }));
    await until(() => SILENT.every((domain) => dns.queries.some(({ name }) => name === domain)));
    aborter.abort();
    expect(new Set((await relayed).map(({ outcome }) => ('reason' in outcome ? outcome.reason : '')))).toEqual(new Set(['aborted']));
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });
});

describe('misuse of relay', () => {
  it.each<[string, string, readonly string[], RelayOptions]>([
    ['relay needs a recipient', '<>', [], {}],
    ['expected "@"', 'alice', ['bob@b.test'], {}],
    ['expected "@"', '<>', ['bob'], {}],
    ['expected Mailbox', '<>', [''], {}],
    ['hostname must be a domain or an address literal, not "a b"', '<>', ['bob@b.test'], { hostname: 'a b' }],
  ])('throws UsageError: %s', async (message, from, to, more) => {
    const error = await relay(from, to, HELLO, options({}, more)).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  it('rejects where the content cannot be read', async () => {
    await expect(relay('<>', ['bob@b.test'], (async function* () { throw new Error('disk on fire'); })(), options())).rejects.toThrow('disk on fire');
  });
});
