// Targets of the layer `wire`: decoders of streams, under several segmentations and against the words of the RFC; and encodings.

import { decodeLatin1, encodeAscii } from '../../src/wire/ascii.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import { ChunkDecoder } from '../../src/wire/chunk-decoder.ts';
import { DataDecoder } from '../../src/wire/data-decoder.ts';
import { DataEncoder } from '../../src/wire/data-encoder.ts';
import { LineDecoder } from '../../src/wire/line-decoder.ts';
import { LineEndRepair } from '../../src/wire/line-end-repair.ts';
import { concat } from '../../src/wire/octet.ts';
import { ProxyHeaderDecoder } from '../../src/wire/proxy-header.ts';
import { TextCheck } from '../../src/wire/text-check.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/wire/utf8.ts';
import { decodeXtext, encodeXtext } from '../../src/wire/xtext.ts';
import { claim, claimEqual, segmentations } from './property.ts';

/** First octet: the limit, and whether a bare LF ends a line. */
export function lineDecoder(octets: Uint8Array): void {
  const [options = 0] = octets;
  const limit = [2, 3, 8, 64][options & 3] ?? 2;
  const bareLf = (options & 4) !== 0;
  const input = octets.subarray(1);
  const text = decodeLatin1(input);
  const ends = bareLf ? /\r?\n/ : /\r\n/;
  for (const segments of segmentations(input)) {
    const decoder = new LineDecoder({ limit, bareLf });
    let steps = 0;
    const lines: string[] = [];
    for (const segment of segments) {
      for (let at = 0, end; at < segment.length; at = end) {
        end = decoder.read(segment, at);
        claim(end > at && end <= segment.length, () => `read from ${at} to ${end}`);
        steps += 1;
        if (decoder.line === undefined) continue;
        claim(decoder.line.length <= limit, () => `a line of ${decoder.line?.length} octets, with a limit of ${limit}`);
        lines.push(`${decodeLatin1(decoder.line)} ${decoder.fault} ${decoder.faultAt} ${decoder.lenient}`);
      }
    }
    claim(steps <= 2 * input.length + 1, () => `${steps} steps for ${input.length} octets`);
    claimEqual(lines, linesOf(text, ends, limit, bareLf), 'lines');
    const rest = text.split(ends).at(-1)?.length;
    claim(decoder.length === rest, () => `${decoder.length} octets under way, not ${rest}`);
  }
}

/** The lines in the RFC's words: only CRLF ends one (§2.3.8), what is too long is cut and said so before anything else. */
function linesOf(text: string, ends: RegExp, limit: number, bareLf: boolean): string[] {
  const lines: string[] = [];
  for (let rest = text, end; (end = ends.exec(rest)) !== null; rest = rest.slice(end.index + end[0].length)) {
    const line = rest.slice(0, end.index);
    const length = line.length + end[0].length;
    const bare = (bareLf ? /\r|\0/ : /\r|\n|\0/).exec(line);
    const fault = length > limit ? 'line-too-long' : bare === null ? undefined : bare[0] === '\r' ? 'bare-cr' : bare[0] === '\n' ? 'bare-lf' : 'nul';
    lines.push(`${line.slice(0, limit)} ${fault} ${fault === 'line-too-long' ? limit : (bare?.index ?? 0)} ${end[0] === '\n'}`);
  }
  return lines;
}

/** First octet: the limit of a line. */
export function dataDecoder(octets: Uint8Array): void {
  const lineLimit = [2, 10, 100, Infinity][(octets[0] ?? 0) & 3] ?? 2;
  const input = octets.subarray(1);
  const [raw, rest] = splitMailData(decodeLatin1(input));
  const content = unstuffed(raw);
  const results = segmentations(input).map((segments) => {
    const decoder = new DataDecoder({ lineLimit });
    const pieces: Uint8Array[] = [];
    let left = 0;
    let steps = 0;
    for (const segment of segments) {
      let at = 0;
      while (at < segment.length && !decoder.ended) {
        at = decoder.read(segment, at);
        steps += 1;
        pieces.push(decoder.content.slice());
      }
      left += segment.length - at;
    }
    claim(steps <= 2 * input.length + 2, () => `${steps} steps for ${input.length} octets`);
    const found = decodeLatin1(concat(pieces));
    claim(found.length === decoder.size, () => `content of ${found.length} octets counted as ${decoder.size}`);
    claim(decoder.ended === (rest !== undefined), () => (decoder.ended ? 'mail data end too early' : 'mail data do not end'));
    if (decoder.ended) {
      claimEqual(found, content, 'content');
      claim(left === rest?.length, () => `${left} octets left over, not ${rest?.length}`);
    } else claim(content.startsWith(found), () => 'content that was never sent');
    claim(decoder.fault !== undefined || !decoder.ended || !/(?<!\r)\n|\r(?!\n)/.test(content), () => 'a bare CR or LF is no fault');
    return [decoder.fault, decoder.faultAt, decoder.size];
  });
  for (const result of results) claimEqual(result, results[0], 'fault and size under another segmentation');
  recode(decodeLatin1(input));
}

/** Mail data up to their end (§4.1.1.4: CRLF "." CRLF, the first CRLF being that of DATA), and what follows; undefined: there is no end. */
export function splitMailData(text: string): readonly [data: string, rest: string | undefined] {
  const at = `\r\n${text}`.indexOf('\r\n.\r\n');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 3)];
}

