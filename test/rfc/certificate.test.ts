// RFC 4954 §14: whom a certificate is taken to name.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { connect } from '../../src/node/connect.ts';
import { openConnection } from '../../src/node/sender.ts';
import { TlsClient } from '../../src/node/tls-client.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { forwardPath, reversePath } from '../support/path.ts';
import { listening } from '../support/listening.ts';
import { latin1 } from '../support/raw-peer.ts';
import { targetOf } from '../support/scripted-server.ts';

const { serve } = listening();
const [cert, key] = [readFileSync('fixtures/tls/wild.pem'), readFileSync('fixtures/tls/wild-key.pem')];

// Its dNSNames are first.test and *.wild.test, its common name is common.test.
// shows RFC4954:14-7 RFC4954:14-8 RFC4954:14-9 RFC4954:14-10
it.each([
  ['first.test', true],
  ['FIRST.Test', true],
  ['a.wild.test', true],
  ['A.WILD.TEST', true],
  ['wild.test', false],
  ['a.b.wild.test', false],
  ['common.test', false],
  ['first.test.evil.test', false],
])('a certificate that names first.test and *.wild.test is good for %s: %j', async (serverName, good) => {
  const server = await serve({ tls: new TlsServer({ cert, key }) });
  const connection = await openConnection(() => connect(targetOf(server.port)), { hostname: 'client.test', timeout: 5_000, serverName, tlsPolicy: 'verify', tls: new TlsClient({ ca: cert }) });
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield latin1('Hello\r\n');
  };
  const [outcome] = await connection.send({ reversePath: reversePath('<>'), content }, [forwardPath('<bob@b.test>')]);
  await connection.quit();
  expect(outcome).toMatchObject(good ? { state: 'delivered' } : { state: 'deferred', reason: 'tls-not-verified' });
});
