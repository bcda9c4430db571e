/** What was thrown, as a text for people: its message, without a stack. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
