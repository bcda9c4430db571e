// A transcript as turns to be played against a server that is not ours: what the client says is sent, and each reply is
// compared by its code (RFC 5321 §4.2: the text is for people, and differs).

import { decodeLatin1 } from '../wire/ascii.ts';
import { concat } from '../wire/octet.ts';
import { isFault } from '../syntax/fault.ts';
import { parseReplyLine } from '../syntax/reply.ts';
import { formatEntry, type Entry, type Octets, type Transcript, type TranscriptFault } from './format.ts';

export type Turn = { readonly line: number } & (
  | { readonly type: 'say'; readonly octets: Uint8Array }
  | { readonly type: 'hear'; readonly code: number; readonly text: string } // one reply, of as many lines as it has
  | { readonly type: 'tls' }
  | { readonly type: 'eof' } //    the client closes its side
  | { readonly type: 'close' } //  the server closes
);

/** The turns of the transcript, up to where its connection breaks or its client closes; or where it holds something that is no reply. */
export function turnsOf({ header: { subject }, entries }: Transcript): readonly Turn[] | TranscriptFault {
  const turns: Turn[] = [];
  let replies: (Entry & Octets)[] = []; // octets of the server that make no whole reply yet
  for (const entry of entries) {
    if (entry.type === 'octets' && entry.from === 'S') {
      replies.push(entry);
      const text = decodeLatin1(concat(replies.map(({ octets }) => octets)));
      if (!text.endsWith('\r\n')) continue;
      const last = text.split('\r\n').at(-2) ?? '';
      const reply = parseReplyLine(last);
      if (isFault(reply)) return { line: entry.line, expected: 'a reply, to compare with what the server says', found: formatEntry(entry) };
      const [first = entry] = replies;
      if (reply.last) {
        turns.push({ type: 'hear', code: reply.code, text: formatEntry(first), line: first.line });
        replies = [];
      }
    } else if (entry.type === 'octets') {
      const before = turns.at(-1);
      if (before?.type === 'say') turns[turns.length - 1] = { ...before, octets: concat([before.octets, entry.octets]) };
      else turns.push({ type: 'say', octets: entry.octets, line: entry.line });
    } else if (entry.type === 'world') {
      const { happens } = entry.event;
      if (happens === 'lost' || (happens === 'close' && subject === 'client')) break; // the client's own
      if (happens === 'eof') turns.push({ type: subject === 'client' ? 'close' : 'eof', line: entry.line }); // by the subject's peer
      else if (happens === 'tls' || happens === 'close') turns.push({ type: happens, line: entry.line });
    }
  }
  return turns;
}
