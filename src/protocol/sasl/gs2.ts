// The header with which SCRAM-* and OAUTHBEARER begin (RFC 5801 §4, as RFC 5802 §7 has it): what the client knows of channel
// binding, and as whom it wants to act.

/**
 *   n   the client knows of no channel binding
 *   y   it does, and saw no -PLUS offered
 *   p   it uses the one that is named
 */
export type Gs2Flag = { readonly type: 'n' | 'y' } | { readonly type: 'p'; readonly name: string };

export interface Gs2Header {
  readonly flag: Gs2Flag;
  readonly authzid: string | undefined;
  /** As written, both commas included. */
  readonly text: string;
}

/** Returns the header with which the text begins; undefined where it begins with none. */
export function readGs2Header(text: string): Gs2Header | undefined {
  const [whole, flag, name, authzid] = /^(n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,/.exec(text) ?? [];
  if (whole === undefined || flag === undefined) return undefined;
  const decoded = authzid === undefined ? undefined : parseSaslName(authzid);
  if (authzid !== undefined && decoded === undefined) return undefined;
  return { flag: name === undefined ? { type: flag === 'y' ? 'y' : 'n' } : { type: 'p', name }, authzid: decoded, text: whole };
}

export function formatGs2Header(flag: Gs2Flag, authzid: string | undefined): string {
  return `${flag.type === 'p' ? `p=${flag.name}` : flag.type},${authzid === undefined ? '' : `a=${formatSaslName(authzid)}`},`;
}

/** Returns the name; undefined where it is empty, holds NUL or a comma, or `=` without `2C` or `3D` behind it (RFC 5802 §5.1). */
export function parseSaslName(text: string): string | undefined {
  if (!/^(?:[^=,\0]|=2C|=3D)+$/u.test(text)) return undefined;
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

export function formatSaslName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}
