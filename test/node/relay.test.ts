import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Content } from '../../src/node/content-source.ts';
import type { Recipients } from '../../src/node/given-path.ts';
import type { Mail, MessageAnswer } from '../../src/node/hook.ts';
import { listen } from '../../src/node/listen.ts';
import { delivered, relay, type RelayOptions } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { accept, refuse } from '../../src/protocol/server/verdict.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import { parseForwardPath, type ForwardPath } from '../../src/syntax/path.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.mjs';
import { latin1 } from '../support/raw-peer.ts';
import { FAREWELL, startScriptedServer, taking, unusedPort, type ScriptedServer } from '../support/scripted-server.ts';
import { turns, until } from '../support/turn.ts';

const SILENT: readonly string[] = Array.from({ length: 130 }, (_, index) => `silent${index}.test`);
const LATE: readonly string[] = Array.from({ length: 30 }, (_, index) => `late${index}.test`);
const HOPS: readonly string[] = Array.from({ length: 130 }, (_, index) => `hop${index}.test`);

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer({
    'a.test': { MX: [[10, 'mx.a.test']] },
    'mx.a.test': { A: ['127.0.0.1'] },
    'same1.test': { MX: [[10, 'mx.a.test'], [10, 'nowhere.a.test'], [20, 'last.a.test']] },
    'same2.test': { MX: [[7, 'last.a.test'], [5, 'Nowhere.a.test'], [5, 'MX.a.test']] },
    'same3.test': { CNAME: 'same1.test' },
    'more.test': { MX: [[10, 'mx.a.test'], [10, 'nowhere.a.test'], [20, 'last.a.test'], [30, 'more.a.test']] },
    'half.test': { MX: [[10, 'mx.a.test'], [20, 'broken.test']] },
    'null.test': { MX: [[0, '.']] },
    'broken.test': 'SERVFAIL',
    'silent.test': 'timeout',
    ...Object.fromEntries(SILENT.map((domain) => [domain, 'timeout' as const])),
    ...Object.fromEntries(LATE.map((domain) => [domain, { MX: [[10, 'mx.a.test']] as const }])),
    ...Object.fromEntries(HOPS.map((host) => [host, { A: ['127.0.0.1'] }])),
  });
});
afterAll(() => dns.close());

