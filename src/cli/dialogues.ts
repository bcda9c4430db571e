// Dialogues that go on at the same time, printed one behind the other: each can be read from its first line to its last.

/** One dialogue under way. */
export interface Dialogue {
  readonly write: (text: string) => void;
  readonly ended: () => void;
}

interface Kept {
  text: string;
  ended: boolean;
}

/** The first one is printed as it goes on, the others wait for their turn; an empty line parts them. */
export class Dialogues {
  readonly #print: (text: string) => void;
  #printing: Kept | undefined;
  #waiting: Kept[] = [];
  #first = true;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  open(): Dialogue {
    const kept: Kept = { text: '', ended: false };
    this.#waiting.push(kept);
    this.#go();
    return {
      write: (text) => {
        if (kept === this.#printing) this.#print(text);
        else kept.text += text;
      },
      ended: () => {
        kept.ended = true;
        if (kept !== this.#printing) return;
        this.#printing = undefined;
        this.#go();
      },
    };
  }

  #go(): void {
    while (this.#printing === undefined) {
      const kept = this.#waiting.shift();
      if (kept === undefined) return;
      this.#print(this.#first ? kept.text : `\n${kept.text}`);
      this.#first = false;
      if (!kept.ended) this.#printing = kept;
    }
  }
}
