import type { Access } from './access.ts';
import type { Address } from './address.ts';
import type { Pair } from './issuer.ts';

/**
 * A credential helper that git runs by a shell. It prints two variables of its environment, so that nothing secret is in
 * an argument or a file.
 */
const HELPER =
  '!f() { case "$1" in get) printf \'username=%s\\npassword=%s\\n\' "$MODGATE_GIT_USERNAME" "$MODGATE_GIT_PASSWORD";; esac; }; f';

/**
 * How git is given a pair: by a helper that git itself asks for one scheme, host and port only, wherever a redirect may
 * have led it, and below so many elements of the path.
 */
export function pairAccess(
  remote: Address,
  { username, password }: Pair,
  elements: number,
): Pick<Access, 'env' | 'config'> {
  const { scheme, host, port, path } = remote;
  const below = path.split('/').slice(0, elements);
  const scope = [`${scheme}://${host}${port === '' ? '' : `:${port}`}`, ...below].join('/');
  return {
    env: { MODGATE_GIT_USERNAME: username, MODGATE_GIT_PASSWORD: password },
    config: [[`credential.${scope}.helper`, HELPER]],
  };
}
