// ehlo's client in a process of its own: asked { to, connections, size, pattern, mails }, it sends them and answers
// { seconds }. (Started by client.mjs and hostile.mjs, see child.mjs.)

import { connectTo, delivered } from '../../dist/client.js';
import { answer } from './child.mjs';
import { mailOf } from './mail.mjs';

answer({}, async ({ to, connections, size, pattern, mails }) => {
  if (to === undefined) return {};
  const content = pattern === undefined ? mailOf(size) : Buffer.alloc(size, pattern);
  const begin = performance.now();
  const client = connectTo(`smtp://127.0.0.1:${to}`, { connections, hostname: 'client.example' });
  let fault;
  for (let count = 0; count < mails; count++) {
    await client.ready;
    void client.send({ from: 'alice@example.org', to: 'bob@example.com', content }).then(([result]) => {
      if (!delivered(result)) fault = `${result.outcome.state} ${result.outcome.reply.lines.join(' ')}`;
    });
  }
  await client.close();
  const seconds = (performance.now() - begin) / 1000;
  return fault === undefined ? { seconds } : { fault };
});
