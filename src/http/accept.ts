/** "gzip", or "*" where gzip has no entry of its own, without q=0 (RFC 9110, 12.5.3). */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  if (header === 'gzip') return true;
  if (typeof header !== 'string') return false;
  let any = false;
  for (const part of header.split(',')) {
    const [, coding, weight = ''] = /^\s*(gzip|\*)\s*(?:;\s*q=(.*))?$/i.exec(part) ?? [];
    if (coding === undefined) continue;
    const accepted = !/^0(?:\.0*)?\s*$/.test(weight);
    if (coding !== '*') return accepted;
    any = accepted;
  }
  return any;
}
