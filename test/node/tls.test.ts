import { describe, expect, it } from 'vitest';
import type { SessionFacts } from '../../src/node/hook.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { accept } from '../../src/protocol/server/verdict.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { listening } from '../support/listening.ts';
import { latin1, RawPeer } from '../support/raw-peer.ts';
import { certificate, shakeHands, startTls } from '../support/tls-peer.ts';
import { pair } from '../support/duplex-pair.ts';
import { turns, until } from '../support/turn.ts';

const { errors, serve, connect, greeted } = listening();
const tls = certificate('mx');

/** The facts as they are when the hook is asked. */
function snapshots(): { readonly facts: SessionFacts[]; readonly note: (asked: { readonly session: SessionFacts }) => undefined } {
  const facts: SessionFacts[] = [];
  return { facts, note: ({ session }) => void facts.push({ ...session }) };
}

describe('STARTTLS (RFC 3207)', () => {
  it('waits for no handshake where the server closes', async () => {
    const server = await serve({ tls: certificate('mx') });
    const peer = await greeted(server);
    expect(await peer.command('STARTTLS')).toMatch(/^220 /);
    const closed = server.close();
    expect(server.sessions).toBe(0);
    await closed;
    expect(await peer.rest()).toBe('');
  });

  // shows RFC3207:3-1
  it('is announced where there is a certificate, and not any more under TLS (§4.2)', async () => {
    const server = await serve({ tls });
    const peer = await connect(server);
    await peer.reply();
    expect(await peer.command('EHLO client.test')).toMatch(/^250.STARTTLS\r$/m);
    const secured = await startTls(peer);
    expect(await secured.command('EHLO client.test')).not.toMatch(/STARTTLS/);
    expect(await secured.command('STARTTLS')).toMatch(/^503 /);
    expect(await (await greeted(await serve())).command('STARTTLS')).toMatch(/^50[23] /);
  });

  // shows RFC3207:4.2-6
  it('takes a mail, of which the hooks learn that TLS is at work', async () => {
    const { facts, note } = snapshots();
    const server = await serve({ tls }, { mail: note });
    const peer = await startTls(await greeted(server), { servername: 'mx.test' });
    await peer.command('EHLO client.test');
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toMatch(/^250/);
    expect(facts).toMatchObject([{ protocol: 'ESMTPS', tls: { version: 'TLSv1.3', serverName: 'mx.test', authorized: false, certificate: undefined } }]);
    expect(facts[0]?.tls?.cipher).toMatch(/^TLS_/);
    expect(facts[0]?.client.address).toBe('127.0.0.1');
    await peer.command('RCPT TO:<bob@b.test>');
    await peer.command('DATA');
    expect(await peer.command('Subject: hi\r\n\r\ntext\r\n.')).toMatch(/^250/);
    expect(await peer.command('QUIT')).toMatch(/^221/);
    expect(await peer.rest()).toBe('');
  });

  it('forgets what was said before it: the client says EHLO again (§4.2)', async () => {
    const { facts, note } = snapshots();
    const server = await serve({ tls }, { helo: note });
    const peer = await startTls(await greeted(server));
    expect(await peer.command('MAIL FROM:<alice@a.test>')).toMatch(/^503 /);
    await peer.command('EHLO another.test');
    expect(facts.map(({ helo }) => helo)).toEqual([undefined, undefined]);
    expect(await peer.command('RCPT TO:<bob@b.test>')).toMatch(/^503 /);
  });

  it.each(['NOOP\r\n', 'MAIL FROM:<eve@evil.test>\r\n', 'QUIT\r\n', 'EHLO evil.test\r\nMAIL FROM:<eve@evil.test>\r\n'])('never runs %j that came behind it in the same segment (§5)', async (behind) => {
    const { facts, note } = snapshots();
    const server = await serve({ tls }, { mail: note });
    const peer = await greeted(server);
    peer.say(`STARTTLS\r\n${behind}`);
    expect(await peer.reply()).toMatch(/^220 /);
    const secured = await shakeHands(peer);
    expect(await secured.command('EHLO client.test')).toMatch(/^250-mx\.test/);
    expect(await secured.command('MAIL FROM:<alice@a.test>')).toMatch(/^250/);
    expect(secured.heard + peer.heard).toBe('');
    expect(facts).toHaveLength(1);
  });

  it.each(['EHLO plain.test\r\n', 'x'.repeat(3_000), '\x16\x03\x01\x00\x05hello', ''])('followed by %j in place of a handshake ends the connection without a word', async (said) => {
    const server = await serve({ tls });
    const peer = await greeted(server);
    await peer.command('STARTTLS');
    peer.say(said);
    if (said === '') peer.end();
    expect(await peer.rest()).not.toMatch(/^\d{3}/m);
    await until(() => server.sessions === 0);
    expect(errors).toEqual([]);
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('whose client breaks off as soon as its handshake is done is a session that has ended, and no more', async () => {
    const server = await serve({ tls });
    const raw = await greeted(server);
    await raw.command('STARTTLS');
    raw.socket.removeAllListeners('data');
    // One of the client's flights and rubbish in one segment: done and broken in one read.
    const [near, far] = pair();
    let flights = 0;
    far.on('data', (octets) => void raw.say(++flights === 2 ? concat([octets, encodeAscii('rubbish that is no record')]) : octets));
    raw.socket.on('data', (octets) => void far.write(octets));
    raw.socket.on('end', () => far.destroy());
    await shakeHands(new RawPeer(near as never)).catch(() => undefined); // the one cast: a stream that has all that a client needs
    await until(() => server.sessions === 0);
    expect(flights).toBe(2);
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('gets 454 while the certificates are withdrawn, and is done again when there are others (§4)', async () => {
    const certificates = new TlsServer(certificate('mx'));
    const server = await serve({ tls: certificates });
    certificates.withdraw();
    const early = await greeted(server);
    expect(await early.command('STARTTLS')).toMatch(/^454 4\.7\.0 /);
    expect(await early.command('NOOP')).toMatch(/^250 /);
    certificates.reload(certificate('other'));
    const peer = await startTls(await greeted(server));
    expect(await peer.command('EHLO client.test')).toMatch(/^250/);
  });

  it('ends without a word where no handshake comes in time', async () => {
    const server = await serve({ tls, timeout: 30 });
    const peer = await greeted(server);
    await peer.command('STARTTLS');
    expect(await peer.rest()).toBe('');
    expect(errors).toEqual([]);
  });

  it('is cut with the server when its handshake never comes', async () => {
    const server = await serve({ tls });
    const peer = await greeted(server);
    await peer.command('STARTTLS');
    await server.close(60_000); // at once all the same: nothing is in hand
    expect(await peer.rest()).toBe('');
  });
});

describe('TLS at once (RFC 8314 §3)', () => {
  it('says the banner under TLS, and announces no STARTTLS', async () => {
    const { facts, note } = snapshots();
    const server = await serve({ tls, tlsAtOnce: true }, { client: note });
    const peer = await shakeHands(await connect(server), { servername: 'mx.test' });
    expect(await peer.reply()).toMatch(/^220 mx\.test/);
    expect(await peer.command('EHLO client.test')).not.toMatch(/STARTTLS/);
    expect(facts).toMatchObject([{ tls: { version: 'TLSv1.3', serverName: 'mx.test' } }]);
  });

  it('closes on a client that speaks in the clear, and goes on with others', async () => {
    const server = await serve({ tls, tlsAtOnce: true });
    const plain = await connect(server);
    plain.say('EHLO client.test\r\n');
    expect(await plain.rest()).not.toMatch(/220|250/);
    expect(await (await shakeHands(await connect(server))).reply()).toMatch(/^220/);
    expect(errors).toEqual([]);
  });

  // found by reading: the banner was said under the certificate that had been withdrawn
  it('is closed without a word while the certificates are withdrawn, and is done again when there are others', async () => {
    const certificates = new TlsServer(tls);
    const server = await serve({ tls: certificates, tlsAtOnce: true });
    certificates.withdraw();
    await expect(shakeHands(await connect(server))).rejects.toThrow();
    certificates.reload(certificate('other'));
    expect(await (await shakeHands(await connect(server))).reply()).toMatch(/^220/);
    expect(errors).toEqual([]);
  });

  it('is spoken to a server of the plain port: it is not understood, and the server goes on', async () => {
    const server = await serve();
    await expect(shakeHands(await connect(server))).rejects.toThrow();
    expect(await (await connect(server)).reply()).toMatch(/^220/);
  });

  it('is not held up at the end of the server by a client that never shakes hands', async () => {
    const server = await serve({ tls, tlsAtOnce: true });
    const peer = await connect(server);
    await turns(5);
    await server.close();
    expect(await peer.rest()).toBe('');
  });

  it('is over before its session when the client has gone in the handshake', async () => {
    const server = await serve({ tls, tlsAtOnce: true, maxConnections: 1 });
    const peer = await connect(server);
    peer.reset();
    for (;;) {
      const next = await shakeHands(await connect(server)).catch(() => undefined);
      if (next !== undefined) break; // the one place is free again
    }
  });
});

describe.each([false, true])('TLS (at once: %s)', (tlsAtOnce) => {
  const open = async (server: Awaited<ReturnType<typeof serve>>, options: Parameters<typeof shakeHands>[1] = {}): ReturnType<typeof shakeHands> => {
    const peer = tlsAtOnce ? await shakeHands(await connect(server), options) : await startTls(await greeted(server), options);
    if (tlsAtOnce) await peer.reply();
    return peer;
  };

  it.each(['TLSv1', 'TLSv1.1'])('refuses %s (RFC 8996)', async (version) => {
    const server = await serve({ tls, tlsAtOnce });
    await expect(open(server, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow();
    const peer = await open(server, { maxVersion: 'TLSv1.2' });
    expect(peer.tls.getProtocol()).toBe('TLSv1.2');
  });

  it('shows the certificate of the name that the client asks for, and its own to all others', async () => {
    const server = await serve({ tls: { ...tls, names: { 'Other.test': certificate('other') } }, tlsAtOnce });
    for (const [servername, shown] of [['other.test', 'other.test'], ['OTHER.TEST', 'other.test'], ['mx.test', 'mx.test'], ['absent.test', 'mx.test']] as const) {
      const peer = await open(server, { servername });
      expect(peer.tls.getPeerCertificate().subject.CN).toBe(shown);
    }
  });

  it('shows another certificate after it was reloaded, to the connections to come', async () => {
    const own = new TlsServer(tls);
    const server = await serve({ tls: own, tlsAtOnce });
    const before = await open(server);
    own.reload(certificate('other'));
    expect((await open(server)).tls.getPeerCertificate().subject.CN).toBe('other.test');
    expect(() => own.reload({ ...tls, key: certificate('other').key })).toThrow(UsageError);
    expect((await open(server)).tls.getPeerCertificate().subject.CN).toBe('other.test');
    expect(await before.command('NOOP')).toMatch(/^250/);
  });

  describe('that asks for a client certificate', () => {
    const asking = { tls: { ...tls, ca: certificate('client').cert, requestCert: true }, tlsAtOnce };
    const factsOf = async (options: Parameters<typeof shakeHands>[1][]): Promise<(SessionFacts['tls'] | undefined)[]> => {
      const { facts, note } = snapshots();
      const server = await serve(asking, { helo: note });
      for (const each of options) await (await open(server, each)).command('EHLO client.test');
      return facts.map((fact) => fact.tls).filter((fact) => fact !== undefined);
    };

    it('tells a good one from a bad one and from none', async () => {
      const facts = await factsOf([certificate('client'), certificate('other'), {}]);
      expect(facts).toMatchObject([
        { authorized: true, certificate: { commonName: 'client.test' } },
        { authorized: false, certificate: { commonName: 'other.test' } },
        { authorized: false, certificate: undefined },
      ]);
      expect(facts[0]?.certificate?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    });

    it.each([['with', certificate('client'), true], ['without', {}, false]] as const)('takes up again the session of a client %s one, which is what it was', async (_, given, authorized) => {
      const { facts, note } = snapshots();
      const server = await serve(asking, { helo: note });
      const first = await open(server, given);
      await first.command('EHLO client.test');
      const second = await open(server, { ...given, session: await first.ticket });
      await second.command('EHLO client.test');
      expect(facts.at(-1)?.tls).toMatchObject({ authorized });
    });
  });
});

describe('a TlsServer', () => {
  it.each([
    ['a key that belongs to another certificate', { ...tls, key: certificate('other').key }],
    ['a certificate that is none', { ...tls, cert: 'no certificate' }],
    ['a certificate for a name that is none', { ...tls, names: { 'a.test': { cert: '', key: 'x' } } }],
  ])('throws UsageError for %s, and shows no key', (_, options) => {
    expect(() => new TlsServer(options)).toThrow(UsageError);
    expect(() => new TlsServer(options)).toThrow(/^the TLS certificate and key cannot be used: (?!.*error:)/);
  });

  it('is needed for TLS at once', async () => {
    await expect(serve({ tlsAtOnce: true })).rejects.toThrow(new UsageError('tlsAtOnce needs tls, with a certificate and a key'));
  });

  it('serves a pair of streams as it serves sockets', async () => {
    const server = await serve({ tls, tlsAtOnce: true }, { message: () => accept() });
    const [near, far] = pair();
    server.accept(far);
    const peer = await shakeHands(new RawPeer(near as never)); // the one cast: as above
    expect(await peer.reply()).toMatch(/^220/);
    peer.say(latin1('QUIT\r\n'));
    expect(await peer.reply()).toMatch(/^221/);
  });

  it('ends at once over a stream that has closed meanwhile, on both sides', async () => {
    const [near, far] = pair();
    for (const stream of [near, far]) stream.destroy();
    await expect(new TlsServer(tls).secure(far).done).rejects.toThrow('the connection was closed in the handshake');
    const settled = await new Promise((resolve) => new TlsClient().secure(near, 'mx.test', resolve));
    expect(settled).toEqual(new Error('the connection was closed'));
  });
});
