// The pure part of ehlo: parsers, decoders, sessions, and what routes and queues are made of. Imports nothing of Node; runs wherever ECMAScript 2023 does.

export { UsageError } from './wire/usage.ts';
export { LineDecoder, type LineFault } from './wire/line-decoder.ts';
export { DataDecoder } from './wire/data-decoder.ts';
export type { DataFault } from './wire/first-fault.ts';
export { DataEncoder, type ContentFault } from './wire/data-encoder.ts';
export { ChunkDecoder } from './wire/chunk-decoder.ts';
export { decodeBase64, encodeBase64 } from './wire/base64.ts';
export { decodeXtext, encodeXtext } from './wire/xtext.ts';
export { decodeUtf8, encodeUtf8 } from './wire/utf8.ts';

export { formatFault, isFault, type Fault, type FaultCode } from './syntax/fault.ts';
export { formatCommand, parseCommand, type Command, type Verb } from './syntax/command.ts';
export { formatReply, reply, ReplyAssembler, type EnhancedFor, type Reply, type ReplyClass, type ReplyCode } from './syntax/reply.ts';
export { formatDomain, parseAddressLiteral, parseDomain, type AddressLiteral, type Domain, type SyntaxOptions } from './syntax/domain.ts';
export { formatMailbox, parseMailbox, type Mailbox } from './syntax/mailbox.ts';
export { formatPath, parseForwardPath, parseReversePath, type ForwardPath, type MailboxPath, type ReversePath } from './syntax/path.ts';
export { formatParameters, parseParameters, type Parameter } from './syntax/parameter.ts';
export { formatEhloLine, parseEhloLine, parseEhloReply, type EhloKeyword, type EhloReply } from './syntax/keyword.ts';
export { formatEnhancedStatus, parseEnhancedStatus, type EnhancedStatus } from './syntax/status.ts';
export { formatReceived, parseReceived, type Received } from './syntax/trace.ts';

export { ServerSession } from './protocol/server/session.ts';
export type { AuthOptions, ServerOptions } from './protocol/server/option.ts';
export { beginServerExchange, type ClientSecret, type ServerExchangeOptions } from './protocol/sasl/mechanism.ts';
export type { ServerExchange } from './protocol/sasl/server-exchange.ts';
export type { Decoy, DecoyKind } from './protocol/sasl/scram-key.ts';
export type { AuthAnswer, AuthQuestion, ChannelBinding, DeriveQuestion, Failure as AuthFailure, FailureReason, Hash, Identity, MechanismName, Refusal as AuthRefusal, ScramCredential, ServerStep } from './protocol/sasl/exchange.ts';
export type { ExtensionKeyword } from './protocol/extension.ts';
export type { AbortReason, ServerAction, ServerQuestion, TransactionEnd, Unauthenticated } from './protocol/server/action.ts';
export { sessionCounts, type SessionCounts } from './protocol/server/count.ts';
export type { LeniencyName } from './protocol/leniency.ts';
export type { NoticeName } from './protocol/server/notice.ts';
export { accept, committed, refuse, type RefusalCode, type Verdict } from './protocol/server/verdict.ts';
export { serverEdges, type CommandState, type State as ServerState } from './protocol/server/table.ts';
export { ClientSession } from './protocol/client/session.ts';
export type { ClientOptions, TlsPolicy } from './protocol/client/option.ts';
export type { ClientAuth } from './protocol/client/authentication.ts';
export type { ClientAction, ClientTls, InReplyTo, Outcome, Reason, Transaction } from './protocol/client/action.ts';
export type { Failure } from './protocol/client/outcome.ts';
export { clientEdges, type State as ClientState } from './protocol/client/table.ts';
export { toMermaid, type Edge } from './protocol/edge.ts';
export type { Envelope, MailParameters, RecipientParameters } from './protocol/mail.ts';
export type { Milliseconds } from './protocol/limit.ts';

export type { NewMail, Queue, QueuedMail, RecipientState } from './relay/queue/port.ts';
export { checkQueue, type QueueCheck, type QueueStore } from './relay/queue/check.ts';
export type { NextHop } from './relay/next-hop.ts';
export type { OwnVerdict, VerdictEvent } from './relay/own-verdict.ts';
export type { RouteOptions, Step, Target } from './relay/route.ts';
