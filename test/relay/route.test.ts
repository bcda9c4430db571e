import { describe, expect, it } from 'vitest';
import type { AddressAnswers, DnsAnswer, MxRecord } from '../../src/relay/dns-answer.ts';
import { recordsOf } from '../../src/relay/dns-answer.ts';
import { parseRoute } from '../../src/relay/next-hop.ts';
import { concerns, locate, planKey, rank, type RouteOptions, type Step } from '../../src/relay/route.ts';
import { planTargets } from '../../src/relay/target.ts';
import { type VerdictEvent, OWN_VERDICTS } from '../../src/relay/own-verdict.ts';

// A row says what the DNS knows, in the manner of a zone file, and what becomes of mail for `d.test`.

const FAULTS: Readonly<Record<string, DnsAnswer<never>>> = {
  NODATA: { type: 'none' },
  NXDOMAIN: { type: 'nxdomain' },
  EBADNAME: { type: 'bad-name' },
  SERVFAIL: { type: 'failure', reason: 'SERVFAIL' },
  REFUSED: { type: 'failure', reason: 'REFUSED' },
  timeout: { type: 'failure', reason: 'no answer in time' },
};

const OPTIONS: RouteOptions = {
  ownNames: ['relay.test'],
  ownAddresses: [{ address: '192.0.2.97', port: 25 }, { address: '192.0.2.99', port: 25 }],
  routes: new Map(),
  mxPort: 25,
  allowPrivateTargets: false,
};

/** `MX`: `10 mx1.test, 20 mx2.test`, or a fault. Hosts: addresses parted by spaces, a fault for one family after `A` or `AAAA`. */
interface Zone {
  readonly MX?: string;
  readonly [host: string]: string | undefined;
}

interface Result {
  readonly targets: readonly string[];
  readonly verdict: VerdictEvent | undefined;
  readonly asked: readonly string[];
  readonly steps: readonly Step[];
  readonly missed?: string | undefined;
}

const steady = (): number => 0.999; // keeps the order of hosts of equal preference

function mxAnswer(text: string): DnsAnswer<MxRecord> {
  const records = text.split(', ').map((record) => {
    const [preference = '', exchange = ''] = record.split(' ');
    return { preference: Number(preference), exchange };
  });
  return FAULTS[text] ?? recordsOf(records);
}

function hostAnswers(text: string): AddressAnswers {
  const fault = FAULTS[text];
  if (fault !== undefined) return { A: fault, AAAA: fault };
  const words = text.split(' ');
  const family = (name: string, fits: (word: string) => boolean): DnsAnswer<string> => {
    const at = words.indexOf(name);
    return at === -1 ? recordsOf(words.filter(fits)) : (FAULTS[words[at + 1] ?? ''] ?? expect.fail(text));
  };
  return { A: family('A', (word) => /^[\d.]+$/.test(word)), AAAA: family('AAAA', (word) => word.includes(':')) };
}

function find(domain: string, zone: Zone, options: Partial<RouteOptions> = {}, random = steady): Result {
  const all = { ...OPTIONS, ...options };
  let plan = locate(domain, all);
  const steps = [...plan.steps];
  const asked: string[] = [];
  if (plan.type === 'ask-mx') {
    asked.push(`MX ${plan.domain}`);
    plan = rank(plan.domain, mxAnswer(zone.MX ?? 'NODATA'), all, random);
    steps.push(...plan.steps);
  }
  if (plan.type === 'verdict') return { targets: [], verdict: plan.verdict.event, asked, steps };
  const known = new Map<string, AddressAnswers>();
  for (;;) {
    const found = planTargets(plan, known, all);
    if (found.ask.length === 0) {
      const targets = found.targets.map(({ host, address, port, preference, again }) => `${preference} ${host} [${address}]:${port}${again === true ? ' again' : ''}`);
      return { targets, verdict: found.verdict?.event, asked, steps: [...steps, ...found.steps], missed: found.missed };
    }
    for (const host of found.ask) {
      asked.push(host);
      known.set(host, hostAnswers(zone[host] ?? 'NXDOMAIN'));
    }
    // What was planned so far only grows (rule 1 of target.ts).
    const next = planTargets(plan, known, all);
    expect(next.targets.slice(0, found.targets.length)).toEqual(found.targets);
    expect(next.steps.slice(0, found.steps.length)).toEqual(found.steps);
  }
}

const reached = new Set<VerdictEvent>();