/** Options that find every domain by its own route to a port, and others in the DNS. */
function options(routes: Readonly<Record<string, number>> = {}, more: RelayOptions = {}): RelayOptions {
  const hops = new Map<string, NextHop>(Object.entries(routes).map(([domain, port]) => [domain, { host: '127.0.0.1', port }]));
  return { hostname: 'client.test', timeout: 5_000, resolver: new Resolver({ servers: [dns.address] }), ...more, routing: { routes: hops, allowPrivateTargets: true, ...more.routing } };
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

  it('asks each server for what is asked for its recipients (RFC 3461)', async () => {
    const offering = (): Promise<ScriptedServer> => startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250-mx.test', 'S: 250 DSN', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go on', 'C: …', 'S: 250 taken', ...FAREWELL]);
    await using one = await offering();
    await using other = await offering();
    const asked: RelayOptions = { parameters: { ret: 'FULL' }, recipientParameters: [{ notify: ['DELAY'] }, { notify: [] }] };
    expect((await relay('a@a.test', ['b@b.test', 'c@c.test'], HELLO, options({ 'b.test': one.port, 'c.test': other.port }, asked))).every(delivered)).toBe(true);
    expect([...commands(one), ...commands(other)]).toEqual(['MAIL FROM:<a@a.test> RET=FULL', 'RCPT TO:<b@b.test> NOTIFY=DELAY', 'MAIL FROM:<a@a.test> RET=FULL', 'RCPT TO:<c@c.test> NOTIFY=NEVER']);
  });

  // found by a `report` that wrote to a data base that was away: recipients who had the mail were deferred, and sent to again
  it('tells the outcomes as they are, whatever becomes of the function that is told of each', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    await using server = await startScriptedServer(taking(2));
    let calls = 0;
    const report = (): Promise<void> | void => {
      if (calls++ === 0) throw new Error('the data base is away');
      return Promise.reject(new Error('it is still away'));
    };
    const outcomes = await relay('alice@a.test', ['bob@b.test', 'carol@b.test'], HELLO, options({ 'b.test': server.port }, { report }));
    expect(outcomes.map(({ outcome }) => outcome.state)).toEqual(['delivered', 'delivered']);
    expect(warned.mock.calls).toEqual([[new Error('the data base is away')], [new Error('it is still away')]]);
    warned.mockRestore();
  });

  it('speaks LMTP to a next hop that is a store, and to no other (RFC 2033)', async () => {
    const protocols: string[] = [];
    const message = async ({ session, forwardPaths, content }: Mail): Promise<MessageAnswer> => {
      for await (const _ of content); // taken
      protocols.push(session.protocol);
      return session.protocol === 'LMTP' ? forwardPaths.map(({ text }) => (text.startsWith('<bob@') ? refuse(552, '5.2.2', 'mailbox full') : accept())) : accept();
    };
    await using store = await listen({ host: '127.0.0.1', port: 0, hostname: 'store.test', lmtp: true }, { message });
    await using other = await listen({ host: '127.0.0.1', port: 0, hostname: 'other.test' }, { message });
    const hop = ({ port }: { readonly port: number }, lmtp: boolean): NextHop => ({ host: '127.0.0.1', port, lmtp });
    const routing = { routes: new Map([['b.test', hop(store, true)], ['c.test', hop(other, false)]]) };
    const outcomes = await relay('<>', ['alice@b.test', 'bob@b.test', 'carol@c.test'], HELLO, { hostname: 'a.test', routing });
    expect(outcomes.map(({ outcome }) => `${outcome.state} ${outcome.reply.code}`)).toEqual(['delivered 250', 'failed 552', 'delivered 250']);
    expect(protocols.sort()).toEqual(['ESMTP', 'LMTP']);
  });

  // found by a next hop at random: all mail was returned at once where the smarthost was named wrong
  it('takes it for our own mistake where a configured next hop says that it takes no mail (RFC 7504)', async () => {
    await using server = await startScriptedServer(['S: 521 5.3.2 no mail here', 'C: QUIT', 'S: 221 bye']);
    const outcomes = async (more: RelayOptions): Promise<readonly string[]> => (await relay('<>', ['1@b.test'], HELLO, more)).map(({ outcome }) => `${outcome.state} ${outcome.reply.code}`);
    expect(await outcomes(options({}, { routing: { smarthost: { host: '127.0.0.1', port: server.port } } }))).toEqual(['deferred 521']);
    expect(await outcomes(options({ 'b.test': server.port }))).toEqual(['deferred 521']);
  });

  // found by running a relay whose operator had not said who it is at its smarthost: all mail was returned
  it('takes it for our own mistake where a configured next hop wants to know who we are first (RFC 4954 §6)', async () => {
    const outcomes = async (more: (port: number) => RelayOptions, domain: string): Promise<readonly string[]> => {
      await using server = await startScriptedServer(['S: 220 mx.test ESMTP', 'C: EHLO', 'S: 250 mx.test', 'C: MAIL', 'S: 530 5.7.0 authentication required', 'C: QUIT', 'S: 221 bye']);
      return (await relay('<>', [`1@${domain}`], HELLO, more(server.port))).map(({ outcome }) => `${outcome.state} ${outcome.reply.code}`);
    };
    expect(await outcomes((port) => options({ 'b.test': port }), 'b.test')).toEqual(['deferred 530']);
    expect(await outcomes((port) => options({}, { routing: { mxPort: port } }), 'a.test')).toEqual(['failed 530']); // which wants to know it of everybody
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

  // shows RFC5321:4.5.4.1-14 RFC5321:4.5.4.1-15 RFC5321:4.5.4.1-17
  it('sends one mail for domains that have the same mail exchangers, in whatever order of equal preference (RFC 5321 §4.5.4.1)', async () => {
    await using server = await startScriptedServer(taking(4));
    const outcomes = await relay('<>', ['1@same1.test', '2@same2.test', '3@SAME1.test', '4@same3.test'], HELLO, options({}, { routing: { mxPort: server.port } }));
    expect(outcomes.map(({ forwardPath, outcome }) => `${forwardPath.text} ${outcome.state}`)).toEqual(['<1@same1.test> delivered', '<2@same2.test> delivered', '<3@SAME1.test> delivered', '<4@same3.test> delivered']);
    await until(() => server.idle);
    expect(commands(server)).toEqual(['MAIL FROM:<>', 'RCPT TO:<1@same1.test>', 'RCPT TO:<2@same2.test>', 'RCPT TO:<3@SAME1.test>', 'RCPT TO:<4@same3.test>']);
    expect(server.connections).toBe(1);
  });

  it('sends a mail of its own for a domain that has one exchanger more', async () => {
    await using server = await startScriptedServer(taking(), taking());
    expect((await relay('<>', ['1@same1.test', '2@more.test'], HELLO, options({}, { routing: { mxPort: server.port } }))).every(delivered)).toBe(true);
    expect(server.connections).toBe(2);
  });

  // shows RFC5321:2.1-4 RFC5321:5.1-4
  it('finds hosts by MX', async () => {
    await using server = await startScriptedServer(taking());
    const [outcome] = await relay('<>', ['bob@a.test'], HELLO, options({}, { routing: { mxPort: server.port } }));
    expect(outcome).toMatchObject({ outcome: { state: 'delivered' }, target: { host: 'mx.a.test', address: '127.0.0.1', preference: 10 } });
  });

  it.each<[string, string, string]>([
    ['nowhere.test', 'failed', '5.1.2'],
    ['null.test', 'failed', '5.1.10'],
    ['broken.test', 'deferred', '4.4.3'],
  // shows RFC7505:1-1 RFC7505:4.1-1
  ])('of mail for %s is %s %s, and no server is asked', async (domain, state, enhanced) => {
    const [outcome] = await relay('<>', [`bob@${domain}`], HELLO, options());
    expect(outcome?.outcome).toMatchObject({ state, reply: { enhanced }, reason: 'not-routed' });
    expect(outcome?.target).toBeUndefined();
  });

  it('does not fail where the only host that was found takes no mail, and another was not found (RFC 7504 §3)', async () => {
    await using server = await startScriptedServer(['S: 521 5.3.2 no mail here', 'C: QUIT', 'S: 221 bye']);
    const send = async (domain: string): Promise<unknown> => (await relay('<>', [`bob@${domain}`], HELLO, options({}, { routing: { mxPort: server.port } })))[0]?.outcome;
    expect(await send('half.test')).toMatchObject({ state: 'deferred', reply: { code: 521 } });
    expect(await send('a.test')).toMatchObject({ state: 'failed', reply: { enhanced: '5.3.2' } });
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

  // shows RFC5321:4.5.3.1.7-4 RFC1870:6-1
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
    const relayed = relay('<>', ['1@silent.test', '2@b.test'], HELLO, options({ 'b.test': server.port }, { signal: aborter.signal, resolver: new Resolver({ servers: [dns.address], timeout: 5_000 }) }));
    await until(() => server.connections === 1 && dns.queries.some(({ name }) => name === 'silent.test'));
    aborter.abort();
    expect((await relayed).map(({ outcome }) => outcome)).toMatchObject([{ state: 'deferred', reason: 'aborted' }, { state: 'deferred', reason: 'aborted' }]);
  });

  it('that is iterated tells of each recipient as soon as it is certain', async () => {
    const slow = taking();
    await using server = await startScriptedServer(slow.slice(0, -3)); // it never answers the end of mail data
    await using quick = await startScriptedServer(taking());
    const aborter = new AbortController();
    const relaying = relay('<>', ['1@slow.test', '2@quick.test', '3@null.test'], HELLO, options({ 'slow.test': server.port, 'quick.test': quick.port }, { signal: aborter.signal }));
    const heard: string[] = [];
    for await (const { forwardPath, outcome } of relaying) {
      heard.push(`${forwardPath.text} ${outcome.state}`);
      if (heard.length === 2) {
        await until(() => server.heard[0]?.endsWith('.\r\n') === true);
        aborter.abort();
      }
    }
    expect(heard.slice(0, 2).sort()).toEqual(['<2@quick.test> delivered', '<3@null.test> failed']);
    expect(heard.slice(2)).toEqual(['<1@slow.test> unknown']);
    expect((await relaying).map(({ forwardPath }) => forwardPath.text)).toEqual(['<1@slow.test>', '<2@quick.test>', '<3@null.test>']);
  });

  it('that is iterated throws what it would reject with, once', async () => {
    const relaying = relay('<>', [], HELLO, options());
    const iterated = async (): Promise<void> => {
      for await (const outcome of relaying) expect.fail(outcome.forwardPath.text);
    };
    await expect(iterated()).rejects.toThrow(UsageError);
    await expect(iterated()).rejects.toThrow(UsageError);
  });

  it('that nobody waits for is not misused in silence', () => {
    const program = `import { relay } from '${join(import.meta.dirname, '../../dist/client.js')}'; process.on('unhandledRejection', ({ message }) => console.log(message)); void relay('<>', [], new Uint8Array());`;
    expect(execFileSync(String(process.argv[0]), ['--input-type=module', '--eval', program], { encoding: 'utf8' })).toBe('a mail needs a recipient\n');
  });

  it('serves many destinations on one signal without a warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning');
    const aborter = new AbortController();
    const relayed = relay('<>', SILENT.slice(0, 30).map((domain) => `bob@${domain}`), HELLO, options({}, { signal: aborter.signal }));
    await until(() => SILENT.slice(0, 30).every((domain) => dns.queries.some(({ name }) => name === domain)));
    aborter.abort();
    expect(new Set((await relayed).map(({ outcome }) => ('reason' in outcome ? outcome.reason : '')))).toEqual(new Set(['aborted']));
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });
});

