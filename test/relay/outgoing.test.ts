import { describe, expect, it } from 'vitest';
import { groupByDestination, outgoingForwardPath, outgoingReversePath } from '../../src/relay/outgoing.ts';
import { parseServer } from '../../src/relay/next-hop.ts';
import type { NextHop } from '../../src/relay/next-hop.ts';
import { isFault } from '../../src/syntax/fault.ts';
import { parseForwardPath, parseReversePath, type ForwardPath, type ReversePath } from '../../src/syntax/path.ts';

function forward(text: string): ForwardPath {
  const path = parseForwardPath(text);
  if (isFault(path)) throw new Error(text);
  return path;
}

function reverse(text: string): ReversePath {
  const path = parseReversePath(text);
  if (isFault(path)) throw new Error(text);
  return path;
}

function hop(text: string): NextHop {
  const nextHop = parseServer(text);
  if (nextHop === undefined) throw new Error(text);
  return nextHop;
}

describe('an outgoing path', () => {
  it.each([
    ['<alice@a.test>', '<alice@a.test>'],
    ['<@x.test:alice@a.test>', '<alice@a.test>'],
    ['<@x.test,@y.test:"a b"@A.test>', '<"a b"@A.test>'],
  ])('%s goes out as %s: without its source route (RFC 5321 §3.6.1)', (text, out) => {
    expect(outgoingForwardPath(forward(text), 'mx.test')).toEqual(forward(out));
    expect(outgoingReversePath(reverse(text))).toEqual(reverse(out));
  });

  // shows RFC5321:4.5.5-4
  it('is itself where there is nothing to change', () => {
    const [to, from] = [forward('<bob@b.test>'), reverse('<>')];
    expect(outgoingForwardPath(to, 'mx.test')).toBe(to);
    expect(outgoingReversePath(from)).toBe(from);
  });

  it.each([
    ['<postmaster>', 'mx.test', '<postmaster@mx.test>'],
    ['<POSTMASTER>', 'mx.test', '<postmaster@mx.test>'],
    ['<Postmaster>', '[192.0.2.1]', '<postmaster@[192.0.2.1]>'],
    ['<Postmaster>', 'not a name', '<Postmaster>'],
  ])('%s on the host %s is %s (§4.5.1)', (text, hostname, out) => {
    expect(outgoingForwardPath(forward(text), hostname).text).toBe(out);
  });
});

describe('recipients are grouped (RFC 5321 §4.5.4.1)', () => {
  interface Routing {
    readonly routes?: Readonly<Record<string, string>>;
    readonly smarthost?: string;
  }

  /** The groups as `domain 0,2`. */
  function group(paths: readonly string[], { routes = {}, smarthost }: Routing = {}): readonly string[] {
    const table = new Map(Object.entries(routes).map(([domain, text]) => [domain, hop(text)]));
    const groups = groupByDestination(paths.map(forward), 'MX.test', { routes: table, ...(smarthost === undefined ? {} : { smarthost: hop(smarthost) }) });
    return groups.map(({ domain, recipients }) => `${domain} ${recipients.join()}`);
  }

  // shows RFC5321:4.5.4.1-14
  it('by domain, whatever its case, in the order in which domains appear', () => {
    expect(group(['<1@b.test>', '<2@c.test>', '<3@B.TEST>', '<4@b.test>'])).toEqual(['b.test 0,2,3', 'c.test 1']);
  });

  it('with those apart whose next hop speaks TLS at once, where it is asked for STARTTLS for others', () => {
    const routes = { 'b.test': 'hop.test:465', 'c.test': 'smtps://hop.test', 'd.test': 'submissions://HOP.test:465' };
    expect(group(['<1@b.test>', '<2@c.test>', '<3@d.test>'], { routes })).toEqual(['b.test 0', 'c.test 1,2']);
  });

  it('by the domain of the mailbox, not of a source route', () => {
    expect(group(['<@c.test:1@b.test>', '<2@b.test>'])).toEqual(['b.test 0,1']);
  });

  it('with a domain and the domains below it apart', () => {
    expect(group(['<1@b.test>', '<2@sub.b.test>'])).toEqual(['b.test 0', 'sub.b.test 1']);
  });

  it('with <postmaster> at this host', () => {
    expect(group(['<Postmaster>', '<1@mx.test>'])).toEqual(['mx.test 0,1']);
  });

  it('by address literal', () => {
    expect(group(['<1@[192.0.2.1]>', '<2@[192.0.2.1]>', '<3@[192.0.2.2]>'])).toEqual(['[192.0.2.1] 0,1', '[192.0.2.2] 2']);
  });

  it('by the next hop where one is configured, each port by itself', () => {
    const routes = { 'b.test': 'hop.test:25', 'c.test': 'HOP.test', 'd.test': 'hop.test:26' };
    expect(group(['<1@b.test>', '<2@c.test>', '<3@d.test>', '<4@e.test>'], { routes })).toEqual(['b.test 0,1', 'd.test 2', 'e.test 3']);
  });

  it('all together for a smarthost, but for domains with a route of their own', () => {
    expect(group(['<1@b.test>', '<2@c.test>', '<3@d.test>'], { routes: { 'c.test': 'hop.test' }, smarthost: 'smart.test' })).toEqual(['b.test 0,2', 'c.test 1']);
  });

  it('not at all where there are none', () => {
    expect(group([])).toEqual([]);
  });
});
