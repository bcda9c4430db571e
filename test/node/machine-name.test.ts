import { afterEach, describe, expect, it } from 'vitest';
import { connectTo } from '../../src/node/client.ts';
import { machineName } from '../../src/node/machine-name.ts';
import { relay, type RelayOptions } from '../../src/node/relay.ts';
import { replaceIn } from '../support/builtin.ts';
import { unusedPort } from '../support/scripted-server.ts';

/** What the system says of its own machine. */
const system = { hostname: '', address: '', full: '', interfaces: [] as readonly string[] | undefined, silent: false };

const networkInterfaces = (): object => {
  if (system.interfaces === undefined) throw new Error('A system error occurred: uv_interface_addresses returned Unknown system error 97');
  return { lo: [{ address: '127.0.0.1' }], eth0: system.interfaces.map((address) => ({ address })) };
};

replaceIn('node:os', { hostname: () => system.hostname, networkInterfaces });
replaceIn('node:dns/promises', {
  lookup: async () => (system.silent ? new Promise(() => undefined) : system.address === '' ? Promise.reject(new Error('ENOTFOUND')) : [{ address: system.address, family: 4 }]),
  lookupService: async (address: string) => (address === system.address ? { hostname: system.full, service: '' } : Promise.reject(new Error('ENOTFOUND'))),
});

const aborter = new AbortController();
aborter.abort();
const { signal: aborted } = aborter;

afterEach(() => Object.assign(system, { hostname: '', address: '', full: '', interfaces: [], silent: false }));

describe('the name of the machine (RFC 5321 §2.3.5, §4.1.4)', () => {
  // shows RFC5321:4.1.1.1-1 RFC5321:4.1.1.1-2 RFC5321:4.1.4-7 RFC5321:4.1.4-8 RFC5321:2.3.4-1 RFC5321:2.3.5-2 RFC5321:2.3.5-4 RFC5321:2.3.5-5
  it.each<[string, Partial<typeof system>, string]>([
    ['its host name where that is fully qualified', { hostname: 'mx.example.org', address: '192.0.2.1', full: 'other.example.org' }, 'mx.example.org'],
    ['its fully qualified name where the system knows it', { hostname: 'mx', address: '192.0.2.1', full: 'mx.example.org' }, 'mx.example.org'],
    ['the literal of an address where the system knows another name', { hostname: 'mx', address: '127.0.0.1', full: 'localhost', interfaces: ['fe80::1', '192.0.2.7', '192.0.2.8'] }, '[192.0.2.7]'],
    ['the literal of an address where the system does not know its name', { hostname: 'mx', interfaces: ['192.0.2.7'] }, '[192.0.2.7]'],
    ['a literal where it has a name that is none', { hostname: 'my_machine' }, '[127.0.0.1]'],
    ['a literal where it is called after an address, which has the form of a domain', { hostname: '192.0.2.9', address: '192.0.2.9', full: '192.0.2.9', interfaces: ['192.0.2.7'] }, '[192.0.2.7]'], // found by running
    ['a literal where it is called as machines are that nobody has given a name', { hostname: 'localhost.localdomain', interfaces: ['192.0.2.7'] }, '[192.0.2.7]'],
    ['a literal where its fully qualified name is such a one', { hostname: 'mx', address: '192.0.2.1', full: 'mx.localdomain', interfaces: ['192.0.2.7'] }, '[192.0.2.7]'],
    ['the literal of an IPv6 address where it has no other', { hostname: 'mx', interfaces: ['::1', 'fe80::1', '2001:db8::0:7'] }, '[IPv6:2001:db8::7]'], // found by running: it was [127.0.0.1]
    ['a literal where it has none that others know', { hostname: 'mx', interfaces: ['::1', 'fe80::1'] }, '[127.0.0.1]'],
    // found by running: a unit of systemd that restricts address families, and not to AF_NETLINK too, had serve and send end with status 70
    ['the literal of the address of its name where it may not ask for others', { hostname: 'mx', address: '192.0.2.7', full: 'localhost', interfaces: undefined }, '[192.0.2.7]'],
    ['a literal where it may not ask for others, and its name has none', { hostname: 'mx', interfaces: undefined }, '[127.0.0.1]'],
    ['a literal where it has none', { hostname: '' }, '[127.0.0.1]'],
  ])('is %s', async (_, facts, name) => {
    Object.assign(system, facts);
    expect(await machineName()).toBe(name);
  });

  // found by reading: whoever sent a mail by \`relay\`, and had aborted it, waited for the DNS
  it.each<[string, Parameters<typeof machineName>[0]]>([
    ['is to be had in a moment', { timeout: 1 }],
    ['nobody waits for any more', { signal: aborted }],
  ])('is a literal where the system does not say what it is called, and it %s', async (_, patience) => {
    Object.assign(system, { hostname: 'mx', interfaces: ['192.0.2.7'], silent: true });
    expect(await machineName(patience)).toBe('[192.0.2.7]');
  });

  it('is not waited for by a mail that is aborted, or by one any longer than for anything else', async () => {
    Object.assign(system, { hostname: 'mx', silent: true });
    const options: RelayOptions = { routing: { smarthost: { host: '127.0.0.1', port: await unusedPort() } } };
    const [left] = await relay('<>', 'bob@b.test', new Uint8Array(1), { ...options, closing: aborted });
    expect(left?.outcome).toMatchObject({ reason: 'aborted' });
    const [late] = await relay('<>', 'bob@b.test', new Uint8Array(1), { ...options, timeout: 1 });
    expect(late?.outcome).toMatchObject({ reason: 'no-connection' });
    for (const patience of [{ closing: aborted }, { timeout: 1 }]) {
      await using client = connectTo(`smtp://127.0.0.1:${await unusedPort()}`, patience);
      expect((await client.send({ from: '<>', to: 'bob@b.test', content: new Uint8Array(1) }))[0]?.outcome.state).toBe('deferred');
    }
  });
});
