// What a relay remembers of a server that has refused, and what it does not (RFC 5321 §4.5.4.1).

import { expect, it } from 'vitest';
import { RelayHost } from '../support/relay-host.ts';
import { FAREWELL, GREETING, startScriptedServer, taking } from '../support/scripted-server.ts';
import { until } from '../support/turn.ts';

// shows RFC5321:4.5.4.1-12 RFC5321:4.5.4.1-13
it.each(['MAIL', 'RCPT'])('a 5yz to %s is about that mail, and the next one is tried', async (verb) => {
  const refusal = verb === 'MAIL' ? ['C: MAIL', 'S: 550 5.7.1 not from you'] : ['C: MAIL', 'S: 250 ok', 'C: RCPT', 'S: 550 5.1.1 no such user'];
  await using next = await startScriptedServer([...GREETING, ...refusal, ...FAREWELL], taking());
  await using host = await RelayHost.start(next.port);
  await host.submit('<>', ['<bob@b.test>'], 'first\r\n');
  await until(() => host.events.includes('done') && next.idle);
  await host.submit('<>', ['<bob@b.test>'], 'second\r\n');
  await until(() => host.events.includes('delivered'));
  expect(next.heard[1]).toContain('second\r\n.\r\n');
});
