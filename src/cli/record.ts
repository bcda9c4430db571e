// `ehlo record`: a proxy between a client and a server that writes each session as a transcript.

import { EXIT } from '../node/exit-status.ts';
import { RecordProxy } from '../node/record-proxy.ts';
import { TraceFolder } from '../node/trace-folder.ts';
import { VERSION } from '../node/version.ts';
import { formatNextHop } from '../relay/next-hop.ts';
import { runCommand, type Terminal, type Usage } from './command-line.ts';
import { Ending } from './ending.ts';
import { misuse } from './misuse.ts';
import { bound, DIR, HOST_PORT, one } from './option.ts';
import { reason } from './reason.ts';

const OPTIONS = {
  listen: one(bound('an address and a port such as 127.0.0.1:2526'), 'where clients connect'),
  to: one(HOST_PORT, 'the server that they are passed on to'),
  out: one(DIR, 'folder for the transcripts, made on first use', '.'),
};

const USAGE = {
  name: 'ehlo record',
  operands: '',
  operandCount: { least: 0, most: 0 },
  about: 'Stands between clients and a server, passes on what each says, and writes every session as a transcript, with its\ncuts, and with passwords, tokens and proofs struck out; what STARTTLS protects is not read. `ehlo replay --server` plays its\nclient again, to that server or another; without it, replies are compared word by word with those that this program gives.\nSIGTERM and SIGINT end it.',
  examples: ['ehlo record --listen 127.0.0.1:2526 --to mx.example.com:25 --out sessions'],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

export function record(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, async ({ options: { listen, to, out } }) => {
    if (listen === undefined || to === undefined) return misuse(`expected ${listen === undefined ? '--listen HOST:PORT' : '--to HOST:PORT'}, found none`);
    const complain = (text: string): void => terminal.err(`ehlo: ${text}\n`);
    let folder: TraceFolder;
    let proxy: RecordProxy;
    try {
      folder = await TraceFolder.open(out, complain);
    } catch (error) {
      complain(`cannot write transcripts to ${out}: ${reason(error)}`);
      return EXIT.cannotCreate;
    }
    try {
      const source = `ehlo record ${VERSION}, ${new Date().toISOString().slice(0, 10)}, secrets struck out`;
      proxy = await RecordProxy.listen({ listen, to, folder, source, ended: (name, trouble) => terminal.out(`${name}${trouble === undefined ? '' : `: ${trouble}`}\n`) });
    } catch (error) {
      complain(`cannot record: ${reason(error)}`);
      return EXIT.unavailable;
    }
    const address = proxy.address;
    const port = typeof address === 'object' && address !== null ? address.port : listen.port;
    terminal.err(`ehlo: recording on ${formatNextHop({ ...listen, port })}, to ${formatNextHop(to)}\n`);
    await new Ending().awaited;
    await proxy.close();
    return EXIT.ok;
  });
}
