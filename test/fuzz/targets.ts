// One function for each way in: octets of a stranger go in, and it returns, or throws what is a finding. The shape is the one
// that Jazzer.js (`npx jazzer …/targets.js -f serverSession`) and the drivers of libFuzzer want; our own driver is driver.ts.

import { clientSession } from './client-target.ts';
import { serverAgainstClient } from './pair-target.ts';
import type { Target } from './property.ts';
import { dnsRoute, journalRecord, transcript } from './relay-target.ts';
import { saslExchange } from './sasl-target.ts';
import { serverSession } from './server-target.ts';
import { command, ehloReply, path, reply } from './syntax-target.ts';
import { chunkDecoder, dataDecoder, encodings, lineDecoder, proxyHeader } from './wire-target.ts';

export { chunkDecoder, clientSession, command, dataDecoder, dnsRoute, ehloReply, encodings, journalRecord, lineDecoder, path, proxyHeader, reply, saslExchange, serverAgainstClient, serverSession, transcript };

export const TARGETS = {
  lineDecoder, dataDecoder, chunkDecoder, encodings, proxyHeader,
  command, path, reply, ehloReply,
  journalRecord, dnsRoute, transcript,
  saslExchange,
  serverSession, clientSession, serverAgainstClient,
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof TARGETS;
