import { describe, expect, it } from 'vitest';
import { hostKey } from '../../src/relay/host-name.ts';
import { findRoute, formatNextHop, parseNextHop, parseRoute, parseServer } from '../../src/relay/next-hop.ts';

describe('a next hop', () => {
  it.each([
    ['mx.example.org', 'mx.example.org', 25],
    ['MX.Example.Org:2525', 'mx.example.org', 2525],
    ['localhost:26', 'localhost', 26],
    ['[mx.example.org]:587', 'mx.example.org', 587],
    ['192.0.2.1', '192.0.2.1', 25],
    ['[192.0.2.1]:2525', '192.0.2.1', 2525],
    ['[2001:DB8:0:0::1]', '2001:db8::1', 25],
    ['[IPv6:2001:db8::1]:2525', '2001:db8::1', 2525],
  ])('%s is %s, port %i', (text, host, port) => {
    expect(parseNextHop(text)).toEqual({ host, port });
    expect(parseNextHop(formatNextHop({ host, port }))).toEqual({ host, port });
  });

  it.each(['', ':25', 'mx.example.org:', 'mx.example.org:0', 'mx.example.org:65536', 'mx.example.org:smtp', '2001:db8::1', '2001:db8::1:25', '[]:25', '[mx:25', 'mx..org', '-mx.org', '192.0.2.256', 'a b', 'a@b'])(
    '%j is none',
    (text) => {
      expect(parseNextHop(text)).toBeUndefined();
    },
  );

  it('has port 25 unless another default is asked for', () => {
    expect(parseNextHop('mx.example.org', 587)).toEqual({ host: 'mx.example.org', port: 587 });
  });
});

describe('a server, perhaps behind a scheme', () => {
  it.each([
    ['mx.example.org', { host: 'mx.example.org', port: 25 }],
    ['mx.example.org:465', { host: 'mx.example.org', port: 465 }], // what is asked for, whatever the port
    ['smtp://mx.example.org', { host: 'mx.example.org', port: 25 }],
    ['smtp://mx.example.org:587/', { host: 'mx.example.org', port: 587 }],
    ['submission://MX.example.org', { host: 'mx.example.org', port: 587 }],
    ['smtps://mx.example.org', { host: 'mx.example.org', port: 465, tlsAtOnce: true }],
    ['smtps://[2001:db8::1]:2465', { host: '2001:db8::1', port: 2465, tlsAtOnce: true }],
    ['submissions://192.0.2.1/', { host: '192.0.2.1', port: 465, tlsAtOnce: true }],
    ['lmtp://mx.example.org', { host: 'mx.example.org', port: 24, lmtp: true }],
  ])('%s', (text, server) => {
    expect(parseServer(text)).toEqual(server);
    expect(parseServer(formatNextHop(server))).toEqual(server);
  });

  it.each([
    '', 'smtps:', 'smtps://', 'smtps:mx.example.org', 'smtps:/mx.example.org', 'SMTPS://mx.example.org', 'smtpss://mx.example.org', 'constructor://mx.example.org', 'https://mx.example.org',
    'smtps://mx.example.org/inbox', 'smtps://mx.example.org//', 'smtps://mx.example.org?verify', 'smtps://alice@mx.example.org', 'smtps://alice:secret@mx.example.org:465', 'smtps://smtps://mx.example.org',
    'smtps://mx.example.org:0', 'smtps://mx.example.org:465x', ' smtps://mx.example.org',
    'smtps://mx.example.org:25', 'smtps://mx.example.org:587', 'submissions://mx.example.org:587', 'lmtp://mx.example.org:25', // where STARTTLS, or no LMTP, is spoken
  ])('%j is none', (text) => {
    expect(parseServer(text)).toBeUndefined();
  });
});

describe('the route map', () => {
  const routes = new Map(
    ['example.org=a', '.example.org=b', '.mail.example.org=c', '.org=d'].map((text) => {
      const entry = parseRoute(text);
      if (entry === undefined) throw new Error(text);
      return [entry.domain, entry.nextHop];
    }),
  );

  it.each([
    ['example.org', 'a'],
    ['www.example.org', 'b'],
    ['x.mail.example.org', 'c'],
    ['mail.example.org', 'b'],
    ['other.org', 'd'],
    ['example.com', undefined],
    ['org', undefined],
  ])('takes the nearest entry: %s goes to %s', (domain, host) => {
    expect(findRoute(routes, domain)?.host).toBe(host);
  });

  it('has TLS at once for a domain, or LMTP', () => {
    expect(parseRoute('example.org=smtps://hub.test')).toEqual({ domain: 'example.org', nextHop: { host: 'hub.test', port: 465, tlsAtOnce: true } });
    expect(parseRoute('example.org=lmtp://store.test')).toEqual({ domain: 'example.org', nextHop: { host: 'store.test', port: 24, lmtp: true } });
  });

  it('sends all else where * says', () => {
    const everything = new Map([...routes, ['*', { host: 'z', port: 25 }] as const]);
    expect(findRoute(everything, 'example.com')?.host).toBe('z');
    expect(findRoute(everything, 'example.org')?.host).toBe('a');
  });

  it.each(['example.org', '=a', 'example.org=', '.=a', '*.example.org=a', 'a..b=c', '192.0.2.1=a'])('%j is no entry', (text) => {
    expect(parseRoute(text)).toBeUndefined();
  });
});

describe('a host name', () => {
  const label = 'a'.repeat(63);
  it.each([
    ['Example.ORG', 'example.org'],
    ['example.org.', 'example.org'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['_mx_1.example.org', '_mx_1.example.org'],
    ['3com.com', '3com.com'],
    ['mx.site2', 'mx.site2'],
    [`${label}.org`, `${label}.org`],
    [`${label}.${label}.${label}.${'a'.repeat(61)}`, `${label}.${label}.${label}.${'a'.repeat(61)}`],
  ])('%s has the key %s', (text, key) => {
    expect(hostKey(text)).toBe(key);
  });

  it.each(['', '.', 'a..b', '.a', 'a..', '-a.org', 'a-.org', 'a b', 'bücher.example', '192.0.2.1', 'a.1', '2001:db8::1', `${label}a.org`, `${label}.${label}.${label}.${'a'.repeat(62)}`, 'a\0b'])(
    '%j is none',
    (text) => {
      expect(hostKey(text)).toBeUndefined();
    },
  );
});
