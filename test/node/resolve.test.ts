import { lookup, Resolver as Channel } from 'node:dns/promises';
import { setImmediate } from 'node:timers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Resolver } from '../../src/node/resolve.ts';
import type { RouteOptions, Step, Target } from '../../src/relay/route.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { builtin, replaceIn } from '../support/builtin.ts';
import { startDnsServer, type DnsServer, type DnsZones } from '../support/dns-server.mjs';

const ZONES: DnsZones = {
  'd.test': { MX: [[20, 'mx2.test'], [10, 'mx1.test']] },
  'mx1.test': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
  'mx2.test': { A: ['192.0.2.2'] },
  'implicit.test': { A: ['192.0.2.3'] },
  'below.empty.test': { A: ['192.0.2.3'] },
  'null.test': { MX: [[0, '.']], A: ['192.0.2.3'] },
  'alias-to-mx.test': { CNAME: 'd.test' },
  'alias-to-address.test': { CNAME: 'implicit.test' },
  'alias-to-nothing.test': { CNAME: 'nowhere.test' },
  'alias-in-a-circle.test': { CNAME: 'alias-in-a-circle.test' },
  'mx-to-alias.test': { MX: [[10, 'alias-to-address.test']] },
  'servfail.test': 'SERVFAIL',
  'refused.test': 'REFUSED',
  'notimp.test': 'NOTIMP',
  'formerr.test': 'FORMERR',
  'timeout.test': 'timeout',
  'mx-servfail.test': { MX: 'SERVFAIL', A: ['192.0.2.3'] },
  'aaaa-timeout.test': { A: ['192.0.2.3'], AAAA: 'timeout' },
  'a-servfail.test': { A: 'SERVFAIL' },
  'truncated.test': { MX: [[10, 'mx1.test']], truncated: true },
  'many.test': { MX: Array.from({ length: 300 }, (_, at) => [at, `mx${at}.many.test`]) },
  'mx0.many.test': { A: ['192.0.2.4'] },
  'address.test': { MX: [[10, '192.0.2.1']] },
  'twice.test': { MX: [[20, 'mx1.test'], [10, 'MX1.Test']] },
  'xn--bcher-kva.test': { MX: [[10, 'mx2.test']] },
  'hop.test': { A: ['127.0.0.1'] },
  single: { MX: [[10, 'mx1.test']] },
  'half.test': { MX: [[10, 'servfail.test'], [20, 'mx2.test']] },
};

const OPTIONS: RouteOptions = { ownNames: ['relay.test'], ownAddresses: [], routes: new Map(), mxPort: 25, allowPrivateTargets: false };
const PATIENCE = 250; // milliseconds for the first try, enough on a busy machine

let dns: DnsServer;
let resolver: Resolver;
beforeAll(async () => {
  dns = await startDnsServer(ZONES);
  resolver = new Resolver({ servers: [dns.address], timeout: PATIENCE });
});
afterAll(() => dns.close());

/** Returns all targets as text, or the verdict; and the steps. */
async function find(domain: string, options: Partial<RouteOptions> = {}): Promise<{ readonly found: readonly string[] | string; readonly steps: readonly Step[] }> {
  const steps: Step[] = [];
  const route = await resolver.route(domain, { ...OPTIONS, ...options }, { onStep: (step) => steps.push(step) });
  if (route.type === 'verdict') return { found: route.verdict.event, steps };
  const found: string[] = [];
  for await (const { host, address, port } of route.targets) found.push(`${host} ${address} ${port}`);
  return { found, steps };
}

