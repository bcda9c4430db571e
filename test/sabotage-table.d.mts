/** What the mistake is, the file below src/, the text that stands there, the one in its place, and the tests that have to notice. */
export const MISTAKES: readonly (readonly [string, string, string, string, string])[];
