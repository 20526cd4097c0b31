import { ModgateError } from '../errors/index.ts';
import { compareVersions, isPrerelease, type ModuleVersion, type Version } from '../module/index.ts';
import type { Known, Way } from './retraction-facts.ts';

const INCOMPATIBLE = '+incompatible';

/** What to do so that nobody chooses a version any more. Throws USAGE for a reason that is no line. */
export function retraction({ path, version }: ModuleVersion, known: Known, reason = 'say here why'): string {
  if (/\p{Cc}/u.test(reason))
    throw new ModgateError('USAGE', 'the reason must be one line of text', { next: 'Shorten it.' });
  const next = nextOf(version, known.versions);
  const isOld = version.endsWith(INCOMPATIBLE);
  // A version without go.mod was never published here.
  const way = isOld ? 'direct' : known.way;
  const both = isOld
    ? ''
    : `\nWhere ${next} is only there to say this, its go.mod may retract it too: retract [${version}, ${next}].`;
  return `A version is retracted by a newer one; what is released stays, and builds that have it go on.

1. Add this line to the go.mod of ${path}${isOld ? ' (make one where there is none: go mod init)' : ''}:

       retract ${version} // ${reason}

   or let the go command do it:

       go mod edit -retract=${version}

2. Release the next version, ${next} or whatever follows the newest one${isOld ? `; a version with a go.mod is no ${INCOMPATIBLE} one, so it is v0 or v1` : ''}:

       git commit -am "Retract ${version}" && git tag ${next}
${release(way, next)}
3. See what users see:

       go list -m -versions ${path}              (without ${version})
       go list -m -retracted -versions ${path}   (with it)
${both}
What must go for good, such as a leaked secret: modgate delete ${path}@${version} --reason TEXT
`;
}

function release(way: Way | undefined, next: string): string {
  const push = `       git push origin HEAD ${next}\n`;
  const publish = `       modgate publish --version ${next}\n`;
  if (way !== undefined) return way === 'direct' ? push : publish;
  return `${push}${publish.trimEnd()}    (only where modules are published to modgate)\n`;
}

/** The release behind the newest one that can retract it. @param stored in any order */
function nextOf(version: Version, stored: readonly Version[]): string {
  const isOld = version.endsWith(INCOMPATIBLE);
  const rivals = stored.filter(
    (one) => !one.endsWith(INCOMPATIBLE) && (isPrerelease(version) || !isPrerelease(one)),
  );
  const newest = (isOld ? rivals : [...rivals, version]).sort(compareVersions).at(-1);
  return newest === undefined ? 'v1.0.0' : following(newest);
}

function following(version: string): string {
  const [, major = '0', minor = '0', patch = '0'] = /^v(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return `v${major}.${minor}.${isPrerelease(version) ? patch : String(BigInt(patch) + 1n)}`;
}
