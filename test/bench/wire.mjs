// How fast the octets go through the decoders alone, and that hostile ones go through in linear time.
//
// In MB for each second of CPU: in segments of 64 KiB for mail as it comes, in one piece for what is hostile, where a scan that
// starts over would have the furthest to go. Fails if an octet of 8 MiB takes more than five times as long as one of 512 KiB: a scan
// that starts over would make it sixteen times, memory that is no longer in a cache makes it up to three.

import { DataDecoder } from '../../dist/wire/data-decoder.js';
import { DataEncoder } from '../../dist/wire/data-encoder.js';
import { LineDecoder } from '../../dist/wire/line-decoder.js';
import { fastest } from './measure.mjs';

const MEGABYTE = 1 << 20;
const SEGMENT = 1 << 16;
const [SMALL, LARGE] = [MEGABYTE / 2, 8 * MEGABYTE]; // of hostile octets
const STEEPEST = 5;

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

const AIMS = { 'data decoder': '≥ 600; blank lines ≥ 200' };

export async function run() {
  const faults = [];
  const mail = Object.values(MAIL).map((pattern) => {
    const segments = cut(Buffer.alloc(MEGABYTE, pattern), SEGMENT);
    return Object.values(MACHINES).map((machine) => MEGABYTE / 1e6 / fastest(() => machine(segments), 100));
  });
  const hostile = Object.entries(HOSTILE).map(([name, pattern]) => {
    const small = [Buffer.alloc(SMALL, pattern)];
    const large = [Buffer.alloc(LARGE, pattern)];
    return Object.entries(MACHINES).map(([machine, read]) => {
      const speed = LARGE / 1e6 / fastest(() => read(large), 2);
      const growth = SMALL / 1e6 / fastest(() => read(small), 5) / speed;
      if (growth > STEEPEST) faults.push(`${machine}, ${name}: an octet of 8 MiB takes ${growth.toFixed(1)} times as long as one of 512 KiB`);
      return { speed, growth };
    });
  });
  const command = 'npm run bench -- --only wire';
  const machines = Object.keys(MACHINES);
  return {
    faults,
    tables: [
      {
        title: 'The decoders alone, MB for a second of CPU',
        command,
        columns: ['', ...Object.keys(MAIL), 'hostile, least', 'aim'],
        rows: machines.map((machine, index) => [machine, ...mail.map((speeds) => speeds[index].toFixed(0)), Math.min(...hostile.map((cells) => cells[index].speed)).toFixed(0), AIMS[machine] ?? '']),
      },
      {
        title: 'Hostile octets in one piece, MB for a second of CPU (an octet of 8 MiB, to that of 512 KiB)',
        detail: true,
        columns: ['', ...machines],
        rows: Object.keys(HOSTILE).map((name, index) => [name, ...hostile[index].map(({ speed, growth }) => `${speed.toFixed(0)} (${growth.toFixed(1)})`)]),
      },
    ],
  };
}

function cut(octets, length) {
  const segments = [];
  for (let at = 0; at < octets.length; at += length) segments.push(octets.subarray(at, at + length));
  return segments;
}
