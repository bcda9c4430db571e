import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/node/connect.ts';
import { parsed } from '../../src/node/given-path.ts';
import { TlsServer } from '../../src/node/tls.ts';
import { parseForwardPath, parseReversePath } from '../../src/syntax/path.ts';
import { latin1, RawPeer } from '../support/raw-peer.ts';
import { targetOf } from '../support/scripted-server.ts';
import { send } from '../support/send.ts';
import { certificate } from '../support/tls-peer.ts';

const LINE = `${'x'.repeat(62)}\r\n`;
const BLOCK = latin1(LINE.repeat(1_024));

describe('a server that refuses a mail in the middle of its content, and closes', () => {
  it.each([
    ['552 5.3.4 too much', 'failed 552', false],
    ['452 4.3.1 no room', 'deferred 452', false],
    ['421 4.3.2 closing', 'deferred 421', false],
    ['552 5.3.4 too much', 'failed 552', true],
  ])('is read before the socket on which we write is given up: %s, %s, TLS %s', async (says, outcome, tlsAtOnce) => {
    let peer: RawPeer | undefined;
    let connection: RawPeer['socket'] | undefined;
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      connection = socket;
      peer = new RawPeer(tlsAtOnce ? (new TlsServer(certificate('mx')).secure(socket).socket as never) : socket); // speaks and hears as it does
      void play(peer);
    });
    const play = async (client: RawPeer): Promise<void> => {
      client.say('220 mx.test\r\n');
      for (const reply of ['250 mx.test', '250 ok', '250 ok', '354 go']) {
        await client.hear(/^.*\r\n/);
        client.say(`${reply}\r\n`);
      }
    };
    await new Promise<void>((resolve) => {
      listener.on('listening', resolve);
      listener.listen({ host: '127.0.0.1', port: 0 });
    });
    const address = listener.address();
    const port = address !== null && typeof address !== 'string' ? address.port : 0;
    const mail = {
      reversePath: parsed('alice@a.test', parseReversePath),
      async *content(): AsyncGenerator<Uint8Array, void> {
        yield BLOCK;
        peer?.say(`${says}\r\n`);
        connection?.resetAndDestroy(); // in the same turn as what is written next
        yield BLOCK;
        yield BLOCK;
      },
    };
    const [result] = await send(await connect(targetOf(port)), mail, [parsed('bob@b.test', parseForwardPath)], { hostname: 'client.test', timeout: 5_000, tlsAtOnce });
    expect(`${result?.state} ${result?.reply.code}`).toBe(outcome);
    await new Promise<void>((resolve) => listener.close(resolve));
  });
});
