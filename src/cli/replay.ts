// `ehlo replay`: transcripts against our own machines in every segmentation, or against a server out there.

import { readFileSync } from 'node:fs';
import { connect, ConnectError } from '../node/connect.ts';
import { HASH } from '../node/credential.ts';
import { playLive } from '../node/live-replay.ts';
import { formatTranscriptFault, isTranscriptFault, parseTranscript, type Transcript } from '../transcript/format.ts';
import { turnsOf } from '../transcript/live.ts';
import { formatMismatch, replay as replayScript } from '../transcript/replay.ts';
import { readScript } from '../transcript/script.ts';
import { segmentationsOf } from '../transcript/segmentation.ts';
import type { NextHop } from '../relay/next-hop.ts';
import { EXIT, runCommand, type Terminal, type Usage } from './command-line.ts';
import { HOST_PORT, integer, one } from './option.ts';
import { reason } from './reason.ts';

const OPTIONS = {
  server: one(HOST_PORT, 'play the client of each transcript against this server, and compare the codes of its replies'),
  timeout: one(integer('SECONDS', 1), 'longest wait for a reply of that server', '30'),
};

const USAGE = {
  name: 'ehlo replay',
  operands: 'FILE…',
  operandCount: { least: 1, most: Infinity },
  about: 'Replays transcripts against the machines of this program, in every segmentation, or against a real server. A line for each:\nwhat is right, or the first thing that is not, with its place. Exit status 0: all are as they were; 1: some are not.',
  examples: ['ehlo replay fixtures/transcripts/smuggling/*.smtp', 'ehlo replay --server 127.0.0.1:2525 session.smtp'],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

const DIFFERS = 1;

export function replay(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options: { server, timeout }, operands }) => {
    let status: number = EXIT.ok;
    for (const name of operands) {
      const text = readText(name);
      const trouble = typeof text === 'object' ? text.trouble : await troubleOf(name, text, server, timeout * 1_000, terminal);
      if (trouble === undefined) continue;
      terminal.out(`${trouble}\n`);
      status = DIFFERS;
    }
    return status;
  });
}

async function troubleOf(name: string, text: string, server: NextHop | undefined, timeout: number, terminal: Terminal): Promise<string | undefined> {
  const transcript = parseTranscript(text);
  if (isTranscriptFault(transcript)) return formatTranscriptFault(name, transcript);
  return server === undefined ? troubleHere(name, transcript, terminal) : troubleThere(name, transcript, server, timeout, terminal);
}

function troubleHere(name: string, transcript: Transcript, terminal: Terminal): string | undefined {
  const script = readScript(transcript);
  if (isTranscriptFault(script)) return formatTranscriptFault(name, script);
  const mismatch = replayScript(script, HASH);
  if (mismatch !== undefined) return formatMismatch(name, mismatch);
  terminal.out(`${name}: as it was, in ${segmentationsOf(script).length} segmentations\n`);
  return undefined;
}

async function troubleThere(name: string, transcript: Transcript, { host, port }: NextHop, timeout: number, terminal: Terminal): Promise<string | undefined> {
  const turns = turnsOf(transcript);
  if (isTranscriptFault(turns)) return formatTranscriptFault(name, turns);
  try {
    const difference = await playLive(await connect({ address: host, port }, { timeout }), turns, timeout);
    if (difference !== undefined) return formatMismatch(name, { ...difference, segmentation: `${host}:${port}` });
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return `${name}: ${error.message}`;
  }
  terminal.out(`${name}: as it was, at ${host}:${port}\n`);
  return undefined;
}

function readText(name: string): string | { readonly trouble: string } {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    return { trouble: `${name}: cannot be read: ${reason(error)}` };
  }
}
