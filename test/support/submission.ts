// Clients of a program that serves, as many tests need them.

import { RawPeer } from './raw-peer.ts';

/** Greets a server on a port of 127.0.0.1. */
export async function greet(port: number | undefined): Promise<RawPeer> {
  const peer = await RawPeer.connect(port ?? 0);
  await peer.reply();
  await peer.command('EHLO client.test');
  return peer;
}

/** Sends a mail to bob of a domain, over a connection of its own; returns the reply to its end. */
export async function submit(port: number | undefined, domain = 'b.test'): Promise<string> {
  const peer = await greet(port);
  for (const line of ['MAIL FROM:<alice@a.test>', `RCPT TO:<bob@${domain}>`, 'DATA']) await peer.command(line);
  const end = await peer.command('Subject: hi\r\n\r\nhi\r\n.');
  peer.reset();
  return end;
}

/** Is refused so often by a server that relays for nobody that it logs some 700 kB: more than all buffers of the system. */
export async function refuseMany(port: number | undefined): Promise<void> {
  const path = `<${'b'.repeat(64)}@${'b.'.repeat(80)}test>`;
  for (let session = 0; session < 12; session++) {
    const peer = await greet(port);
    peer.say(`MAIL FROM:${path}\r\n${`RCPT TO:${path}\r\n`.repeat(100)}QUIT\r\n`);
    const replies = await peer.rest();
    if (!/\r\n221 [^\n]+\n$/.test(replies)) throw new Error(`expected 221 at the end of ${replies}`);
    peer.end();
  }
}