function verdictOf(zone: Zone, options: Partial<RouteOptions> = {}, domain = 'd.test'): VerdictEvent | undefined {
  const { targets, verdict, steps } = find(domain, zone, options);
  if (verdict !== undefined) {
    reached.add(verdict);
    expect(targets).toEqual([]);
    expect(steps.at(-1)).toMatchObject({ rule: 'verdict', clause: OWN_VERDICTS[verdict].source });
  }
  return verdict;
}

describe('what the MX answer means (RFC 5321 §5.1)', () => {
  it.each<[string, Zone, VerdictEvent | undefined, readonly string[]]>([
    // shows RFC5321:5.1-6
    ['no such domain is an error, and no address is asked for (RFC 8020 §2)', { MX: 'NXDOMAIN', 'd.test': '192.0.2.1' }, 'nxdomain', ['MX d.test']],
    // shows RFC5321:5.1-7
    ['SERVFAIL is temporary, and no address is asked for', { MX: 'SERVFAIL', 'd.test': '192.0.2.1' }, 'dns-failure', ['MX d.test']],
    ['REFUSED is temporary, and no address is asked for', { MX: 'REFUSED', 'd.test': '192.0.2.1' }, 'dns-failure', ['MX d.test']],
    ['no answer is temporary, and no address is asked for', { MX: 'timeout', 'd.test': '192.0.2.1' }, 'dns-failure', ['MX d.test']],
    ['a name that cannot be asked for is an error', { MX: 'EBADNAME' }, 'bad-domain', ['MX d.test']],
    // shows RFC7505:3-1
    ['a null MX is an error (RFC 7505 §3)', { MX: '0 ', 'd.test': '192.0.2.1' }, 'null-mx', ['MX d.test']],
    // shows RFC7505:3-1
    ['a null MX may be written as a dot', { MX: '0 .' }, 'null-mx', ['MX d.test']],
    ['a null MX may have another preference', { MX: '10 .' }, 'null-mx', ['MX d.test']],
    ['two null MX are one', { MX: '0 ., 10 ' }, 'null-mx', ['MX d.test']],
    ['a null MX beside another record is left out (RFC 7505 §3)', { MX: '0 ., 10 mx1.test', 'mx1.test': '192.0.2.1' }, undefined, ['MX d.test', 'mx1.test']],
    // shows RFC5321:5.1-8
    ['no MX is an implicit MX', { MX: 'NODATA', 'd.test': '192.0.2.1' }, undefined, ['MX d.test', 'd.test']],
    // shows RFC5321:5.1-9
    ['an implicit MX without address is an error', { MX: 'NODATA', 'd.test': 'NODATA' }, 'no-address', ['MX d.test', 'd.test']],
    ['an implicit MX whose lookup fails is temporary', { MX: 'NODATA', 'd.test': 'SERVFAIL' }, 'dns-failure', ['MX d.test', 'd.test']],
    ['an implicit MX without address whose other family fails is temporary', { MX: 'NODATA', 'd.test': 'AAAA timeout' }, 'dns-failure', ['MX d.test', 'd.test']],
    // shows RFC5321:5.1-10 RFC5321:5.1-11
    ['where there is MX, the address of the domain is not used', { MX: '10 mx1.test', 'd.test': '192.0.2.1' }, 'no-usable-mx', ['MX d.test', 'mx1.test']],
    // shows RFC5321:5.1-12
    ['an address is no exchange', { MX: '10 192.0.2.1, 10 2001:db8::1' }, 'no-usable-mx', ['MX d.test']],
    ['a name of one label is no exchange', { MX: '10 localhost' }, 'no-usable-mx', ['MX d.test']],
    ['an exchange with a space in it is none', { MX: '10 m\\032x.test' }, 'no-usable-mx', ['MX d.test']],
    ['a bad exchange does not harm the others', { MX: '5 192.0.2.9, 10 mx1.test', 'mx1.test': '192.0.2.1' }, undefined, ['MX d.test', 'mx1.test']],
    // shows RFC5321:5.1-9 RFC5321:5.1-11 RFC5321:5.1-13
    ['exchanges without addresses are an error', { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': 'NODATA' }, 'no-usable-mx', ['MX d.test', 'mx1.test', 'mx2.test']],
    ['one failure among errors makes it temporary', { MX: '10 mx1.test, 20 mx2.test', 'mx2.test': 'SERVFAIL' }, 'dns-failure', ['MX d.test', 'mx1.test', 'mx2.test']],
    ['an error behind a failure leaves it temporary', { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': 'SERVFAIL' }, 'dns-failure', ['MX d.test', 'mx1.test', 'mx2.test']],
    ['a failure does not harm the others', { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': 'SERVFAIL', 'mx2.test': '192.0.2.2' }, undefined, ['MX d.test', 'mx1.test', 'mx2.test']],
    // shows RFC5321:5.2-1
    ['one family is enough where the other fails', { MX: '10 mx1.test', 'mx1.test': '192.0.2.1 AAAA SERVFAIL' }, undefined, ['MX d.test', 'mx1.test']],
  ])('%s', (_, zone, verdict, asked) => {
    expect(verdictOf(zone)).toBe(verdict);
    expect(find('d.test', zone).asked).toEqual(asked);
  });
});

describe('the domain', () => {
  it.each<[string, VerdictEvent]>([
    ['', 'bad-domain'],
    ['.', 'bad-domain'],
    ['d..test', 'bad-domain'],
    ['-d.test', 'bad-domain'],
    ['bücher.test', 'bad-domain'], // has to come as A-labels
    [`${'a'.repeat(64)}.test`, 'bad-domain'],
    [`${'a.'.repeat(125)}test`, 'bad-domain'],
    ['192.0.2.1', 'bad-domain'],
    ['[192.0.2.256]', 'bad-literal'],
    ['[2001:db8::1]', 'bad-literal'],
    ['[IPv6:2001:db8::1', 'bad-literal'],
    ['[x400:c=de]', 'bad-literal'],
    ['[]', 'bad-literal'],
  ])('%j is no domain that can be routed', (domain, verdict) => {
    expect(verdictOf({}, {}, domain)).toBe(verdict);
    expect(find(domain, {}).asked).toEqual([]);
  });

  it.each([
    ['D.Test', 'MX d.test'],
    ['d.test.', 'MX d.test'],
    ['test', 'MX test'],
    ['_d.test', 'MX _d.test'],
    ['xn--bcher-kva.test', 'MX xn--bcher-kva.test'],
  // shows RFC5321:2.3.5-3 RFC5321:5.1-2 RFC5321:5.1-3
  ])('%j is asked for as %s: nothing is appended', (domain, question) => {
    expect(find(domain, {}).asked[0]).toBe(question);
  });
});

describe('an address literal (RFC 5321 §4.1.3)', () => {
  it.each([
    ['[192.0.2.1]', ['0 192.0.2.1 [192.0.2.1]:25']],
    ['[IPv6:2001:DB8:0:0::1]', ['0 2001:db8::1 [2001:db8::1]:25']],
    ['[IPv6:::ffff:192.0.2.1]', ['0 ::ffff:192.0.2.1 [192.0.2.1]:25']],
  ])('%s is its own target, without any lookup', (domain, targets) => {
    expect(find(domain, {})).toMatchObject({ targets, asked: [], verdict: undefined });
  });

  it.each(['[127.0.0.1]', '[10.0.0.1]', '[0.0.0.0]', '[IPv6:::1]', '[IPv6:::ffff:127.0.0.1]', '[IPv6:fe80::1]'])('%s is not connected to', (domain) => {
    expect(verdictOf({}, {}, domain)).toBe('forbidden-literal');
  });

  it('that is private is connected to where that is allowed', () => {
    expect(find('[127.0.0.2]', {}, { allowPrivateTargets: true, mxPort: 2526 }).targets).toEqual(['0 127.0.0.2 [127.0.0.2]:2526']);
  });

  it('that is an address of this host loops back', () => {
    expect(verdictOf({}, {}, '[192.0.2.99]')).toBe('loops-back');
  });
});

describe('a next hop by configuration', () => {
  const routes = new Map(['d.test=hop.test:2525', '.sub.test=[192.0.2.7]:26', '*=any.test'].map((text) => {
    const { domain, nextHop } = parseRoute(text) ?? expect.fail(text);
    return [domain, nextHop];
  }));

  it('takes the place of MX', () => {
    expect(find('D.test.', { MX: '10 mx1.test', 'hop.test': '192.0.2.1' }, { routes })).toMatchObject({ asked: ['hop.test'], targets: ['0 hop.test [192.0.2.1]:2525'] });
  });

  it('that is an address needs no lookup', () => {
    expect(find('x.sub.test', {}, { routes })).toMatchObject({ asked: [], targets: ['0 192.0.2.7 [192.0.2.7]:26'] });
  });

  it('for * takes literals as well, and what is no name of the DNS', () => {
    expect(find('[192.0.2.1]', {}, { routes }).asked).toEqual(['any.test']);
    expect(find('bücher.test', {}, { routes }).asked).toEqual(['any.test']);
  });

  it('goes before the smart host, which takes all the rest', () => {
    const smarthost = { host: 'smart.test', port: 587 };
    const some = new Map([...routes].filter(([domain]) => domain !== '*'));
    expect(find('d.test', {}, { routes: some, smarthost }).asked).toEqual(['hop.test']);
    expect(find('e.test', { 'smart.test': '192.0.2.1' }, { routes: some, smarthost }).targets).toEqual(['0 smart.test [192.0.2.1]:587']);
  });

  it('may have a private address, or one of ours on another port', () => {
    expect(find('d.test', { 'hop.test': '127.0.0.1 192.0.2.99' }, { routes, ownAddresses: [{ address: '192.0.2.99', port: 25 }] }).targets).toHaveLength(2);
  });

  // found by experiment: mail went round a hundred times, and the notification of that as well, so that nobody was told
  it('that is this host is passed over, and where there is no other, is as good as not found', () => {
    const ownAddresses = [{ address: '192.0.2.99', port: 2525 }];
    expect(find('d.test', { 'hop.test': '192.0.2.99 192.0.2.98' }, { routes, ownAddresses }).targets).toEqual(['0 hop.test [192.0.2.98]:2525']);
    expect(verdictOf({ 'hop.test': '192.0.2.99' }, { routes, ownAddresses })).toBe('relay-not-found');
    expect(verdictOf({}, { smarthost: { host: '127.0.0.1', port: 2525 }, ownAddresses: [{ address: '0.0.0.0', port: 2525 }] })).toBe('relay-not-found');
  });

  it.each(['NXDOMAIN', 'NODATA', 'SERVFAIL', '0.0.0.0'])('that is not found (%s) bounces nothing', (answer) => {
    expect(verdictOf({ 'hop.test': answer }, { routes })).toBe('relay-not-found');
    expect(OWN_VERDICTS['relay-not-found'].kind).toBe('temporary');
  });
});

describe('this host among the exchanges (RFC 5321 §5.1)', () => {
  it.each<[string, Zone, VerdictEvent | undefined, readonly string[]]>([
    // shows RFC5321:5.1-22 RFC5321:5.1-23 RFC5321:5.1-25
    ['as the only one: mail loops back', { MX: '10 relay.test' }, 'loops-back', []],
    ['as the best one: mail loops back', { MX: '10 relay.test, 20 mx2.test', 'mx2.test': '192.0.2.2' }, 'loops-back', []],
    ['in capitals', { MX: '10 RELAY.Test' }, 'loops-back', []],
    // shows RFC5321:5.1-24
    ['beside one of equal preference: both are left out', { MX: '10 relay.test, 10 mx1.test', 'mx1.test': '192.0.2.1' }, 'loops-back', []],
    // shows RFC5321:5.1-24 RFC5321:5.1-26
    ['behind another: only what is better is left', { MX: '10 mx1.test, 20 relay.test, 30 mx3.test', 'mx1.test': '192.0.2.1', 'mx3.test': '192.0.2.3' }, undefined, ['10 mx1.test [192.0.2.1]:25']],
    ['behind one that is not found: it may come back', { MX: '10 mx1.test, 20 relay.test' }, 'better-mx-not-found', []],
    ['behind one that the DNS does not know now: likewise', { MX: '10 mx1.test, 20 relay.test', 'mx1.test': 'SERVFAIL' }, 'better-mx-not-found', []],
    ['by address, as the best one', { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': '192.0.2.99', 'mx2.test': '192.0.2.2' }, 'loops-back', []],
    // shows RFC5321:5.1-23
    ['by one of several addresses', { MX: '10 mx1.test', 'mx1.test': '192.0.2.1 192.0.2.99' }, 'loops-back', []],
    ['by an IPv4-mapped address', { MX: '10 mx1.test', 'mx1.test': '::ffff:192.0.2.99' }, 'loops-back', []],
    ['by address, beside one of equal preference', { MX: '10 mx1.test, 10 mx2.test', 'mx1.test': '192.0.2.1', 'mx2.test': '192.0.2.99' }, 'loops-back', []],
    ['by address, behind another', { MX: '10 mx1.test, 20 mx2.test, 30 mx3.test', 'mx1.test': '192.0.2.1', 'mx2.test': '192.0.2.99', 'mx3.test': '192.0.2.3' }, undefined, ['10 mx1.test [192.0.2.1]:25']],
    ['by address, behind one that is not found', { MX: '10 mx1.test, 20 mx2.test', 'mx2.test': '192.0.2.99' }, 'better-mx-not-found', []],
    ['by address, behind one with a private address', { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': '10.0.0.1', 'mx2.test': '192.0.2.99' }, 'better-mx-not-found', []],
    ['as the implicit MX', { 'd.test': '192.0.2.99' }, 'loops-back', []],
  ])('%s', (_, zone, verdict, targets) => {
    expect(verdictOf(zone)).toBe(verdict);
    expect(find('d.test', zone).targets).toEqual(targets);
  });

  it('is found as the implicit MX by its name', () => {
    expect(verdictOf({}, { ownNames: ['D.test.'] })).toBe('loops-back');
  });

  it('is found behind NAT, where its address is private', () => {
    const zone = { MX: '10 mx1.test, 20 mx2.test', 'mx1.test': '10.0.0.5', 'mx2.test': '192.0.2.2' };
    expect(verdictOf(zone, { ownAddresses: [{ address: '10.0.0.5', port: 25 }] })).toBe('loops-back');
  });

  it('is another server where the port is another', () => {
    const zone = { MX: '10 mx1.test', 'mx1.test': '127.0.0.1' };
    const own = [{ address: '127.0.0.1', port: 2525 }];
    expect(find('d.test', zone, { ownAddresses: own, mxPort: 2526, allowPrivateTargets: true }).targets).toEqual(['10 mx1.test [127.0.0.1]:2526']);
    expect(verdictOf(zone, { ownAddresses: own, mxPort: 2525, allowPrivateTargets: true })).toBe('loops-back');
  });

  it.each(['0.0.0.0', '::'])('listens on %s: at every loopback address', (address) => {
    const own = { ownAddresses: [{ address, port: 2525 }], allowPrivateTargets: true };
    expect(verdictOf({ MX: '10 mx1.test', 'mx1.test': '127.0.0.5' }, { ...own, mxPort: 2525 })).toBe('loops-back');
    expect(verdictOf({ MX: '10 mx1.test', 'mx1.test': '127.0.0.5' }, { ...own, mxPort: 2526 })).toBeUndefined();
    expect(verdictOf({ MX: '10 mx1.test', 'mx1.test': '192.0.2.1' }, { ...own, mxPort: 2525 })).toBeUndefined();
  });
});

describe('the order of targets (RFC 5321 §5.1, §5.2)', () => {
  const targets = (zone: Zone, options: Partial<RouteOptions> = {}, random = steady): readonly string[] => find('d.test', zone, options, random).targets;

  // shows RFC5321:5.1-18
  it('is that of preference, not that of the answer', () => {
    const zone = { MX: '30 c.test, 10 a.test, 20 b.test', 'a.test': '192.0.2.1', 'b.test': '192.0.2.2', 'c.test': '192.0.2.3' };
    expect(targets(zone)).toEqual(['10 a.test [192.0.2.1]:25', '20 b.test [192.0.2.2]:25', '30 c.test [192.0.2.3]:25']);
  });

  // shows RFC5321:5.1-20 RFC5321:5.2-1
  it('keeps the order of the resolver in each family, and takes the families in turn, IPv6 first', () => {
    const zone = { MX: '10 a.test', 'a.test': '192.0.2.9 192.0.2.1 192.0.2.5 2001:db8::9 2001:db8::1' };
    expect(targets(zone).map((text) => text.slice(11, -4))).toEqual(['2001:db8::9', '192.0.2.9', '2001:db8::1', '192.0.2.1', '192.0.2.5']);
  });

  // shows RFC5321:5.1-19
  it('is random among hosts of equal preference, each permutation as likely as any other', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647; // Park and Miller
    const counts = new Map<string, number>();
    const zone = { MX: '10 a.test, 10 b.test, 10 c.test', 'a.test': '192.0.2.1', 'b.test': '192.0.2.2', 'c.test': '192.0.2.3' };
    for (let run = 0; run < 1200; run += 1) {
      const order = targets(zone, {}, random).map((text) => text[3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    expect(Math.min(...counts.values())).toBeGreaterThan(160);
    expect(Math.max(...counts.values())).toBeLessThan(240);
  });

  it('has each exchange once, with its best preference, whatever the case of its letters', () => {
    const zone = { MX: '20 a.test, 10 A.TEST., 30 a.Test', 'a.test': '192.0.2.1' };
    expect(targets(zone)).toEqual(['10 a.test [192.0.2.1]:25']);
  });

  it('has each address once, where it is best, and again by its other names, behind what those lead to besides', () => {
    const zone = { MX: '10 a.test, 20 b.test, 30 c.test', 'a.test': '192.0.2.1', 'b.test': '192.0.2.2 ::ffff:192.0.2.1 192.0.2.1', 'c.test': '2001:db8::3 192.0.2.2' };
    expect(targets(zone)).toEqual([
      '10 a.test [192.0.2.1]:25',
      '20 b.test [192.0.2.2]:25',
      '20 b.test [192.0.2.1]:25 again',
      '30 c.test [2001:db8::3]:25',
      '30 c.test [192.0.2.2]:25 again',
    ]);
    expect(find('d.test', zone).steps.filter(({ rule, text }) => rule === 'order' && text.includes('planned')).map(({ text }) => text)).toEqual([
      'b.test [192.0.2.1]:25 is planned already: tried by this name where TLS needs a certificate for it',
      'b.test [192.0.2.1]:25 is planned already',
      'c.test [192.0.2.2]:25 is planned already: tried by this name where TLS needs a certificate for it',
    ]);
  });

  it('has ten addresses, and ten of them again, where zones give one host a hundred names', () => {
    const names = Array.from({ length: 60 }, (_, at) => `mx${at}.test`);
    const zone: Zone = { MX: names.map((name) => `10 ${name}`).join(', '), ...Object.fromEntries(names.map((name, at) => [name, `192.0.2.1 192.0.2.${at + 1}`])) };
    const found = targets(zone);
    expect([found.filter((each) => !each.endsWith('again')).length, found.filter((each) => each.endsWith('again')).length]).toEqual([8, 10]);
  });

  it('leaves private and unusable addresses out', () => {
    const zone = { MX: '10 a.test', 'a.test': '127.0.0.1 10.0.0.1 224.0.0.1 0.0.0.0 192.0.2.1 ::1 fe80::1 fd00::1 ff02::1 ::ffff:10.0.0.1 64:ff9b::127.0.0.1 2001:db8::1' };
    expect(targets(zone)).toEqual(['10 a.test [2001:db8::1]:25', '10 a.test [192.0.2.1]:25']);
    expect(verdictOf({ MX: '10 a.test', 'a.test': '127.0.0.1 ::1' })).toBe('no-usable-mx');
    expect(verdictOf({ 'd.test': '127.0.0.1' })).toBe('no-address');
  });

  it('has private addresses where they are allowed, unusable ones never', () => {
    const zone = { MX: '10 a.test', 'a.test': '127.0.0.1 0.0.0.0 224.0.0.1 ::1' };
    expect(targets(zone, { allowPrivateTargets: true })).toEqual(['10 a.test [::1]:25', '10 a.test [127.0.0.1]:25']);
  });

  // shows RFC5321:5.1-16
  it('has at most ten targets, eight of them of one family, so that the other is tried too', () => {
    const many = (prefix: string): string => Array.from({ length: 20 }, (_, at) => `${prefix}${at + 1}`).join(' ');
    const zone = { MX: '10 a.test, 20 b.test, 30 c.test', 'a.test': many('2001:db8::'), 'b.test': many('192.0.2.'), 'c.test': '192.0.2.200' };
    const found = targets(zone);
    expect(found).toHaveLength(10);
    expect(found.slice(0, 8).every((text) => text.startsWith('10 a.test [2001:db8::'))).toBe(true);
    expect(found.slice(8)).toEqual(['20 b.test [192.0.2.1]:25', '20 b.test [192.0.2.2]:25']);
    expect(find('d.test', zone).asked).not.toContain('c.test');
  });

  it('looks at twenty addresses of a family of a host, however many its zone has', () => {
    const many = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`).join(' ');
    const exchanges = Array.from({ length: 8 }, (_, at) => `mx${at}.test`);
    const zone: Zone = { MX: exchanges.map((host, at) => `${at} ${host}`).join(', '), ...Object.fromEntries(exchanges.map((host) => [host, many])) };
    const { steps, verdict } = find('d.test', zone);
    expect(verdict).toBe('no-usable-mx');
    expect(steps.filter(({ rule }) => rule === 'filter')).toHaveLength(8 * 20);
    expect(steps.filter(({ text }) => text === 'mx7.test: only the first 20 addresses of a family are looked at')).toHaveLength(1);
  });

  it('asks for the addresses of at most 64 hosts, the best ones', () => {
    const zone: Zone = { MX: Array.from({ length: 300 }, (_, at) => `${300 - at} mx${300 - at}.test`).join(', ') };
    const { asked, verdict } = find('d.test', zone);
    expect(verdict).toBe('no-usable-mx');
    expect(asked.slice(1)).toEqual(Array.from({ length: 64 }, (_, at) => `mx${at + 1}.test`));
  });
});

describe('a host that is missed', () => {
  it.each([
    ['is one of which the DNS told no address, since it failed', '192.0.2.1', 'SERVFAIL', 'b.test: AAAA SERVFAIL, A SERVFAIL'],
    ['is not one with an address, though another may be missed', '192.0.2.1 AAAA SERVFAIL', '192.0.2.2', undefined],
    ['is not one without any', '192.0.2.1', 'NODATA', undefined],
  ])('%s', (_, a, b, missed) => {
    expect(find('d.test', { MX: '10 a.test, 20 b.test', 'a.test': a, 'b.test': b }).missed).toBe(missed);
  });
});

describe('the families of a host', () => {
  it('may be raced in pairs: each target tells whether the next one is the other family of its host', () => {
    const zone: Zone = { MX: '10 a.test, 20 b.test', 'a.test': '192.0.2.1 192.0.2.2 2001:db8::1', 'b.test': '2001:db8::2' };
    let plan = locate('d.test', OPTIONS);
    if (plan.type === 'ask-mx') plan = rank(plan.domain, mxAnswer(zone.MX ?? ''), OPTIONS, steady);
    if (plan.type !== 'hosts') return expect.fail(plan.type);
    const known = new Map(['a.test', 'b.test'].map((host) => [host, hostAnswers(zone[host] ?? '')]));
    expect(planTargets(plan, known, OPTIONS).targets.map(({ address, raced }) => [address, raced])).toEqual([
      ['2001:db8::1', true],
      ['192.0.2.1', undefined],
      ['192.0.2.2', undefined],
      ['2001:db8::2', undefined],
    ]);
  });
});

describe('the key of a plan', () => {
  function keyOf(domain: string, MX: string, options: Partial<RouteOptions> = {}, random = steady): string {
    let plan = locate(domain, { ...OPTIONS, ...options });
    if (plan.type === 'ask-mx') plan = rank(plan.domain, mxAnswer(MX), { ...OPTIONS, ...options }, random);
    return plan.type === 'hosts' ? planKey(plan) : expect.fail(plan.type);
  }

  it('is the same for domains with the same hosts in the same order, whatever the numbers, and however shuffled', () => {
    const key = keyOf('d.test', '10 a.test, 10 b.test, 20 c.test');
    expect(keyOf('e.test', '7 C.test., 5 b.test, 5 a.test')).toBe(key);
    expect(keyOf('d.test', '10 a.test, 10 b.test, 20 c.test', {}, () => 0)).toBe(key);
    expect(keyOf('d.test', '10 a.test, 10 b.test, 20 c.test, 30 relay.test, 40 d.test')).toBe(key); // what is behind this host does not count
  });

  it.each([
    ['another order', '20 a.test, 20 b.test, 10 c.test'],
    ['another level', '10 a.test, 11 b.test, 20 c.test'],
    ['one host less', '10 a.test, 10 b.test'],
    ['one host more', '10 a.test, 10 b.test, 20 c.test, 30 d.test'],
    ['other hosts', '10 a.test, 10 b.test, 20 d.test'],
  ])('is another for %s', (_, MX) => {
    expect(keyOf('d.test', MX)).not.toBe(keyOf('d.test', '10 a.test, 10 b.test, 20 c.test'));
  });

  it('is that of the host for the implicit MX, and another where a next hop is configured', () => {
    const explicit = keyOf('d.test', '10 a.test');
    expect(keyOf('a.test', 'NODATA')).toBe(explicit);
    expect(keyOf('d.test', '', { smarthost: { host: 'a.test', port: 25 } })).not.toBe(explicit);
    expect(keyOf('d.test', '10 a.test', { mxPort: 26 })).not.toBe(explicit);
  });

  it('is another where TLS comes at once, or LMTP is spoken', () => {
    const smarthost = { host: 'a.test', port: 465 };
    const keys = [{}, { tlsAtOnce: true }, { lmtp: true }].map((way) => keyOf('d.test', '', { smarthost: { ...smarthost, ...way } }));
    expect(new Set(keys).size).toBe(3);
    expect(keyOf('d.test', '', { smarthost: { ...smarthost, tlsAtOnce: false } })).toBe(keyOf('d.test', '', { smarthost }));
  });
});

describe('what is known of the hosts of a plan', () => {
  it.each<[string, string | undefined, boolean]>([
    ['mx1.test,mx2.test;backup.test 25', 'mx2.test', true],
    ['mx1.test,mx2.test;backup.test 25', 'backup.test', true],
    ['mx1.test,mx2.test;backup.test 25', 'x1.test', false],
    ['mx1.test 25', '25', false],
    ['mx1.test 25', undefined, false],
    ['192.0.2.1 25', '192.0.2.1', true],
    ['d.test', 'mx1.test', true],
    ['d.test', undefined, true],
    ['smart.test:587', undefined, true],
  ])('%j is learnt from what %j does: %j', (key, host, expected) => {
    expect(concerns(key, host)).toBe(expected);
  });

  it('has the names of all of them in its key', () => {
    const plan = rank('d.test', mxAnswer('20 b.test, 10 a.test, 10 C.test'), OPTIONS, steady);
    const key = plan.type === 'hosts' ? planKey(plan) : expect.fail(plan.type);
    for (const host of ['a.test', 'b.test', 'c.test']) expect(concerns(key, host)).toBe(true);
  });
});

describe('an explanation', () => {
  it('has a step with its clause for each answer and decision', () => {
    const zone = { MX: '5 localhost, 0 ., 10 a.test, 20 relay.test', 'a.test': '127.0.0.1 192.0.2.1 AAAA SERVFAIL' };
    expect(find('d.test', zone).steps.map(({ rule, clause, text }) => `${rule}, ${clause}: ${text}`)).toEqual([
      'name, RFC 5321 §2.3.5: domain d.test, as it is: nothing appended',
      'mx, RFC 5321 §5.1: MX of d.test: 5 localhost, 0 ., 10 a.test, 20 relay.test',
      'null-mx, RFC 7505 §3: null MX beside other MX records: not meant, left out',
      'exchange, RFC 5321 §5.1: localhost is not the name of a host: left out',
      'self, RFC 5321 §5.1: relay.test is this host: preference 20 and above are left out',
      'order, RFC 5321 §5.1: 10: a.test',
      'address, RFC 5321 §5.1: a.test: AAAA SERVFAIL, A 127.0.0.1 192.0.2.1',
      'filter, RFC 1122 §3.2.1.3: a.test [127.0.0.1]:25 is left out: loopback address',
    ]);
  });

  it.each<[Zone, string]>([
    [{ MX: '10 a.test, 20 b.test', 'a.test': 'NODATA', 'b.test': 'A SERVFAIL' }, 'temporary: 451 4.4.3 the DNS did not answer: b.test: AAAA none, A SERVFAIL'],
    [{ MX: '10 a.test, 20 b.test', 'a.test': 'NODATA' }, 'permanent: 550 5.4.4 no mail exchanger of the domain is usable: a.test: AAAA none, A none'],
    [{ MX: '10 a.test, 10 b.test', 'b.test': '192.0.2.99' }, 'permanent: 554 5.4.6 mail for the domain loops back to this host: b.test [192.0.2.99]:25 is this host'],
    [{ MX: '10 relay.test' }, 'permanent: 554 5.4.6 mail for the domain loops back to this host: relay.test is this host'],
    [{ MX: 'timeout' }, 'temporary: 451 4.4.3 the DNS did not answer: MX of d.test: no answer in time'],
    [{ MX: 'NXDOMAIN' }, 'permanent: 550 5.1.2 the domain does not exist: d.test'],
    [{ MX: '0 .' }, 'permanent: 556 5.1.10 the domain takes no mail: null MX: d.test'],
  ])('ends with the verdict and what decided it (%j)', (zone, text) => {
    expect(find('d.test', zone).steps.at(-1)?.text).toBe(text);
  });

  it('escapes what the DNS says', () => {
    const exchange = 'a\r\nb\x1b[31m.test';
    expect(find('d.test', { MX: `10 ${exchange}` }).steps.map(({ text }) => text).join('\n')).not.toMatch(/[\r\x1b]/);
  });
});

describe('the table of verdicts', () => {
  const ROUTING: readonly VerdictEvent[] = [
    'bad-domain', 'bad-literal', 'nxdomain', 'null-mx', 'no-address', 'no-usable-mx', 'forbidden-literal', 'dns-failure',
    'loops-back', 'better-mx-not-found', 'relay-not-found',
  ];

  it('has each of its rows for routing taken by a test above', () => {
    expect([...reached].sort()).toEqual([...ROUTING].sort());
  });

  it.each(Object.entries(OWN_VERDICTS))('%s: an enhanced code is of the class of its kind, but for what expired', (event, { kind, reply }) => {
    const classOfKind = kind === 'permanent' && event !== 'expired' ? 5 : 4;
    expect(Math.floor(reply.code / 100)).toBe(classOfKind);
    expect(reply.enhanced).toMatch(new RegExp(`^${classOfKind}\\.`));
  });
});
