// What `relay` tells of each recipient, from end to end over sockets: state, code, enhanced code, text, host, address, TLS, time.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accept } from '../../src/protocol/server/verdict.ts';
import type { RecipientOutcome } from '../../src/node/deliver.ts';
import { listen } from '../../src/node/listen.ts';
import { relay, type RelayOptions } from '../../src/node/relay.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.mjs';
import { latin1 } from '../support/raw-peer.ts';
import { startScriptedServer, taking, unusedPort } from '../support/scripted-server.ts';
import { certificate } from '../support/tls-peer.ts';

const CONTENT = latin1('Subject: hello\r\n\r\nhello\r\n');

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer({ 'secure.test': { MX: [[10, 'mx.test']] }, 'mx.test': { A: ['127.0.0.1'] }, 'null.test': { MX: [[0, '.']] } });
});
afterAll(() => dns.close());

function options(routes: Readonly<Record<string, number>>, more: RelayOptions = {}): RelayOptions {
  const hops = new Map(Object.entries(routes).map(([domain, port]) => [domain, { host: '127.0.0.1', port }]));
  return { hostname: 'client.test', timeout: 5_000, resolver: new Resolver({ servers: [dns.address] }), ...more, routing: { routes: hops, allowPrivateTargets: true, ...more.routing } };
}

function aborted(): AbortSignal {
  const aborter = new AbortController();
  aborter.abort();
  return aborter.signal;
}

/** All outcomes as they come, each of which has come about since then. */
async function outcomesOf(relaying: AsyncIterable<RecipientOutcome>): Promise<readonly RecipientOutcome[]> {
  const since = Date.now();
  const outcomes: RecipientOutcome[] = [];
  for await (const each of relaying) {
    const { time = 0 } = each.outcome;
    expect(time, `the time of ${each.forwardPath.text}`).toBeGreaterThanOrEqual(since);
    expect(time, `the time of ${each.forwardPath.text}`).toBeLessThanOrEqual(Date.now());
    outcomes.push(each);
  }
  return outcomes;
}

describe('an outcome', () => {
  it('under TLS says by which host of which MX, under which TLS, with which certificate and when', async () => {
    await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test', tls: certificate('mx') }, { message: () => accept('in good hands') });
    const [outcome, ...others] = await outcomesOf(relay('<a@a.test>', ['<b@secure.test>'], CONTENT, options({}, { routing: { mxPort: server.port }, tlsPolicy: 'verify', tls: { ca: certificate('mx').cert } })));
    expect(others).toEqual([]);
    expect(outcome?.outcome.reply.lines).toEqual(['in good hands']);
    expect(outcome).toMatchObject({
      forwardPath: { text: '<b@secure.test>' },
      outcome: { state: 'delivered', reply: { code: 250, enhanced: '2.0.0', lines: ['in good hands'] }, tls: { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), verified: true, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      target: { host: 'mx.test', address: '127.0.0.1', port: server.port, preference: 10 },
    });
  });

  it('under TLS that proves nothing says why', async () => {
    await using server = await listen({ host: '127.0.0.1', port: 0, hostname: 'mx.test', tls: certificate('other') }, { message: () => accept() });
    const [outcome] = await outcomesOf(relay('<a@a.test>', ['<b@b.test>'], CONTENT, options({ 'b.test': server.port })));
    expect(outcome?.outcome).toMatchObject({ state: 'delivered', tls: { verified: false, fault: 'the certificate is self-signed' } });
  });

  it('comes as soon as it is certain: who is refused is told of before the end of mail data, of one who waits last', async () => {
    await using refusing = await startScriptedServer([
      'S: 220 mx.test', 'C: EHLO', 'S: 250 mx.test', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 4.1.1 gone', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', 'S: 250 2.6.0 taken', 'C: QUIT', 'S: 221 bye',
    ]);
    await using lost = await startScriptedServer(['S: 220 mx.test', 'C: EHLO', 'S: 250 mx.test', 'C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 250 ok', 'C: DATA', 'S: 354 go', 'C: …', '* reset']);
    const dead = await unusedPort();
    const outcomes = await outcomesOf(relay('<>', ['<gone@b.test>', '<bob@b.test>', '<lost@c.test>', '<dead@d.test>', '<null@null.test>'], CONTENT, options({ 'b.test': refusing.port, 'c.test': lost.port, 'd.test': dead })));
    const brief = outcomes.map(({ forwardPath, outcome: { state, reply, tls }, target }) => [forwardPath.text, state, reply.code, reply.enhanced, target?.port, tls].join(' ').trimEnd());
    expect([...brief].sort()).toEqual([
      `<bob@b.test> delivered 250 2.6.0 ${refusing.port}`,
      `<dead@d.test> deferred 451 4.4.1 ${dead}`,
      `<gone@b.test> failed 550 5.1.1 ${refusing.port}`, // said as 4.1.1, which is not of the class of its code
      `<lost@c.test> unknown 451 4.4.2 ${lost.port}`,
      '<null@null.test> failed 556 5.1.10',
    ]);
    expect(outcomes.find(({ forwardPath }) => forwardPath.text === '<gone@b.test>')?.outcome).toMatchObject({ reply: { lines: ['gone'] }, verbatim: { code: 550, enhanced: undefined, lines: ['4.1.1 gone'] } });
    expect(brief.findIndex((text) => text.startsWith('<gone@'))).toBeLessThan(brief.findIndex((text) => text.startsWith('<bob@')));
  });

  it('of a host that takes no mail at all has its time too', async () => {
    await using server = await startScriptedServer(['S: 521 no mail here', 'C: QUIT', 'S: 221 bye']);
    const [outcome] = await outcomesOf(relay('<>', ['<b@[127.0.0.1]>'], CONTENT, { ...options({}), routing: { mxPort: server.port, allowPrivateTargets: true } })); // not one that the operator has named
    expect(outcome?.outcome).toMatchObject({ state: 'failed', reply: { code: 521, enhanced: '5.3.2' } });
  });

  it('of a mail that was not begun because our own end came has its time too', async () => {
    await using server = await startScriptedServer(taking());
    const [outcome] = await outcomesOf(relay('<>', ['<b@b.test>'], CONTENT, options({ 'b.test': server.port }, { signal: aborted() })));
    expect(outcome?.outcome).toMatchObject({ state: 'deferred', reason: 'aborted' });
  });
});
