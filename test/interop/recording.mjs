// Recordings of fixtures/transcripts/recorded can be made anew: three of them, from a client, a server and under TLS, whose
// programs every check has at hand.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, expect, expectMatch } from './harness.mjs';
import { RECORDINGS, record } from './record.mjs';
import { PASSWORD } from './record-stage.mjs';

for (const name of ['swaks-starttls-auth-plain', 'smtplib-lower-case', 'smtp-sink-temporary-refusal'])
  check(`the session of ${name}.smtp can be recorded anew, shows what it says and replays in every segmentation`, async (stage) => {
    const recording = RECORDINGS.find((each) => each.name === name);
    expect(recording !== undefined, 'no such recording');
    const folder = stage.folder('recorded');
    await record(stage, recording, folder); // which replays it
    const text = readFileSync(join(folder, `${name}.smtp`), 'utf8');
    expectMatch(text, /^Title: .*\nSource: .* \d.*, \d{4}-\d\d-\d\d, (?:password|nothing) struck out\nSubject: (?:server|client)\nVerifies: RFC /, 'the header');
    for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), Buffer.from(`\0tim\0${PASSWORD}`).toString('base64')]) expect(!text.includes(secret), 'a password stands in it');
  });
