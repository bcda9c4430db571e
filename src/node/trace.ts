// Every session of a program as a transcript in a folder (`ehlo serve --trace`), those with its clients and those with the
// servers it relays to.

import type { Milliseconds } from '../protocol/limit.ts';
import type { ClientOptions } from '../protocol/client/option.ts';
import type { ClientSession } from '../protocol/client/session.ts';
import type { ServerOptions } from '../protocol/server/option.ts';
import type { ServerSession } from '../protocol/server/session.ts';
import { RecordedClientSession } from '../transcript/record-client.ts';
import { RecordedServerSession } from '../transcript/record-server.ts';
import { HASH } from './credential.ts';
import type { TraceFolder } from './trace-folder.ts';
import { VERSION } from './version.ts';

/** Makes sessions that write themselves down. */
export interface Tracing {
  readonly serverSession: (options: ServerOptions, now: Milliseconds) => ServerSession;
  readonly clientSession: (options: ClientOptions, now: Milliseconds) => ClientSession;
}

/** Sessions whose transcripts go into the folder, each in a file of its own. */
export function traceTo(folder: TraceFolder, command: string): Tracing {
  const source = `${command} ${VERSION}, ${new Date().toISOString().slice(0, 10)}, secrets struck out`;
  return {
    serverSession: (options, now) => {
      const file = folder.begin('server');
      return new RecordedServerSession(options, now, { title: 'a client is served', source, hash: HASH, ended: file.close }, file.write);
    },
    clientSession: (options, now) => {
      const file = folder.begin('client');
      return new RecordedClientSession(options, now, { title: 'a mail is relayed', source, hash: HASH, ended: file.close }, file.write);
    },
  };
}
