// Transcripts in colours, for a terminal. Only the colours are added: without them the text is the same, octet for octet.

/** How a terminal is told to begin (ECMA-48 §8.3.117); a reply by the first digit of its code. */
const COLOURS = {
  client: '36', //     cyan
  done: '32', //       green: 2yz and 3yz
  notNow: '33', //     yellow: 4yz
  notSo: '31', //      red: 5yz
  world: '35', //      magenta: TLS, ends, time
  background: '2', //  faint: the header, the application, remarks
} as const;

const REPLY_COLOURS: Readonly<Record<string, keyof typeof COLOURS>> = { 2: 'done', 3: 'done', 4: 'notNow', 5: 'notSo' };

/** Returns a function that writes transcript text in colours, line by line; what ends in no line feed waits for it. */
export function inColours(write: (text: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    write(lines.map((line) => `${colourLine(line)}\n`).join(''));
  };
}

function colourLine(line: string): string {
  return line === '' ? '' : `\x1b[${COLOURS[kindOf(line)]}m${line}\x1b[0m`;
}

function kindOf(line: string): keyof typeof COLOURS {
  if (/^C[:=]/.test(line)) return 'client';
  if (line.startsWith('* ')) return 'world';
  const [, digit] = /^S[:=] "?(\d?)/.exec(line) ?? [];
  return digit === undefined ? 'background' : REPLY_COLOURS[digit] ?? 'done';
}