describe('a mail to very many domains', () => {
  const all = (domains: readonly string[]): readonly string[] => domains.map((domain) => `bob@${domain}`);

  it('has a hundred of them looked up at a time', async () => {
    const before = dns.queries.length;
    const aborter = new AbortController();
    const relayed = relay('<>', all(SILENT), HELLO, options({}, { signal: aborter.signal, resolver: new Resolver({ servers: [dns.address], timeout: 20_000 }) }));
    const asked = (): number => new Set(dns.queries.slice(before).map(({ name }) => name)).size;
    await until(() => asked() === 100);
    await turns(100);
    expect(asked()).toBe(100);
    aborter.abort();
    expect((await relayed).map(({ outcome }) => outcome.state)).toEqual(SILENT.map(() => 'deferred'));
  });

  it('has a hundred connections at a time, and in the end all that it needs', async () => {
    await using server = await startScriptedServer(...Array.from({ length: 100 }, () => ['C: nothing']), ['S: 421 4.3.2 busy', '* end']);
    const routes = new Map(HOPS.map((host) => [host, { host, port: server.port }]));
    const relayed = relay('<>', all(HOPS), HELLO, options({}, { timeout: 60_000, resolver: new Resolver({ servers: [dns.address] }), routing: { routes } }));
    await until(() => server.connections === 100);
    await turns(100);
    expect(server.connections).toBe(100);
    server.reset();
    expect((await relayed).map(({ outcome }) => outcome.state)).toEqual(HOPS.map(() => 'deferred'));
    expect(server.connections).toBe(130);
  });

  it('has those wait together whose mail goes to the same hosts, however late that is known', async () => {
    await using server = await startScriptedServer(...Array.from({ length: 100 }, () => ['C: nothing']), taking(LATE.length));
    const resolver = new Resolver({ servers: [dns.address] });
    const route = resolver.route.bind(resolver);
    let known = 0;
    vi.spyOn(resolver, 'route').mockImplementation(async (destination, ...others) => {
      if (!LATE.includes(destination)) return route(destination, ...others);
      await until(() => server.connections === 100);
      return route(destination, ...others).finally(() => known++);
    });
    const full = HOPS.slice(0, 100);
    const routes = new Map(full.map((host) => [host, { host, port: server.port }]));
    const relayed = relay('<>', all([...full, ...LATE]), HELLO, options({}, { timeout: 60_000, resolver, routing: { routes, mxPort: server.port } }));
    await until(() => known === LATE.length);
    await turns(100);
    server.reset();
    expect((await relayed).map(({ outcome }) => outcome.state)).toEqual([...full.map(() => 'deferred'), ...LATE.map(() => 'delivered')]);
    expect(server.connections).toBe(101);
  });
});

