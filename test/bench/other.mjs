// Programs of npm's to measure beside: other.mjs server|client FOLDER       (started by the benchmarks, see child.mjs)
//
// `server` is smtp-server, which takes all mail and throws it away, without the delays and look-ups that it can do without.
// `client` is nodemailer's pool.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { argv } from 'node:process';
import { answer, freePort } from './child.mjs';
import { mailOf } from './mail.mjs';

const [, , kind, folder] = argv;

async function server() {
  const { SMTPServer } = createRequire(join(folder, 'smtp-server/'))('smtp-server');
  const port = await freePort();
  const one = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    logger: false,
    maxClients: 20_000,
    onData(stream, _session, done) {
      stream.on('data', () => {});
      stream.on('end', () => done(null, 'ok'));
    },
  });
  one.on('error', () => {});
  one.listen(port, '127.0.0.1', () => answer({ port }));
}

function client() {
  const nodemailer = createRequire(join(folder, 'nodemailer/'))('nodemailer');
  answer({}, async ({ to, mails, connections, size }) => {
    if (to === undefined) return {};
    const transport = nodemailer.createTransport({ host: '127.0.0.1', port: to, pool: true, maxConnections: connections, maxMessages: Infinity, ignoreTLS: true, logger: false });
    const raw = mailOf(size);
    const begin = performance.now();
    await Promise.all(Array.from({ length: mails }, () => transport.sendMail({ envelope: { from: 'alice@example.org', to: ['bob@example.com'] }, raw })));
    const seconds = (performance.now() - begin) / 1000;
    transport.close();
    return { seconds };
  });
}

await { server, client }[kind]();
