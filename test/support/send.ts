// One mail over one connection.

import type { Socket } from 'node:net';
import { ClientConnection } from '../../src/node/client-connection.ts';
import type { Outgoing, SenderOptions } from '../../src/node/sender.ts';
import type { Outcome } from '../../src/protocol/client/action.ts';
import type { ForwardPath } from '../../src/syntax/path.ts';

/** Sends the mail, says QUIT, and resolves with an outcome for each recipient, in their order, before the QUIT is answered. */
export async function send(socket: Socket, mail: Outgoing, forwardPaths: readonly ForwardPath[], options: SenderOptions): Promise<readonly Outcome[]> {
  const connection = new ClientConnection(socket, options);
  const outcomes = await connection.send(mail, forwardPaths);
  void connection.quit();
  return outcomes;
}
