/// <reference lib="esnext.disposable" preserve="true" />
// Part of ehlo, for programs that send mail and receive none: loading it takes half of the time and of the memory.

export { UsageError } from './wire/usage.ts';
export { connectTo, MailClient, type MailClientOptions, type MailToSend } from './node/client.ts';
export { TlsClient, type TlsClientOptions } from './node/tls-client.ts';
export type { SenderOptions } from './node/sender.ts';
export type { Content } from './node/content-source.ts';
export type { Recipients } from './node/given-path.ts';
export { delivered, relay, type Relaying, type RelayOptions } from './node/relay.ts';
export type { RecipientOutcome } from './node/deliver.ts';
export { Resolver, type ResolverOptions, type Route, type RouteContext } from './node/resolve.ts';
