// How fast the octets go through, and that hostile ones go through in linear time. After `npm run build`:
//
//   node test/bench/wire.mjs
//
// Prints MB/s, in segments of 64 KiB for mail as it comes, in one piece for what is hostile, where a scan that starts over would
// have the furthest to go. Fails if an octet of 16 MiB takes more than three times as long as one of 1 MiB.

import { hrtime, exit } from 'node:process';
import { DataDecoder } from '../../dist/wire/data-decoder.js';
import { DataEncoder } from '../../dist/wire/data-encoder.js';
import { LineDecoder } from '../../dist/wire/line-decoder.js';

const MEGABYTE = 1 << 20;
const SEGMENT = 1 << 16;
const WORST_GROWTH = 3;

const MACHINES = {
  'data decoder': (segments) => {
    const decoder = new DataDecoder({ lineLimit: 1000 });
    for (const segment of segments) {
      for (let at = 0; at < segment.length; ) {
        at = decoder.read(segment, at);
        if (decoder.ended) decoder.reset(); // what follows is mail data too
      }
    }
  },
  'data encoder': (segments) => {
    const encoder = new DataEncoder();
    for (const segment of segments) encoder.write(segment);
    encoder.end();
  },
  'line decoder': (segments) => {
    const decoder = new LineDecoder({ limit: 1000 });
    for (const segment of segments) {
      for (let at = 0; at < segment.length; ) at = decoder.read(segment, at);
    }
  },
};

const MAIL = {
  'lines of 76': `${'a'.repeat(76)}\r\n`,
  'lines of 998': `${'a'.repeat(998)}\r\n`,
  'lines of 20': `${'a'.repeat(20)}\r\n`,
  'blank lines': '\r\n',
  'lines with a dot': '..a\r\n',
};

const HOSTILE = {
  'bare LF': '\n',
  'bare CR': '\r',
  dots: '.',
  CRLF: '\r\n',
  'CRLF dot': '\r\n.',
  'CRLF dot dot': '\r\n..',
  'dot CR': '.\r',
  'LF CR': '\n\r',
  NUL: '\0',
  'one line': 'a',
  'LF, no CR': `${'a'.repeat(200)}\n`,
  'CR, no LF': `${'a'.repeat(200)}\r`,
};

function repeat(pattern, size) {
  const octets = new Uint8Array(size);
  for (let at = 0; at < size; at++) octets[at] = pattern.charCodeAt(at % pattern.length);
  return octets;
}

function cut(octets, length) {
  const segments = [];
  for (let at = 0; at < octets.length; at += length) segments.push(octets.subarray(at, at + length));
  return segments;
}

/** Returns the seconds of the fastest of some runs. */
function time(run, runs) {
  let best = Infinity;
  for (let turn = 0; turn < runs; turn++) {
    const begin = hrtime.bigint();
    run();
    best = Math.min(best, Number(hrtime.bigint() - begin) / 1e9);
  }
  return best;
}

function row(name, cells) {
  console.log(name.padEnd(18) + cells.map((cell) => cell.padStart(20)).join(''));
}

let failed = false;

row('mail, MB/s', Object.keys(MACHINES));
for (const [name, pattern] of Object.entries(MAIL)) {
  const segments = cut(repeat(pattern, MEGABYTE), SEGMENT);
  row(
    name,
    Object.values(MACHINES).map((run) => (MEGABYTE / 1e6 / time(() => run(segments), 40)).toFixed(0)),
  );
}

console.log();
row('hostile, MB/s', Object.keys(MACHINES));
for (const [name, pattern] of Object.entries(HOSTILE)) {
  const small = [repeat(pattern, MEGABYTE)];
  const large = [repeat(pattern, 16 * MEGABYTE)];
  row(
    name,
    Object.values(MACHINES).map((run) => {
      const one = time(() => run(small), 5);
      const sixteen = time(() => run(large), 2);
      const growth = sixteen / 16 / one;
      if (growth > WORST_GROWTH) failed = true;
      return `${((16 * MEGABYTE) / 1e6 / sixteen).toFixed(0)} (x${growth.toFixed(1)})`;
    }),
  );
}

if (failed) {
  console.log(`\nan octet of 16 MiB took more than ${WORST_GROWTH} times as long as one of 1 MiB`);
  exit(1);
}
