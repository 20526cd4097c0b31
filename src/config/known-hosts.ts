/**
 * Hosts of patterns that a known_hosts file of ssh (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) has no key of, as that file
 * would name them. None where names in it are hashed, and of a pattern with a glob: those cannot be told.
 * @param patterns host[:port]/path, in lower case
 */
export function unknownHosts(text: string, patterns: readonly string[]): string[] {
  const lists = text.split('\n').flatMap((line) => namesOf(line) ?? []);
  if (lists.some((list) => list.startsWith('|'))) return [];
  const hosts = new Set(patterns.flatMap((pattern) => pattern.split('/', 1)));
  return [...hosts].flatMap((host) => {
    const names = /^([a-z0-9.-]+)(?::([0-9]+))?$/.exec(host);
    if (names === null) return [];
    const [, name = '', port = '22'] = names;
    const meant = port === '22' ? name : `[${name}]:${port}`;
    // ssh takes an entry without a port for every port.
    const isKnown = lists.some((list) => isIn(list, meant) || isIn(list, name));
    return isKnown ? [] : [meant];
  });
}

/** The list of names that a line is for; undefined for a comment, and for a key that is not to be trusted. */
function namesOf(line: string): string | undefined {
  const [first = '', second] = line.trim().split(/\s+/);
  if (first === '' || first.startsWith('#') || first === '@revoked') return undefined;
  return first === '@cert-authority' ? second : first;
}

function isIn(list: string, name: string): boolean {
  const globs = list.toLowerCase().split(',');
  const matching = globs.filter((glob) => matches(glob.replace(/^!/, ''), name));
  return matching.length > 0 && !matching.some((glob) => glob.startsWith('!'));
}

function matches(glob: string, name: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${pattern}$`).test(name);
}
