// Runs npm's smtp-server as a server that keeps what it takes: smtp-server.cjs MODULES smtp|smtps|lmtp PORT FOLDER CERT KEY USER PASSWORD [HOSTNAME]
//
// Each mail becomes a file FOLDER/N.json (how it came) and FOLDER/N.eml (its octets). Prints "ready" when it listens.

const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [modules, kind, port, folder, cert, key, user, password, name = 'smtp-server.test'] = process.argv.slice(2);
const { SMTPServer } = require(join(modules, 'smtp-server'));
let count = 0;

new SMTPServer({
  name,
  disableReverseLookup: true, // it would name the machine
  lmtp: kind === 'lmtp',
  secure: kind === 'smtps',
  cert: readFileSync(cert),
  key: readFileSync(key),
  authOptional: true,
  authMethods: ['PLAIN', 'LOGIN'],
  onAuth: (auth, session, done) => (auth.username === user && auth.password === password ? done(null, { user }) : done(new Error('no'))),
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', (octets) => pieces.push(octets));
    stream.on('end', () => {
      count += 1;
      const { mailFrom, rcptTo } = session.envelope;
      const facts = { from: mailFrom.address || '', to: rcptTo.map(({ address }) => address), options: Object.entries(mailFrom.args || {}).map(([name, value]) => `${name}=${value}`), tls: session.secure, user: session.user || null };
      writeFileSync(join(folder, `${count}.eml`), Buffer.concat(pieces));
      writeFileSync(join(folder, `${count}.tmp`), JSON.stringify(facts));
      renameSync(join(folder, `${count}.tmp`), join(folder, `${count}.json`));
      done(null, kind === 'lmtp' ? rcptTo.map(() => '2.0.0 kept') : '2.0.0 kept');
    });
  },
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
