// Loads ehlo/core in a context that has nothing but ECMAScript: no module of Node's, no global of Node's or of the web's. Lets a
// client authenticate and send a mail to a server in it, and prints what the server was asked. Run with --experimental-vm-modules.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext, SourceTextModule } from 'node:vm';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const context = createContext({ printed: [] }, { codeGeneration: { strings: false, wasm: false } });
runInContext('delete globalThis.console; delete globalThis.WebAssembly', context); // V8's own, but not ECMAScript's
const modules = new Map();

function load(path) {
  if (!modules.has(path)) modules.set(path, new SourceTextModule(readFileSync(path, 'utf8'), { identifier: path, context }));
  return modules.get(path);
}

async function link(module) {
  await module.link((specifier, from) => {
    if (!specifier.startsWith('.')) throw new Error(`${from.identifier} imports ${specifier}`);
    return load(join(dirname(from.identifier), specifier));
  });
  await module.evaluate();
  return module;
}

const main = new SourceTextModule(`
  import { beginServerExchange, ClientSession, ServerSession, parseForwardPath, parseReversePath } from './core.js';
  for (const name of ['process', 'Buffer', 'setTimeout', 'console', 'TextDecoder', 'URL', 'require']) if (name in globalThis) throw new Error(name);
  const octetsOf = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const noHash = () => { throw new Error('PLAIN needs none'); };
  const exchange = { hash: { sha256: noHash, hmacSha256: noHash, hmacMd5: noHash }, nonce: 'once', hostname: 'mx.example.com', decoy: { secret: octetsOf('secret'), iterations: 4096 } };
  const server = new ServerSession({ hostname: 'mx.example.com', auth: { mechanisms: ['PLAIN'], clearText: true, begin: (mechanism) => beginServerExchange(mechanism, exchange) } }, 0);
  const client = new ClientSession({ hostname: 'client.example.org', auth: { secret: { type: 'password', authcid: 'tim', password: 'tanstaaf' }, hash: exchange.hash, nonce: 'once', clearText: true } }, 0);
  let sent = false;
  for (let acted = true; acted; ) {
    acted = false;
    for (let action; (action = server.next()); acted = true) {
      if (action.type === 'send') client.receive(action.octets.slice(), 0);
      if (action.type !== 'ask') continue;
      const { question } = action;
      printed.push(question.about);
      if (question.about === 'auth') server.answerAuth({ type: question.auth.authcid === 'tim' && question.auth.password === 'tanstaaf' ? 'yes' : 'no' });
      else server.accept();
    }
    for (let action; (action = client.next()); acted = true) {
      if (action.type === 'send') server.receive(action.octets.slice(), 0);
      if (action.type === 'outcome') printed.push(action.outcome.state);
      if (action.type === 'want-content') sent ? client.contentEnd(0) : client.content(octetsOf('Subject: x\\r\\n\\r\\n.\\r\\n'), 0), (sent = true);
      if (action.type === 'ready') sent ? client.quit(0) : client.send({ reversePath: parseReversePath('<a@b.example>'), forwardPaths: [parseForwardPath('<c@d.example>')], size: 19 }, 0);
    }
  }
`, { identifier: join(DIST, 'main.js'), context });
await link(main);
console.log(`${modules.size > 20 ? 'whole' : 'too few modules'}: ${context.printed.join(' ')}`);
