import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { collect } from '../../src/node/collect.ts';
import { HASH } from '../../src/node/credential.ts';
import { listen } from '../../src/node/listen.ts';
import { openTrace } from '../../src/node/open-trace.ts';
import { delivered, relay } from '../../src/node/relay.ts';
import { isTranscriptFault, parseTranscript } from '../../src/transcript/format.ts';
import { replay } from '../../src/transcript/replay.ts';
import { readScript } from '../../src/transcript/script.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { UsageError } from '../../src/wire/usage.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

it('a trace has the sessions of a server and of a client, which replay as they were', async () => {
  using directory = temporaryDirectory();
  const trace = await openTrace(join(directory.path, 'trace'));
  const server = await listen({ port: 0, hostname: 'mx.test', session: trace.serverSession }, collect());
  const routing = { smarthost: { host: '127.0.0.1', port: server.port } };
  const outcomes = await relay('<>', 'bob@b.test', encodeAscii('Subject: hello\r\n'), { hostname: 'client.test', routing, session: trace.clientSession });
  await server.close();
  expect(outcomes.every(delivered)).toBe(true);
  const files = readdirSync(join(directory.path, 'trace')).sort();
  expect(files.map((name) => /\w+\.smtp$/.exec(name)?.[0]).sort()).toEqual(['client.smtp', 'server.smtp']);
  for (const name of files) {
    const transcript = parseTranscript(readFileSync(join(directory.path, 'trace', name), 'utf8'));
    const script = isTranscriptFault(transcript) ? transcript : readScript(transcript);
    expect(isTranscriptFault(script) ? script : replay(script, HASH)).toBeUndefined();
  }
});

it('a trace is in a folder', async () => {
  await expect(openTrace(undefined as unknown as string)).rejects.toThrow(new UsageError('the directory must be a path, such as "./trace", not undefined'));
});
