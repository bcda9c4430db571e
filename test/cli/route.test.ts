import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { route } from '../../src/cli/route.ts';
import { parseRouteRecord, replayRoute } from '../../src/relay/route-record.ts';
import { startDnsServer, type DnsServer } from '../support/dns-server.mjs';

let dns: DnsServer;
beforeAll(async () => {
  dns = await startDnsServer({
    'd.test': { MX: [[10, 'mx1.test'], [20, 'relay.test']] },
    'mx1.test': { A: ['192.0.2.1', '10.0.0.1'], AAAA: ['2001:db8::1'] },
    'equal.test': { MX: [[10, 'mx1.test'], [10, 'hop.test'], [10, 'broken.test'], [10, 'nowhere.test']] },
    'null.test': { MX: [[0, '.']] },
    'broken.test': 'SERVFAIL',
    'hop.test': { A: ['10.0.0.1'] },
  });
});
afterAll(() => dns.close());

async function run(...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let out = '';
  let err = '';
  const status = await route(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { status, out, err };
}

const asked = (...args: readonly string[]): ReturnType<typeof run> => run(...args, '--resolver', dns.address, '--hostname', 'relay.test');

describe('ehlo route', () => {
  it('prints each answer, each rule with its clause, and the plan', async () => {
    const { out, ...rest } = await asked('alice@d.test');
    expect(rest).toEqual({ status: 0, err: '' });
    expect(out.replace(/(seed) \d+$/m, '$1 N')).toBe(
      [
        'given    domain             d.test',
        'given    own name           relay.test',
        'given    MX port            25',
        'given    private targets    left out',
        'given    shuffle            seed N',
        'name     RFC 5321 §2.3.5    domain d.test, as it is: nothing appended',
        'mx       RFC 5321 §5.1      MX of d.test: 10 mx1.test, 20 relay.test',
        'self     RFC 5321 §5.1      relay.test is this host: preference 20 and above are left out',
        'order    RFC 5321 §5.1      10: mx1.test',
        'address  RFC 5321 §5.1      mx1.test: AAAA 2001:db8::1, A 192.0.2.1 10.0.0.1',
        'filter   RFC 1918 §3        mx1.test [10.0.0.1]:25 is left out: private address',
        'plan     1 of 2             mx1.test [2001:db8::1]:25, preference 10',
        'plan     2 of 2             mx1.test [192.0.2.1]:25, preference 10',
        '',
      ].join('\n'),
    );
  });

  it.each([['alice@d.test'], ['alice@equal.test'], ['alice@null.test'], ['alice@broken.test'], ['alice@[192.0.2.1]'], ['a@bücher.test'], ['a@d.test', '--mx-port', '2526', '--allow-private-targets'], ['a@d.test', '--smarthost', 'hop.test:2525'], ['a@d.test', '--route', 'd.test=[2001:db8::7]:26', '--route', '*=hop.test']])('of %s prints what leads to the same route again', async (...args) => {
    const { out } = await asked(...args);
    const record = parseRouteRecord(out);
    if (typeof record === 'string') return expect.fail(record);
    expect(`${replayRoute(record).join('\n')}\n`).toBe(out);
  });

  it.each(['postmaster', '<Postmaster>'])('asks for this host where the address is %s alone (RFC 5321 §4.1.1.3)', async (address) => {
    const { out } = await run(address, '--resolver', dns.address, '--hostname', 'd.test');
    expect(out).toContain('given    domain             d.test\n');
    expect(out).toContain('MX of d.test: 10 mx1.test, 20 relay.test\n');
  });

  it('ends with 69 for a permanent verdict', async () => {
    const { status, out } = await asked('<alice@null.test>');
    expect(status).toBe(69);
    expect(out).toContain('verdict  RFC 7505 §4.1      permanent: 556 5.1.10 the domain takes no mail: null MX: null.test\n');
  });

  it('ends with 75 for a temporary one', async () => {
    const { status, out } = await asked('alice@broken.test');
    expect(status).toBe(75);
    expect(out).toContain('verdict  RFC 5321 §5.1      temporary: 451 4.4.3 ');
  });

  it('takes the options that decide where mail goes', async () => {
    const plan = async (...args: readonly string[]): Promise<readonly string[]> => (await asked('a@d.test', ...args)).out.split('\n').filter((line) => line.startsWith('plan'));
    expect(await plan('--mx-port', '2526')).toEqual(['plan     1 of 2             mx1.test [2001:db8::1]:2526, preference 10', 'plan     2 of 2             mx1.test [192.0.2.1]:2526, preference 10']);
    expect(await plan('--allow-private-targets')).toHaveLength(3);
    expect(await plan('--smarthost', 'hop.test:2525')).toEqual(['plan     1 of 1             hop.test [10.0.0.1]:2525, preference 0']);
    expect(await plan('--route', 'd.test=192.0.2.7', '--smarthost', 'hop.test')).toEqual(['plan     1 of 1             [192.0.2.7]:25, preference 0']);
    expect(await plan('--smarthost', 'smtps://hop.test')).toEqual(['plan     1 of 1             hop.test [10.0.0.1]:465, TLS at once, preference 0']);
    expect((await asked('a@d.test', '--smarthost', 'smtps://hop.test')).out).toContain('d.test goes to hop.test port 465, TLS at once, by configuration: no MX\n');
    expect(await plan('--route', 'e.test=192.0.2.7')).toHaveLength(2);
  });

  it('takes quoted local parts, literals and U-labels', async () => {
    expect((await asked('"a@b"@d.test')).status).toBe(0);
    expect((await asked('a@[192.0.2.1]')).out).toContain('plan     1 of 1             [192.0.2.1]:25');
    expect((await asked('a@bücher.test')).out).toContain('MX of xn--bcher-kva.test: NXDOMAIN\n');
  });

  it.each([
    [['d.test'], 'ehlo route: "d.test": expected "@" at character 6, found the end (RFC 5321 §4.1.2 Mailbox)\n'],
    [[], 'ehlo route: expected ADDRESS, found nothing\n'],
    [['b\ufffdb@b.test'], 'ehlo route: "b\ufffdb@b.test": expected UTF-8\n'], // Node's reading of \xff
    [['a@b.test', '--mx-port', '0'], 'ehlo route: --mx-port "0": expected an integer from 1 to 65535\n'],
    [['a@b.test', '--resolver', 'ns.test'], 'ehlo route: --resolver "ns.test": expected the address of a DNS server, such as 192.0.2.1, 127.0.0.1:5353 or [2001:db8::1]:53\n'],
    [['a@b.test', '--smarthost', '2001:db8::1'], 'ehlo route: --smarthost "2001:db8::1": expected HOST:PORT, such as mx.example.org:25, 192.0.2.1:25 or [2001:db8::1]:25, perhaps behind smtp://, smtps:// (TLS at once, not on port 25 or 587) or lmtp:// (not on port 25)\n'],
    [['a@b.test', '--route', 'd.test'], 'ehlo route: --route "d.test": expected DOMAIN=HOST:PORT, DOMAIN=smtps://HOST:PORT (TLS at once, not on port 25 or 587) or DOMAIN=lmtp://HOST:PORT (not on port 25), where DOMAIN, as xn--… where it is not ASCII, may also be .DOMAIN for all that is below it, or *\n'],
    [['a@b.test', '--hostname', 'a b'], 'ehlo route: --hostname "a b": expected a domain such as mx.example.org, or an address literal such as [192.0.2.1]\n'],
  ])('%j is misuse: one line and status 64', async (args, err) => {
    expect(await run(...args)).toEqual({ status: 64, out: '', err });
  });

  it('prints its help', async () => {
    const { status, out, err } = await run('--help');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^usage: ehlo route \[OPTION\]… ADDRESS\n/);
  });
});
