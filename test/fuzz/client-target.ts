// The target `clientSession`: a server that says anything, mails to be sent to it, time that passes.

import { ClientRun } from './client-run.ts';
import { readCues, type Cue } from './cue.ts';
import { claimEqual, singly } from './property.ts';
import { ServerView } from './server-view.ts';
import { CLIENT_OPTIONS, clientPlanOf } from './session-option.ts';

export function clientSession(octets: Uint8Array): void {
  const plan = clientPlanOf(octets);
  const mails = [...octets.subarray(3, CLIENT_OPTIONS)];
  const cues = readCues(octets.subarray(CLIENT_OPTIONS));
  const single = play(new ClientRun(plan, mails, new ServerView(plan.options)), cues, singly);
  const lines = play(new ClientRun(plan, mails), cues, linesOf);
  claimEqual(resultOf(lines), resultOf(single), 'line by line');
  play(new ClientRun(plan, mails), cues, (whole) => [whole]); // replies that come before they are asked for end the session: no other result is the same
}

function play(run: ClientRun, cues: readonly Cue[], cut: (octets: Uint8Array) => readonly Uint8Array[]): ClientRun {
  for (const cue of cues) {
    if (cue.type === 'cue') run.meet(cue.letter);
    else for (const segment of cut(cue.octets)) run.receive(segment);
  }
  return run.end();
}

function linesOf(octets: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0, end; at < octets.length; at = end) {
    end = octets.indexOf(0x0a, at) + 1 || octets.length;
    lines.push(octets.slice(at, end));
  }
  return lines;
}

function resultOf({ sent, told }: ClientRun): unknown {
  return { sent, told };
}
