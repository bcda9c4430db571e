// What holds for a client session whatever a server sends: nothing throws, every recipient gets one outcome, and 'delivered' needs
// a 2yz that came behind the end of mail data.

import { describe, expect, it } from 'vitest';
import { ClientDialogue, ehloReply } from '../../support/client-dialogue.ts';
import { mutate, randomOf, randomPieces, seeds } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { someCuts } from '../../wire/every.ts';

const RECIPIENTS = ['bob@example.com', 'carol@example.com', 'dave@example.com'];
const CONTENT = 'Subject: hello\r\n\r\n.dot\r\n';

/** What a server says in turn, each as soon as the client waits. */
type Script = readonly string[];

const lines = (...texts: readonly string[]): string => texts.map((text) => `${text}\r\n`).join('');

const PIPELINED = lines(...ehloReply(['PIPELINING', 'SIZE 1000', '8BITMIME']));
const SCRIPTS: readonly (readonly [title: string, script: Script])[] = [
  ['two mails', [lines('220 mx'), PIPELINED, lines('250 ok', '250 ok', '250 ok', '550-no', '550 such user', '354 go'), lines('250 2.0.0 taken'), lines('250 ok', '250 ok', '250 ok', '250 ok', '354 go'), lines('451 no'), lines('221 bye')]],
  ['two mails, one command at a time', [lines('220-mx', '220 ESMTP'), lines('500 what'), lines('250 mx'), ...Array.from({ length: 4 }, () => lines('250 ok')), lines('354 go'), lines('250 taken'), lines('250 ok'), ...Array.from({ length: 3 }, () => lines('550 no')), lines('221 bye')]],
  ['a mail refused', [lines('220 mx'), PIPELINED, lines('550 5.7.1 not you', '503 no', '503 no', '503 no', '503 no'), lines('250 reset', '250 ok', '250 ok', '552 full', '452 full', '354 go'), lines('250 taken'), lines('221 bye')]],
  ['nobody accepted', [lines('220 mx'), PIPELINED, lines('250 ok', '550 no', '450 no', '551 no', '354 go'), lines('250 taken'), lines('421 bye')]],
  ['a client turned away', [lines('554 no'), lines('221 bye')]],
];

/** Sends two mails and QUIT. */
class Application {
  readonly client = new ClientDialogue();
  mails = 0;
  /** Octets that the server had sent when an end of mail data went out. */
  readonly ends: number[] = [];
  received = '';

  receive(text: string): void {
    this.received += text;
    this.client.receive(text);
    this.#act();
  }

  /** Whatever is left to do when nothing more comes. */
  end(random: Random | undefined): void {
    if (random?.chance(0.3) === true) this.client.wait(600_000);
    else this.client.end();
    while (this.mails < 2 && this.client.closes === 1 && this.client.session.state === 'closed') {
      try {
        this.#mail();
      } catch {
        return; // QUIT was answered: a session without failure takes no more mail
      }
    }
  }

  #mail(): void {
    this.client.mail(RECIPIENTS);
    this.mails += 1;
  }

  #act(): void {
    const { client } = this;
    while (client.ready && this.mails < 2) this.#mail();
    if (client.ready) client.quit();
    if (!client.wanting) return;
    client.give(CONTENT);
    client.finish();
    this.ends.push(this.received.length);
  }
}

function live(script: Script, cut: (text: string) => readonly string[], random?: Random): Application {
  const application = new Application();
  for (const text of script) for (const piece of cut(text)) application.receive(piece);
  application.end(random);
  return application;
}

