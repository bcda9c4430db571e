// The floor: what node:net, and a disk, cost for this traffic when nothing is checked. It answers each line with a canned reply,
// looks for CRLF.CRLF with indexOf, and throws the mail away. Not an SMTP server: a ruler.
//
//   floor.mjs discard | durable FILE | relay FILE PORT       (started by the benchmarks, see child.mjs)
//
// `durable` appends each mail to FILE and answers after an fdatasync: one writev and one fdatasync for all that wait. `relay`
// hands each mail on to PORT as well, behind its answer, over connections that are kept, a command at a time.

import { closeSync, fdatasync, openSync, writev } from 'node:fs';
import { createServer } from 'node:net';
import { argv } from 'node:process';
import { answer } from './child.mjs';
import { Feeder } from './feeder.mjs';

const [, , kind, path, next] = argv;
const END = Buffer.from('\r\n.\r\n');
const EHLO = '250-floor\r\n250-PIPELINING\r\n250 8BITMIME\r\n';
const count = { mails: 0, syncs: 0 };

// ---- the disk

let file = -1;
let waiting = [];
let busy = false;

function commit() {
  if (busy || waiting.length === 0) return;
  busy = true;
  const batch = waiting;
  waiting = [];
  writev(file, batch.map(({ content }) => content), null, () =>
    fdatasync(file, () => {
      count.syncs += 1;
      busy = false;
      for (const { done } of batch) done();
      commit();
    }),
  );
}

// ---- the next hop

const queued = []; // mails that wait for a connection
const feeders = [];

function forward(content) {
  queued.push([content, Buffer.from('.\r\n')]);
  if (feeders.length < 20 && queued.length > feeders.filter((feeder) => feeder.resting).length) feeders.push(new Feeder(Number(next), { take: () => queued.shift() }));
  for (const feeder of feeders) feeder.wake();
}

// ---- the server

const server = createServer({ noDelay: true }, (socket) => {
  let inData = false;
  let rest = Buffer.alloc(0);
  let pieces = [];
  const end = (content) => {
    count.mails += 1;
    waiting.push({
      content,
      done() {
        socket.write('250 ok\r\n');
        if (kind === 'relay') forward(content);
      },
    });
    commit();
  };
  socket.on('error', () => {});
  socket.write('220 floor\r\n');
  socket.on('data', (read) => {
    const chunk = rest.length > 0 ? Buffer.concat([rest, read]) : read;
    rest = Buffer.alloc(0);
    let replies = '';
    for (let at = 0; at < chunk.length; ) {
      if (inData) {
        const found = chunk.indexOf(END, at);
        if (found < 0) {
          const keep = Math.max(at, chunk.length - 4); // CRLF.CRLF may go on in the next read
          if (kind !== 'discard') pieces.push(chunk.subarray(at, keep));
          rest = chunk.subarray(keep);
          break;
        }
        inData = false;
        if (kind === 'discard') {
          count.mails += 1;
          replies += '250 ok\r\n';
        } else {
          pieces.push(chunk.subarray(at, found + 2));
          if (replies !== '') socket.write(replies);
          replies = '';
          end(Buffer.concat(pieces));
          pieces = [];
        }
        at = found + 5;
      } else {
        const crlf = chunk.indexOf('\r\n', at);
        if (crlf < 0) {
          rest = chunk.subarray(at);
          break;
        }
        const verb = chunk[at] & 0xdf;
        at = crlf + 2;
        if (verb === 0x44) { //        DATA, whose CRLF may begin CRLF.CRLF
          inData = true;
          replies += '354 go\r\n';
          at = crlf;
        } else if (verb === 0x51) { // QUIT
          socket.end(`${replies}221 bye\r\n`);
          return;
        } else replies += verb === 0x45 ? EHLO : '250 ok\r\n';
      }
    }
    if (replies !== '') socket.write(replies);
  });
});

if (kind !== 'discard') file = openSync(path, 'w');
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => answer({ port: server.address().port }, () => count, () => file >= 0 && closeSync(file)));
