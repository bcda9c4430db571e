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
  let said: (Entry & Octets)[] = []; // by the client since the last turn
  let reply: (Entry & Octets) | undefined; // how one begins that is not whole
  let heard = ''; // its last line
  const turn = (next?: Turn): void => {
    const [first] = said;
    if (first !== undefined) turns.push({ type: 'say', octets: concat(said.map(({ octets }) => octets)), line: first.line });
    said = [];
    if (next !== undefined) turns.push(next);
  };
  for (const entry of entries) {
    if (entry.type === 'octets' && entry.from === 'S') {
      reply ??= entry;
      heard += decodeLatin1(entry.octets);
      if (!heard.endsWith('\r\n')) continue;
      const read = parseReplyLine(heard.split('\r\n').at(-2) ?? '');
      if (isFault(read)) return { line: entry.line, expected: 'a reply, to compare with what the server says', found: formatEntry(entry) };
      heard = '';
      if (!read.last) continue;
      turn({ type: 'hear', code: read.code, text: formatEntry(reply), line: reply.line });
      reply = undefined;
    } else if (entry.type === 'octets') {
      said.push(entry);
    } else if (entry.type === 'world') {
      const { happens } = entry.event;
      if (happens === 'lost' || (happens === 'close' && subject === 'client')) break; // the client's own
      if (happens === 'eof') turn({ type: subject === 'client' ? 'close' : 'eof', line: entry.line }); // by the subject's peer
      else if (happens === 'tls' || happens === 'close') turn({ type: happens, line: entry.line });
    }
  }
  turn();
  return turns;
}
