// The steps on which it rests that nothing acknowledged is lost, by name. Each goes through one function that a test can
// replace: test/crash.test.ts leaves out one after the other, or puts one behind the next, and shows what is lost then.
//
// Rule 1: a step that no crash can show to be needed is not needed, and goes.

export const STEPS = [
  // taking a mail: only then 250
  'sync content', //        a large mail: its file is whole before it has a name
  'sync content name', //   and has its name before the journal speaks of it
  'sync mails', //          one for all that wait: the facts are durable before anybody is told
  'take back', //           where there is no room for records, what was written of them: else it would look like decay later
  // what became of it
  'write intent', //        before the final dot: a crash leaves "unknown", not "never tried"
  'sync results', //        with the next mails, or by itself when idle
  'remove content', //      after the fact that it is not wanted any more is durable
  // checkpoint
  'sync segment', //        all of a segment is durable before it has a successor
  'sync segment name', //   and the successor has its name before anything is written to it
  'sync copy', //           content that leaves the journal is whole before it has a name
  'sync copy names', //     and has its name before the journal speaks of it
  'write states', //        what is known of each mail, anew
  'sync states', //         durable before the old facts go
  'drop segment', //        the oldest first
  'sync drop', //           and it is gone before the next one goes
  // recovery
  'sync format', //         the queue's secret is whole before it has a name
  'sync format name', //    and has its name before a record depends on it
  'empty tmp', //           what a crash left half made
  'cut tail', //            a batch that a crash tore, lest it look like decay once the segment has a successor
  'sync tail', //           what was read may have been in memory only: it is durable before anything follows from it
  'keep dead', //           what has decayed is kept for a person before the segment goes
  'remove strays', //       content of which the journal knows nothing
] as const;

export type Step = (typeof STEPS)[number];

/** Does a step. Only a test does anything but call `action`. */
export type Perform = (step: Step, action: () => Promise<void>) => Promise<void>;