describe('a recipient of relay', () => {
  it.each<[string, Recipients]>([
    ['text', 'bob@null.test'],
    ['a path', parseForwardPath('<bob@null.test>') as ForwardPath],
  ])('may stand alone, as %s', async (_, to) => {
    const outcomes = await relay('<>', to, HELLO, options());
    expect(outcomes.map(({ forwardPath, outcome }) => `${forwardPath.text} ${outcome.state}`)).toEqual(['<bob@null.test> failed']);
  });
});

describe('misuse of relay', () => {
  it.each<[string, string, readonly string[], RelayOptions]>([
    ['a mail needs a recipient', '<>', [], {}],
    ['"<alice>": expected "@" at character 6, found ">" (RFC 5321 §4.1.2 Mailbox)', 'alice', ['bob@b.test'], {}],
    ['"<bob>": expected "@" at character 4, found ">" (RFC 5321 §4.1.2 Mailbox)', '<>', ['carol@b.test', 'bob'], {}],
    ['"<>": expected Mailbox', '<>', [''], {}],
    ['a path must be text such as alice@example.org, or what was parsed of it, not undefined', undefined as unknown as string, ['bob@b.test'], {}],
    ['a path must be text such as alice@example.org, or what was parsed of it, not object', '<>', [{ address: 'bob@b.test' } as unknown as string], {}],
    ['hostname must be a domain or an address literal, not "a b"', '<>', ['bob@b.test'], { hostname: 'a b' }],
    ['tlsPolicy must be one of off, opportunistic, require, verify, not "required"', '<>', ['bob@b.test'], { tlsPolicy: 'required' as 'require' }],
    ['a path must be text such as alice@example.org, or what was parsed of it, not undefined', '<>', undefined as unknown as readonly string[], {}],
    ['the next hop of smarthost must be { host, port }, not "mx.test:25"', '<>', ['bob@b.test'], { routing: { smarthost: 'mx.test:25' as unknown as NextHop } }],
    ['the next hop of b.test must be { host, port }, not {"host":"mx.test"}', '<>', ['bob@b.test'], { routing: { routes: new Map([['b.test', { host: 'mx.test' } as NextHop]]) } }],
    ['routes are by domains in lower case and A-labels, such as "example.org", ".example.org" for all below it, or "*", not by "B.test"', '<>', ['bob@b.test'], { routing: { routes: new Map([['B.test', { host: 'mx.test', port: 25 }]]) } }],
    ['routes must be a Map, not {"b.test":"mx.test"}', '<>', ['bob@b.test'], { routing: { routes: { 'b.test': 'mx.test' } as unknown as Map<string, NextHop> } }],
    ['LMTP is not for port 25 (RFC 2033 §5)', '<>', ['bob@b.test'], { routing: { smarthost: { host: 'mx.test', port: 25, lmtp: true } } }],
    ['a next hop has one of lmtp and tlsAtOnce: a server of LMTP offers STARTTLS', '<>', ['bob@b.test'], { routing: { smarthost: { host: 'mx.test', port: 24, lmtp: true, tlsAtOnce: true } } }],
    ['tlsAtOnce must be true or false, not "yes"', '<>', ['bob@b.test'], { routing: { smarthost: { host: 'mx.test', port: 465, tlsAtOnce: 'yes' as unknown as true } } }],
    ['there is no option tlsAtonce: did you mean tlsAtOnce?', '<>', ['bob@b.test'], { routing: { smarthost: { host: 'mx.test', port: 465, tlsAtonce: true } as NextHop } }],
    ['the next hop of smarthost must be { host, port }, not {"host":"mx.test","port":70000}', '<>', ['bob@b.test'], { routing: { smarthost: { host: 'mx.test', port: 70_000 } } }],
    ['timeout must be a number of at least 1, not "5s"', '<>', ['bob@b.test'], { timeout: '5s' as unknown as number }],
    ['timeout must be a number of at least 1, not -1', '<>', ['bob@b.test'], { timeout: -1 }],
    ['hostname must be a domain or an address literal, not 5', '<>', ['bob@b.test'], { hostname: 5 as unknown as string }],
    ['signal must be an AbortSignal', '<>', ['bob@b.test'], { signal: null as unknown as AbortSignal }],
    ['signal must be an AbortSignal', '<>', ['bob@b.test'], { signal: {} as AbortSignal }],
    ['resolver must be a Resolver', '<>', ['bob@b.test'], { resolver: null as unknown as Resolver }],
    ['mxPort must be a port, not "25"', '<>', ['bob@b.test'], { routing: { mxPort: '25' as unknown as number } }],
    ['signal must be an AbortSignal, such as that of new AbortController(), not 5', '<>', ['bob@b.test'], { signal: 5 as never }],
    ['timeout must be a number of at least 1, not 0', '<>', ['bob@b.test'], { timeout: 0 }],
    ['LMTP goes to a next hop, such as routing: { smarthost: { host: "localhost", port: 24 } }, and to no mail exchanger (RFC 2033 §5)', '<>', ['bob@b.test'], { lmtp: true, routing: { mxPort: 25 } }],
    ['LMTP goes to a next hop', '<>', ['bob@b.test'], { lmtp: true, routing: { mxPort: 25, routes: new Map([['b.test', { host: 'localhost', port: 24 }]]) } }],
    ['LMTP is not for port 25 (RFC 2033 §5)', '<>', ['bob@b.test'], { lmtp: true, routing: { smarthost: { host: 'localhost', port: 25 } } }],
    ['LMTP is not for port 25 (RFC 2033 §5)', '<>', ['bob@b.test'], { lmtp: true, routing: { routes: new Map([['*', { host: 'localhost', port: 25 }]]) } }],
  ])('throws UsageError: %s', async (message, from, to, more) => {
    const error = await relay(from, to, HELLO, options({}, more)).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  it.each(['signal', 'closing'])('waits for no content that does not come once it is aborted by %s', async (name) => {
    const aborter = new AbortController();
    const relayed = relay('<>', ['bob@b.test'], (async function* () { yield await new Promise<Uint8Array>(() => undefined); })(), { ...options(), [name]: aborter.signal });
    aborter.abort();
    expect((await relayed).map(({ outcome }) => outcome)).toMatchObject([{ state: 'deferred', reason: 'aborted' }]);
  });

  it('rejects where the content cannot be read', async () => {
    await expect(relay('<>', ['bob@b.test'], (async function* () { throw new Error('disk on fire'); })(), options())).rejects.toThrow('disk on fire');
  });
});
