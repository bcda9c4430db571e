// The target `serverSession`: a client that says anything, an application that answers anything, time that passes.

import { decodeLatin1 } from '../../src/wire/ascii.ts';
import { concat } from '../../src/wire/octet.ts';
import { readCues, withoutCuts, type Cue } from './cue.ts';
import { ClientView } from './client-view.ts';
import { claimEqual, singly } from './property.ts';
import { ServerRun, type Told } from './server-run.ts';
import { firstPolicyOf, SERVER_OPTIONS, serverOptionsOf } from './session-option.ts';

export function serverSession(octets: Uint8Array): void {
  const options = serverOptionsOf(octets.subarray(0, SERVER_OPTIONS));
  const policy = firstPolicyOf(octets);
  const cues = readCues(octets.subarray(SERVER_OPTIONS));

  const lockstep = new ServerRun(options, policy, true);
  const view = new ClientView(lockstep, options);
  for (const cue of cues) {
    if (cue.type === 'octets') for (const octet of singly(cue.octets)) view.octet(octet);
    else view.cue(cue.letter);
  }
  view.end(decodeLatin1(concat(cues.flatMap((cue) => (cue.type === 'octets' ? [cue.octets] : [])))));
  lockstep.end();

  // Rule 5 of the session: the actions depend on the octets, not on how they were cut.
  const written = resultOf(new ServerRun(options, policy).play(cues));
  const whole = resultOf(new ServerRun(options, policy).play(withoutCuts(cues)));
  const single = resultOf(new ServerRun(options, policy).play(cues.flatMap((cue): Cue[] => (cue.type === 'cue' ? [cue] : singly(cue.octets).map((octet) => ({ type: 'octets', octets: octet }))))));
  claimEqual(whole, written, 'in one piece');
  claimEqual(single, written, 'octet by octet');
}

/** What was said and told in the end; content in one piece, wherever it was cut, and none of mail data that came to nothing: how much of it was told before depends on the cuts. */
function resultOf(run: ServerRun): unknown {
  run.end();
  const told: Told[] = [];
  for (const each of run.told) {
    const last = told.at(-1);
    if (each.octets !== undefined && last?.octets !== undefined) told[told.length - 1] = { about: 'content', octets: concat([last.octets, each.octets]) };
    else if (each.about.startsWith('abort ') && last?.octets !== undefined) told[told.length - 1] = each;
    else told.push(each);
  }
  return { sent: run.sent, told };
}
