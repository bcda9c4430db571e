// Where a text stops being JSON (RFC 8259), and what would be right there: JSON.parse tells a place only sometimes, and each
// version of V8 in other words. A name that stands twice in the outermost object is a fault too, though JSON.parse takes it, and
// the last one counts (§4: "the names within an object SHOULD be unique"): whoever wrote both meant both.

import { quote } from '../wire/ascii.ts';

export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly found: string;
}

const TOKEN = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{},:]/y;
const WHITE_SPACE = /[ \t\n\r]*/y;

/** What is awaited between two tokens. */
type Awaited = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or }' | ', or ]' | 'end';

const EXPECTED: Readonly<Record<Awaited, string>> = {
  'value': 'a value',
  'value or ]': 'a value or "]"',
  'name': 'a name in double quotes',
  'name or }': 'a name in double quotes or "}"',
  ':': '":"',
  ', or }': '"," or "}"',
  ', or ]': '"," or "]"',
  'end': 'the end',
};

/** Returns undefined for text that is JSON, and has each name once. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('{' | '[')[] = [];
  const behindValue = (): Awaited => ({ '{': ', or }', '[': ', or ]', none: 'end' } as const)[open.at(-1) ?? 'none'];
  const names = new Set<unknown>(); // in the outermost object
  let awaited: Awaited = 'value';
  for (let at = 0; ; ) {
    WHITE_SPACE.lastIndex = at;
    at += WHITE_SPACE.exec(text)?.[0].length ?? 0;
    if (at === text.length && awaited === 'end') return undefined;
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0] ?? '';
    const next = step(awaited, token, open, behindValue);
    if (next === undefined) return faultAt(text, at, EXPECTED[awaited]);
    if (next === ':' && open.length === 1) {
      const name: unknown = JSON.parse(token);
      if (names.has(name)) return faultAt(text, at, 'each name once');
      names.add(name);
    }
    awaited = next;
    at += token.length;
  }
}

/** Returns what is awaited behind the token; undefined where it is none that may stand there. */
function step(awaited: Awaited, token: string, open: ('{' | '[')[], behindValue: () => Awaited): Awaited | undefined {
  const wantsValue = awaited === 'value' || awaited === 'value or ]';
  const closes = (token === '}' && (awaited === 'name or }' || awaited === ', or }')) || (token === ']' && (awaited === 'value or ]' || awaited === ', or ]'));
  if (closes) {
    open.pop();
    return behindValue();
  }
  if (token === ',' && (awaited === ', or }' || awaited === ', or ]')) return awaited === ', or }' ? 'name' : 'value';
  if (token === ':') return awaited === ':' ? 'value' : undefined;
  if (token.startsWith('"') && (awaited === 'name' || awaited === 'name or }')) return ':';
  if (!wantsValue || token === '' || /^[\]},]/.test(token)) return undefined;
  if (token !== '{' && token !== '[') return behindValue();
  open.push(token);
  return token === '{' ? 'name or }' : 'value or ]';
}

function faultAt(text: string, at: number, expected: string): JsonFault {
  const before = text.slice(0, at).split('\n');
  const found = at === text.length ? 'the end' : quote(text.slice(at).split('\n', 1)[0] ?? '', 20);
  return { line: before.length, column: (before.at(-1) ?? '').length + 1, expected, found };
}