/** §4.5.2: the first dot of a line is deleted. */
export function unstuffed(data: string): string {
  return data.replace(/(^|\r\n)\./g, '$1');
}

/** What is encoded comes out of the decoder again; under any cuts it is encoded to the same. */
function recode(content: string): void {
  let encoded: string | undefined;
  for (const segments of segmentations(Uint8Array.from(content, (character) => character.charCodeAt(0)))) {
    const encoder = new DataEncoder();
    const pieces = segments.flatMap((segment) => encoder.write(segment).map((piece) => piece.slice()));
    const { fault } = encoder;
    const out = decodeLatin1(concat([...pieces, encoder.end()]));
    claim(encoded === undefined || out === encoded, () => 'encoded otherwise under other cuts');
    encoded = out;
    const bare = /(?<!\r)\n|\r(?!\n)/.test(content);
    claim(bare || fault === undefined, () => `clean content is called ${fault}`);
    claim(!bare || encoder.fault !== undefined, () => 'a bare CR or LF goes out');
    if (bare) continue;
    const [data, rest] = splitMailData(out);
    claim(rest === '', () => `what was encoded ends ${rest === undefined ? 'never' : 'too early'}`);
    claimEqual(unstuffed(data), content === '' || content.endsWith('\r\n') ? content : `${content}\r\n`, 'content that was encoded');
  }
}

/** First octet: the size. Behind it, what comes; the rest is for the next decoder. */
export function chunkDecoder(octets: Uint8Array): void {
  const [size = 0] = octets;
  const input = octets.subarray(1);
  for (const segments of segmentations(input)) {
    const decoder = new ChunkDecoder(size);
    const pieces: Uint8Array[] = [];
    let left = 0;
    for (const segment of segments) {
      const end = decoder.ended ? 0 : decoder.read(segment, 0);
      if (end > 0) pieces.push(decoder.content.slice());
      left += segment.length - end;
    }
    claimEqual(concat(pieces), input.subarray(0, size), 'content of the chunk');
    claim(left === Math.max(0, input.length - size), () => `${left} octets left over`);
    claim(decoder.ended === input.length >= size, () => 'ends where it does not');
  }
  checkText(input);
}

/** Faults of text, and text put right, under any cuts. */
function checkText(input: Uint8Array): void {
  const text = decodeLatin1(input);
  const right = text.replace(/(?<!\r)\n/g, '\r\n').replace(/\r(?!\n)/g, '\r\n');
  const faults = segmentations(input).map((segments) => {
    const [check, repair] = [new TextCheck({ lineLimit: 40 }), new LineEndRepair()];
    const repaired = segments.map((segment) => {
      check.write(segment);
      return repair.write(segment).slice();
    });
    check.end();
    claimEqual(decodeLatin1(concat([...repaired, repair.end()])), right, 'text that was put right');
    claim(repair.used === (right !== text), () => `put right: ${repair.used}`);
    return [check.fault, check.faultAt];
  });
  for (const fault of faults) claimEqual(fault, faults[0], 'fault of text under another segmentation');
  const wrong = [/(?<!\r)\n/.exec(text)?.index ?? Infinity, /\r(?!\n)/.exec(text)?.index ?? Infinity, /[^\n]{40}./s.exec(text.replace(/(?<!\r)\n/g, ' '))?.index ?? Infinity];
  claim((faults[0]?.[0] !== undefined) === wrong.some((at) => at < Infinity), () => `fault ${faults[0]?.[0]}, wrong at ${wrong.join()}`);
}

/** The octets as base 64, as xtext and as UTF-8; and encoded in each of them. */
export function encodings(octets: Uint8Array): void {
  const text = decodeLatin1(octets);
  const decoded = decodeBase64(text);
  claim(decoded === undefined || encodeBase64(decoded) === text, () => `base64 ${text} is not what its octets encode to`);
  claimEqual(decodeBase64(encodeBase64(octets)), octets, 'base64');
  const plain = decodeXtext(text);
  claim(plain === undefined || decodeXtext(encodeXtext(plain)) === plain, () => `xtext ${text}`);
  claimEqual(decodeXtext(encodeXtext(text)), text, 'xtext');
  claim(/^[!-~]*$/.test(encodeXtext(text)), () => 'xtext that is not printable');
  const characters = decodeUtf8(octets);
  if (characters !== undefined) claimEqual(encodeUtf8(characters), octets, 'UTF-8');
  claimEqual(decodeUtf8(encodeUtf8(text)), text, 'UTF-8 of characters');
  claim(encodeAscii(text).every((octet) => octet <= 0x7f), () => 'ASCII above 0x7f');
}

/** A PROXY header, and what follows it. */
export function proxyHeader(octets: Uint8Array): void {
  const results = segmentations(octets).map((segments) => {
    const decoder = new ProxyHeaderDecoder();
    let consumed = 0;
    for (const segment of segments) if (!decoder.ended) consumed += decoder.read(segment, 0);
    claim(!(decoder.header !== undefined && decoder.fault !== undefined), () => 'a header and a fault');
    claim(decoder.ended === (decoder.header !== undefined || decoder.fault !== undefined), () => 'an end without a result');
    claim(decoder.ended || consumed === octets.length, () => 'octets left over before the end');
    claim(decoder.fault !== undefined || consumed <= 16 + 0xffff, () => `${consumed} octets consumed`);
    return [decoder.header, decoder.fault, consumed];
  });
  for (const result of results) claimEqual(result, results[0], 'PROXY header under another segmentation');
}
