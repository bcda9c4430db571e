/// <reference lib="esnext.disposable" preserve="true" />
// Part of ehlo, for programs that receive mail and send none: loading it takes half of the time and of the memory.

export { UsageError } from './wire/usage.ts';
export { accept, committed, refuse, type Verdict } from './protocol/server/verdict.ts';
export { sessionCounts, type SessionCounts } from './protocol/server/count.ts';
export { listen, type ListenOptions } from './node/listen.ts';
export type { AuthSettings } from './node/receiver-option.ts';
export type { DuplexStream, Entrance } from './node/entrance.ts';
export type { Server } from './node/server.ts';
export type { Connection, ReceivedMail } from './node/connection.ts';
export { collect, type CollectedMail, type Collector, type ScriptedFault, type FaultPlace } from './node/collect.ts';
export type { Asked, AskedOfMail, EndedTransaction, FailedAuth, Hooks, Mail, MessageAnswer, Noticed, SessionFacts } from './node/hook.ts';
export type { Signal } from './node/aborter.ts';
export { TlsServer, type TlsFacts, type TlsOptions } from './node/tls.ts';
export { Users } from './node/credential.ts';
export type { Credential, ScryptCredential } from './protocol/sasl/credential.ts';
