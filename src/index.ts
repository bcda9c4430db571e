/// <reference lib="esnext.disposable" preserve="true" />
// ehlo: SMTP from raw sockets. Everything of `ehlo/core`, and the shells over Node.

export * from './core.ts';

export { listen, Server, type DuplexStream, type ListenOptions } from './node/listen.ts';
export type { Connection, ReceivedMail } from './node/connection.ts';
export { collect, type CollectedMail, type Collector, type ScriptedFault, type FaultPlace } from './node/collect.ts';
export type { Hooks, Mail, SessionFacts } from './node/hook.ts';
export { connectTo, MailClient, type MailClientOptions, type MailToSend } from './node/client.ts';
export { TlsClient, type TlsClientOptions } from './node/tls-client.ts';
export type { Content } from './node/content-source.ts';
export { delivered, relay, type Relaying, type RelayOptions } from './node/relay.ts';
export { TlsServer, type TlsFacts, type TlsOptions } from './node/tls.ts';
export { Users } from './node/credential.ts';
export type { RecipientOutcome } from './node/deliver.ts';
export { Resolver, type ResolverOptions } from './node/resolve.ts';
export { FileQueue } from './node/file-queue.ts';
export { Maildir } from './node/maildir.ts';
export { TransferAgent, type TransferAgentOptions } from './node/transfer-agent.ts';
