// What a submission server must do (RFC 6409 §4), and should say of TLS (RFC 8314 §4.3).

import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { connectTo } from '../../src/node/client.ts';
import { Users } from '../../src/node/credential.ts';
import { Resolver } from '../../src/node/resolve.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { TransferAgent } from '../../src/node/transfer-agent.ts';
import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { cheapCredential } from '../support/cheap-credential.ts';
import { MemoryQueue } from '../support/memory-queue.ts';
import { latin1 } from '../support/raw-peer.ts';

const [cert, key] = ['fixtures/tls/mx.pem', 'fixtures/tls/mx-key.pem'].map((name) => readFileSync(name)) as [Uint8Array, Uint8Array];

let agent: TransferAgent | undefined;
let queue: MemoryQueue;
afterEach(() => agent?.close(0));

/** What becomes of a mail that an authenticated client hands in. */
async function submit(from: string, to: string, submission = true): Promise<string> {
  const users = new Users(new Map([['alice', await cheapCredential('scram-sha-256', 'open sesame')]]));
  agent = new TransferAgent({
    hostname: 'relay',
    queue: (queue = new MemoryQueue()),
    tls: new TlsServer({ cert, key }),
    admission: { accept: new Set(['ours']), relayFrom: [] },
    routing: { routes: new Map([['next', { host: '127.0.0.1', port: 1 }]]), mxPort: 1, allowPrivateTargets: false },
    resolver: new Resolver({ servers: ['127.0.0.1:1'], timeout: 50 }),
    users: () => users,
    log: () => undefined,
  });
  const server = await agent.listen({ place: { host: '127.0.0.1', port: 0 }, submission });
  const client = connectTo(`smtp://127.0.0.1:${server.port}`, { auth: { secret: { type: 'password', authcid: 'alice', password: 'open sesame' } } });
  const outcomes = await client.send({ from, to, content: latin1('Hello\r\n') });
  await client.close();
  return outcomes.map(({ outcome: { state, reply: { code, enhanced } } }) => `${state} ${code} ${enhanced}`).join();
}

it.each([
  ['alice@a.test', 'bob@b.test', 'delivered 250 2.0.0'],
  ['', 'bob@[192.0.2.1]', 'delivered 250 2.0.0'], // §3.2: MUST NOT be refused for a null reverse-path
  ['alice@ours', 'bob@next', 'delivered 250 2.0.0'], // the operator has named them
  ['alice@relay', 'postmaster', 'delivered 250 2.0.0'],
  ['alice@sales', 'bob@b.test', 'failed 554 5.1.8'],
  ['alice@a.test', 'bob@sales', 'failed 554 5.1.2'],
])('all domains of an envelope are fully qualified, from %j to %j (§4.2): %s', async (from, to, expected) => {
  expect(await submit(from, to)).toBe(expected);
});

it('a relay leaves that to who submits', async () => {
  expect(await submit('alice@sales', 'bob@marketing', false)).toBe('delivered 250 2.0.0');
});

it('the Received field names the cipher suite', async () => {
  await submit('alice@a.test', 'bob@b.test');
  const pieces: Uint8Array[] = [];
  const [mail] = queue.mails();
  for await (const octets of queue.content(mail?.id ?? '')) pieces.push(octets);
  expect(decodeLatin1(concat(pieces))).toMatch(/^Received: from [^]*\swith ESMTPSA\s+id \S+\s+for <bob@b\.test>\s+tls TLS_[A-Z0-9_]+;/);
});
