// Text that strangers wrote, on its way to a person's terminal.

/**
 * Returns the text with `\uXXXX` for what a terminal acts upon, or turns the direction of writing, and shows nobody: control characters
 * (those of U+0080 to U+009F too), marks and isolates of direction, line separators, the byte order mark. JSON stays JSON that means the same.
 */
export function visible(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
