/// <reference lib="esnext.disposable" preserve="true" />
// ehlo: SMTP from raw sockets. Everything of `ehlo/core`, and the shells over Node.

export * from './core.ts';
export * from './server.ts';
export * from './client.ts';

export { FileQueue } from './node/file-queue.ts';
export { Maildir } from './node/maildir.ts';
export { relayCounts, type RelayCounts } from './relay/count.ts';
export { TransferAgent, type TransferAgentOptions } from './node/transfer-agent.ts';
