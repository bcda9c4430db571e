/// <reference lib="esnext.disposable" preserve="true" />
// ehlo: SMTP from raw sockets. Everything of `ehlo/core`, and the shells over Node.

export * from './core.ts';
export * from './server.ts';
export * from './client.ts';

export { Journal } from './node/journal.ts';
export type { JournalOptions } from './node/journal-option.ts';
export type { RecoveryReport } from './node/recovery.ts';
export { FileQueue } from './node/file-queue.ts';
export { Maildir } from './node/maildir.ts';
export { relayCounts, type RelayCounts } from './relay/count.ts';
export type { DestinationClass } from './relay/outgoing.ts';
export type { RetrySchedule } from './relay/schedule.ts';
export type { Cidr } from './relay/cidr.ts';
export type { AdmissionOptions } from './node/agent-option.ts';
export type { Log, LogFields } from './node/log.ts';
export { openTrace } from './node/open-trace.ts';
export type { PoolOptions } from './node/pool.ts';
export type { Tracing } from './node/trace.ts';
export { TransferAgent, type Door, type TransferAgentOptions } from './node/transfer-agent.ts';