describe('what node:dns makes of answers to MX', () => {
  const mx = async (name: string): Promise<unknown> => {
    const channel = new Channel({ timeout: PATIENCE, tries: 2 });
    channel.setServers([dns.address]);
    // Only what is relied on: Node 24 adds the type of the record.
    return channel.resolveMx(name).then((records) => records.map(({ exchange, priority }) => ({ exchange, priority })), (error: Error & { readonly code?: string }) => error.code);
  };

  it.each<[string, string, unknown]>([
    ['NXDOMAIN is ENOTFOUND', 'nowhere.test', 'ENOTFOUND'],
    ['no MX is ENODATA', 'implicit.test', 'ENODATA'],
    ['a name that only has names below it is ENODATA', 'empty.test', 'ENODATA'],
    ['an alias of a name without MX is an empty list, and no error', 'alias-to-address.test', []],
    // shows RFC5321:5.1-5
    ['an alias of a name with MX is its MX', 'alias-to-mx.test', [{ exchange: 'mx2.test', priority: 20 }, { exchange: 'mx1.test', priority: 10 }]],
    ['an alias of a name that does not exist is ENOTFOUND', 'alias-to-nothing.test', 'ENOTFOUND'],
    ['the null MX is the empty string', 'null.test', [{ exchange: '', priority: 0 }]],
    ['SERVFAIL is ESERVFAIL', 'servfail.test', 'ESERVFAIL'],
    ['REFUSED is EREFUSED', 'refused.test', 'EREFUSED'],
    ['NOTIMP is ENOTIMP', 'notimp.test', 'ENOTIMP'],
    ['FORMERR is EFORMERR', 'formerr.test', 'EFORMERR'],
    ['no answer is ETIMEOUT', 'timeout.test', 'ETIMEOUT'],
    ['a label of 64 octets is EBADNAME', `${'a'.repeat(64)}.test`, 'EBADNAME'],
    ['an address for an exchange is passed on', 'address.test', [{ exchange: '192.0.2.1', priority: 10 }]],
    ['an exchange in two spellings is passed on', 'twice.test', [{ exchange: 'mx1.test', priority: 20 }, { exchange: 'MX1.Test', priority: 10 }]],
    ['a single label is asked as it is', 'single', [{ exchange: 'mx1.test', priority: 10 }]],
  ])('%s', async (_, name, answer) => {
    expect(await mx(name)).toEqual(answer);
  });

  it('an answer that was truncated is asked for again over TCP', async () => {
    expect(await mx('truncated.test')).toEqual([{ exchange: 'mx1.test', priority: 10 }]);
    expect(await mx('many.test')).toHaveLength(300);
    expect(dns.queries.filter(({ name }) => name === 'truncated.test')).toEqual([
      { name: 'truncated.test', type: 'MX', transport: 'udp' },
      { name: 'truncated.test', type: 'MX', transport: 'tcp' },
    ]);
  });

  it('an alias of a name with one family only is an empty list for the other', async () => {
    const channel = new Channel({ timeout: PATIENCE, tries: 2 });
    channel.setServers([dns.address]);
    expect(await channel.resolve6('alias-to-address.test')).toEqual([]);
    expect(await channel.resolve4('alias-to-address.test')).toEqual(['192.0.2.3']);
  });

  it('where no server listens it is ECONNREFUSED', async () => {
    const channel = new Channel({ timeout: PATIENCE, tries: 2 });
    const gone = await startDnsServer({});
    await gone.close();
    channel.setServers([gone.address]);
    await expect(channel.resolveMx('d.test')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a route', () => {
  it.each<[string, readonly string[] | string]>([
    ['d.test', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25', 'mx2.test 192.0.2.2 25']],
    ['D.Test.', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25', 'mx2.test 192.0.2.2 25']],
    ['implicit.test', ['implicit.test 192.0.2.3 25']],
    ['alias-to-mx.test', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25', 'mx2.test 192.0.2.2 25']],
    ['alias-to-address.test', ['alias-to-address.test 192.0.2.3 25']], // an empty list is no MX
    ['mx-to-alias.test', ['alias-to-address.test 192.0.2.3 25']],
    ['alias-to-nothing.test', 'nxdomain'],
    ['alias-in-a-circle.test', 'dns-failure'],
    ['nowhere.test', 'nxdomain'],
    ['empty.test', 'no-address'],
    ['null.test', 'null-mx'],
    ['servfail.test', 'dns-failure'],
    ['refused.test', 'dns-failure'],
    ['notimp.test', 'dns-failure'],
    ['formerr.test', 'dns-failure'],
    ['timeout.test', 'dns-failure'],
    ['mx-servfail.test', 'dns-failure'],
    ['a-servfail.test', 'dns-failure'],
    ['aaaa-timeout.test', ['aaaa-timeout.test 192.0.2.3 25']],
    ['half.test', ['mx2.test 192.0.2.2 25']],
    ['truncated.test', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25']],
    ['many.test', ['mx0.many.test 192.0.2.4 25']],
    ['address.test', 'no-usable-mx'],
    ['twice.test', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25']],
    ['single', ['mx1.test 2001:db8::1 25', 'mx1.test 192.0.2.1 25']],
    // shows RFC6531:3.2-3 RFC6531:3.2-4
    ['bücher.test', ['mx2.test 192.0.2.2 25']],
    ['BÜCHER.test', ['mx2.test 192.0.2.2 25']],
    ['１２７.0.0.1', 'bad-domain'], // which the URL standard takes for 127.0.0.1
    ['ü..test', 'bad-domain'],
    ['[192.0.2.9]', ['192.0.2.9 192.0.2.9 25']],
    ['[127.0.0.1]', 'forbidden-literal'],
  ])('of %s', async (domain, expected) => {
    expect((await find(domain)).found).toEqual(expected);
  });

  it('does not ask for addresses where MX failed', async () => {
    const before = dns.queries.length;
    await find('mx-servfail.test');
    expect(new Set(dns.queries.slice(before).map(({ type }) => type))).toEqual(new Set(['MX']));
  });

  it('looks the hosts of a preference up when it comes to them', async () => {
    const before = dns.queries.length;
    const asked = (): readonly string[] => dns.queries.slice(before).map(({ name, type }) => `${type} ${name}`).sort();
    const route = await resolver.route('d.test', OPTIONS);
    expect(asked()).toEqual(['A mx1.test', 'AAAA mx1.test', 'MX d.test']);
    if (route.type === 'verdict') return expect.fail(route.verdict.event);
    const found: Target[] = [];
    for await (const target of route.targets) {
      found.push(target);
      if (target.host === 'mx1.test') expect(asked()).not.toContain('A mx2.test');
    }
    expect(found.map(({ preference, family }) => [preference, family])).toEqual([[10, 6], [10, 4], [20, 4]]);
    expect(asked()).toContain('A mx2.test');
  });

  it('asks no more where its targets are not wanted', async () => {
    const route = await resolver.route('d.test', OPTIONS);
    if (route.type === 'verdict') return expect.fail(route.verdict.event);
    const before = dns.queries.length;
    for await (const target of route.targets) if (target.host === 'mx1.test') break;
    expect(dns.queries.slice(before)).toEqual([]);
  });

  it('tells its steps as they are taken', async () => {
    const { steps } = await find('half.test');
    expect(steps.map(({ text }) => text)).toEqual([
      'domain half.test, as it is: nothing appended',
      'MX of half.test: 10 servfail.test, 20 mx2.test',
      '10: servfail.test, 20: mx2.test',
      'servfail.test: AAAA SERVFAIL, A SERVFAIL',
      'mx2.test: AAAA none, A 192.0.2.2',
    ]);
  });

  it('looks at the best 256 records of a zone that has thousands', async () => {
    const { steps } = await find('many.test');
    const records = steps.find(({ rule }) => rule === 'mx')?.text.slice('MX of many.test: '.length).split(', ');
    expect(records).toEqual(Array.from({ length: 256 }, (_, at) => `${at} mx${at}.many.test`));
  });

  it('is misused with servers that are no addresses, or no time to answer', () => {
    expect(() => new Resolver({ servers: ['192.0.2.1', 'dns.test'] })).toThrow(new UsageError('servers are addresses such as 192.0.2.1:53 or [2001:db8::1]:53, not ["192.0.2.1","dns.test"]'));
    expect(() => new Resolver({ timeout: 0 })).toThrow(new UsageError('timeout must be a number of at least 1, not 0'));
  });

  it('is temporary where no DNS server listens', async () => {
    const gone = await startDnsServer({});
    await gone.close();
    const route = await new Resolver({ servers: [gone.address], timeout: PATIENCE }).route('d.test', OPTIONS);
    expect(route).toMatchObject({ type: 'verdict', verdict: { event: 'dns-failure', kind: 'temporary' } });
  });

  it('takes a second server where the first gives no answer', async () => {
    const gone = await startDnsServer({});
    await gone.close();
    const route = await new Resolver({ servers: [gone.address, dns.address], timeout: PATIENCE }).route('implicit.test', OPTIONS);
    expect(route.type).toBe('targets');
  });
});

let refused: string | undefined; // why the system finds no host
let silent: (() => void) | undefined; // told that it was asked, and says nothing
const { lookup: systemLookup } = builtin('node:dns/promises') as { readonly lookup: (host: string, options: object) => Promise<unknown> };
replaceIn('node:dns/promises', {
  lookup: (host: string, options: object) => (silent !== undefined ? new Promise(silent) : refused === undefined ? systemLookup(host, options) : Promise.reject(Object.assign(new Error(`getaddrinfo ${refused} ${host}`), { code: refused }))),
});

describe('a next hop by configuration', () => {
  const smarthost = (host: string): Partial<RouteOptions> => ({ smarthost: { host, port: 2525 } });

  it('is looked up with the DNS servers that were given', async () => {
    expect((await find('nowhere.test', smarthost('hop.test'))).found).toEqual(['hop.test 127.0.0.1 2525']);
    expect((await find('nowhere.test', smarthost('nowhere.test'))).found).toBe('relay-not-found');
  });

  it('is found by the system where none were, and localhost always is (RFC 6761 §6.3)', async () => {
    const addresses = (await lookup('localhost', { all: true, verbatim: true })).map(({ address }) => address);
    for (const each of [resolver, new Resolver()]) {
      const route = await each.route('d.test', { ...OPTIONS, ...smarthost('localhost') });
      if (route.type === 'verdict') return expect.fail(route.verdict.event);
      const found: string[] = [];
      for await (const { address } of route.targets) found.push(address);
      expect(found.sort()).toEqual([...new Set(addresses)].sort());
    }
    expect(dns.queries.map(({ name }) => name)).not.toContain('localhost');
  });

  it.each([['EAI_AGAIN', 'no answer now'], ['EMFILE', 'too many open files here'], ['ENFILE', 'too many open files here']])('is told of in words where the system cannot find it (%s)', async (code, words) => {
    refused = code;
    const route = await resolver.route('d.test', { ...OPTIONS, ...smarthost('localhost') });
    refused = undefined;
    expect(route).toMatchObject({ verdict: { event: 'relay-not-found' } });
    expect(JSON.stringify(route)).toContain(words);
    expect(JSON.stringify(route)).not.toContain(code);
  });
});

describe('aborting', () => {
  it('cancels the questions of its own route alone, and is no verdict', async () => {
    const controller = new AbortController();
    const aborted = resolver.route('timeout.test', OPTIONS, { signal: controller.signal });
    const other = resolver.route('aaaa-timeout.test', OPTIONS);
    controller.abort(new Error('shutting down'));
    await expect(aborted).rejects.toThrow('shutting down');
    expect((await other).type).toBe('targets');
  });

  // found by reading: it waited for the system, which cannot be told that nobody wants to know any more
  it('ends the wait for the system', async () => {
    const controller = new AbortController();
    silent = () => void setImmediate(() => controller.abort(new Error('shutting down')));
    await expect(resolver.route('d.test', { ...OPTIONS, smarthost: { host: 'localhost', port: 25 } }, { signal: controller.signal })).rejects.toThrow('shutting down');
    silent = undefined;
  });

  it('before the first question throws at once', async () => {
    const controller = new AbortController();
    controller.abort(new Error('shutting down'));
    const before = dns.queries.length;
    await expect(resolver.route('d.test', OPTIONS, { signal: controller.signal })).rejects.toThrow('shutting down');
    expect(dns.queries).toHaveLength(before);
  });
});

describe('the key of a domain', () => {
  const keyOf = (domain: string): Promise<string | undefined> => resolver.keyOf(domain, OPTIONS);

  it('is that of its route, and is found without a question for addresses', async () => {
    const before = dns.queries.length;
    const key = await keyOf('d.test');
    expect(new Set(dns.queries.slice(before).map(({ type }) => type))).toEqual(new Set(['MX']));
    const route = await resolver.route('d.test', OPTIONS);
    expect(route).toMatchObject({ type: 'targets', key });
    expect(await keyOf('alias-to-mx.test')).toBe(key);
    expect(await keyOf('implicit.test')).not.toBe(key);
  });

  it.each(['nowhere.test', 'null.test', 'servfail.test', 'timeout.test', '[nonsense]'])('of %s is not to be had', async (domain) => {
    expect(await keyOf(domain)).toBeUndefined();
  });

  it('is not to be had where this host is the best exchanger', async () => {
    expect(await resolver.keyOf('d.test', { ...OPTIONS, ownNames: ['mx1.test'] })).toBeUndefined();
  });
});
