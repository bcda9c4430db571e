// `ehlo replay`: transcripts against our own machines in every segmentation, or against a server out there.

import { connect, ConnectError } from '../node/connect.ts';
import { HASH } from '../node/credential.ts';
import { EXIT } from '../node/exit-status.ts';
import { playLive } from '../node/live-replay.ts';
import { readWholeText } from '../node/whole-read.ts';
import { formatTranscriptFault, isTranscriptFault, parseTranscript, transcriptsIn, type Transcript, type TranscriptFault } from '../transcript/format.ts';
import { turnsOf } from '../transcript/live.ts';
import { formatMismatch, replay as replayScript, type Mismatch } from '../transcript/replay.ts';
import { readScript } from '../transcript/script.ts';
import { segmentationsOf } from '../transcript/segmentation.ts';
import { formatNextHop, type NextHop } from '../relay/next-hop.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { HOST_PORT, one, SECONDS } from './option.ts';
import { reason } from './reason.ts';

const OPTIONS = {
  server: one(HOST_PORT, 'play the client of each transcript against this server, and compare the codes of its replies'),
  timeout: one(SECONDS, 'longest wait for a reply of that server', '30'),
};

const USAGE = {
  name: 'ehlo replay',
  operands: 'FILE…',
  operandCount: { least: 1, most: Infinity },
  about: 'Replays transcripts against the machines of this program, in every segmentation, or against a real server. A line for each:\nthat it is right, or the first thing that is not, with its place. Exit status 0: all are as they were; 1: some are not; 64: a file cannot be read.',
  examples: ['ehlo replay fixtures/transcripts/smuggling/*.smtp', 'ehlo replay --server 127.0.0.1:2525 session.smtp'],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

export function replay(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options: { server, timeout }, operands }) => {
    let status: number = EXIT.ok;
    for (const name of operands) {
      for (const { ok, text, unread } of await verdictsOf(name, server, timeout * 1_000)) {
        terminal.out(`${text}\n`);
        if (unread === true) status = EXIT.usage;
        else if (!ok && status === EXIT.ok) status = EXIT.different;
      }
    }
    return status;
  });
}

/** What is to be said of one transcript. */
interface Verdict {
  readonly ok: boolean;
  readonly text: string;
  /** The file cannot be read. */
  readonly unread?: true;
}

const wrong = (text: string): Verdict => ({ ok: false, text });

/** Octets: those of the largest mail that servers take by default, were each written as an escape, and as many again. */
const LARGEST = 268_435_456;

/** One for each transcript of the file; where it holds several, each is named by its first line. */
async function verdictsOf(name: string, server: NextHop | undefined, timeout: number): Promise<readonly Verdict[]> {
  let text: string;
  try {
    text = await readWholeText(name, LARGEST);
  } catch (error) {
    return [{ ...wrong(`${name}: cannot be read: ${reason(error, name)}`), unread: true }];
  }
  const verdicts: Verdict[] = [];
  const parts = transcriptsIn(text);
  for (const { text: part, before } of parts) {
    const place = { name, before, label: parts.length === 1 ? name : `${name}:${before + 1}` };
    const transcript = parseTranscript(part);
    verdicts.push(isTranscriptFault(transcript) ? faulty(place, transcript) : server === undefined ? verdictHere(place, transcript) : await verdictThere(place, transcript, server, timeout));
  }
  return verdicts;
}

interface Place {
  readonly name: string;
  /** Lines of the file above the transcript. */
  readonly before: number;
  readonly label: string;
}

function verdictHere(place: Place, transcript: Transcript): Verdict {
  const script = readScript(transcript);
  if (isTranscriptFault(script)) return faulty(place, script);
  const mismatch = replayScript(script, HASH);
  if (mismatch !== undefined) return different(place, mismatch);
  const { length } = segmentationsOf(script);
  return { ok: true, text: `${place.label}: as it was, in ${length} segmentation${length === 1 ? '' : 's'}` };
}

async function verdictThere(place: Place, transcript: Transcript, server: NextHop, timeout: number): Promise<Verdict> {
  const { host, port } = server;
  const turns = turnsOf(transcript);
  if (isTranscriptFault(turns)) return faulty(place, turns);
  try {
    const difference = await playLive(await connect({ address: host, port }, { timeout }), turns, timeout);
    return difference === undefined ? { ok: true, text: `${place.label}: as it was, at ${formatNextHop(server)}` } : different(place, { ...difference, segmentation: formatNextHop(server) });
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return wrong(`${place.name}: ${error.message}`);
  }
}

function faulty({ name, before }: Place, fault: TranscriptFault): Verdict {
  return wrong(formatTranscriptFault(name, { ...fault, line: before + fault.line }));
}

function different({ name, before }: Place, mismatch: Mismatch): Verdict {
  return wrong(formatMismatch(name, { ...mismatch, line: before + mismatch.line }));
}
