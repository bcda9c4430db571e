// Sends a mail through emailjs: emailjs.mjs MODULE clear|starttls|tls PORT CA FROM TO FILE [USER PASSWORD MECHANISM]
// FILE holds the body; the header is made here.

import { readFileSync } from 'node:fs';

const [module, how, port, ca, from, to, file, user, password, mechanism] = process.argv.slice(2);
const { SMTPClient } = await import(module);
const trusting = { ca: readFileSync(ca) };
const client = new SMTPClient({
  host: 'localhost', port: Number(port), domain: 'client.test', ssl: how === 'tls' ? trusting : false, tls: how === 'starttls' ? trusting : false,
  ...(user === undefined ? {} : { user, password, authentication: [mechanism] }),
});
await client.sendAsync({ text: readFileSync(file, 'utf8'), from, to, subject: 'content' });