/** The end of mail data at which each mail was taken: behind it, from the start of the line that was under way, stands a 2yz. */
function soundOf({ client, mails, ends, received }: Application): string | undefined {
  const told = client.told.join('\n').split(/(?<=^done)\n?/m).filter((text) => text !== '');
  if (told.length !== mails) return `${told.length} transactions told of, not ${mails}`;
  const counts = told.map((text) => text.split('\n').length);
  if (counts.some((count) => count !== RECIPIENTS.length + 1)) return `outcomes told: ${counts.join()}`;
  if (client.closes !== 1) return `${client.closes} closes`;
  const delivered = told.filter((text) => text.includes(' delivered '));
  const taken = ends.filter((at) => {
    const from = received.lastIndexOf('\r\n', at - 1) + 2;
    return /^(2\d\d-[^\r\n]*\r\n)*2\d\d( [^\r\n]*)?\r\n/.test(received.slice(from));
  });
  if (delivered.length > taken.length) return `${delivered.length} delivered, ${taken.length} taken`;
  if (delivered.length + told.filter((text) => text.includes(' unknown ')).length > ends.length) return 'an outcome that needs an end of mail data, without one';
  return undefined;
}

describe('the actions of a client session', () => {
  it.each(SCRIPTS)('are the same whole, octet by octet and for every cut: %s', (_, script) => {
    const whole = live(script, (text) => [text]);
    expect(soundOf(whole)).toBeUndefined();
    const length = Math.max(...script.map((text) => text.length));
    for (const cuts of someCuts(length)) {
      const { client } = live(script, (text) => [0, ...cuts].map((from, at) => text.slice(from, cuts[at] ?? text.length)).filter((piece) => piece !== ''));
      if (client.sent !== whole.client.sent || client.told.join() !== whole.client.told.join()) expect({ cuts, sent: client.sent, told: client.told }).toEqual({ cuts, sent: whole.client.sent, told: whole.client.told });
    }
  });
});

describe('a server\'s octets', () => {
  // shows RFC5321:2.1-1
  it('never throw, and leave each recipient one outcome: random ones', () => {
    for (const seed of seeds(250)) {
      const random = randomOf(seed);
      const script = Array.from({ length: 1 + random.below(10) }, () => Array.from({ length: 1 + random.below(5) }, () => random.pick(OCTETS)).join(''));
      survive(random.chance(0.5) ? script : [lines('220 mx'), PIPELINED, ...script], random, seed);
    }
  });

  it('never throw, and leave each recipient one outcome: those of mutated dialogues', () => {
    for (const seed of seeds(400)) {
      const random = randomOf(seed);
      const [, script] = random.pick(SCRIPTS);
      const at = random.below(script.length);
      survive(script.map((text, index) => (index === at ? mutate(text, random, OCTETS) : text)), random, seed);
    }
  });

  it('make no mail delivered in random order', () => {
    let delivered = 0;
    for (const seed of seeds(1_500)) {
      const random = randomOf(seed);
      const replies = Array.from({ length: 12 }, () => lines(random.pick(['250 ok', '250 ok', '250 ok', '250 ok', '354 go', '354 go', '550 no', '451 no', '421 bye', '221 bye'])));
      delivered += Number(survive([lines('220 mx'), random.chance(0.5) ? PIPELINED : lines('250 mx'), ...replies], random, seed).client.told.some((told) => told.includes('delivered')));
    }
    expect(delivered).toBeGreaterThan(10); // so that the rule was at stake
  });
});

function survive(script: Script, random: Random, seed: number): Application {
  const application = live(script, (text) => randomPieces(text, random, random.pick([1, 20, 200])), random);
  const trouble = soundOf(application);
  if (trouble !== undefined) expect({ seed, script, told: application.client.told, trouble }).toEqual({ seed, script, told: [], trouble: undefined });
  return application;
}

const OCTETS = ['\r', '\n', '\r\n', '2', '250', '250 ok\r\n', '250-ok\r\n', '354 go\r\n', '550 no\r\n', '451 no\r\n', '421 bye\r\n', '220 mx\r\n', ' ', '-', '.', '\0', '\xff', 'PIPELINING', '250-PIPELINING\r\n', '1', '6', '9'];
