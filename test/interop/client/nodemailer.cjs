// Sends a mail through nodemailer: nodemailer.cjs MODULE clear|starttls|tls PORT CA FROM TO FILE [USER PASSWORD MECHANISM]

const { readFileSync } = require('node:fs');

const [module_, how, port, ca, from, to, file, user, pass, mechanism] = process.argv.slice(2);
const { createTransport } = require(module_);

createTransport({
  host: 'localhost', port: Number(port), name: 'client.test', tls: { ca: readFileSync(ca) },
  secure: how === 'tls', requireTLS: how === 'starttls', ignoreTLS: how === 'clear',
  ...(user === undefined ? {} : { auth: { user, pass }, authMethod: mechanism }),
}).sendMail({ envelope: { from, to: [to], use8BitMime: true }, raw: readFileSync(file) }).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
