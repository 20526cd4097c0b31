import { ModgateError } from '../errors/index.ts';
import { isPrerelease } from '../module/index.ts';
import { readModuleVersion } from './module-version.ts';

/** What to do so that nobody chooses a version any more. Throws USAGE. @param text module@version */
export function retraction(text: string, reason = 'say here why'): string {
  const { path, version } = readModuleVersion(text);
  if (/\p{Cc}/u.test(reason))
    throw new ModgateError('USAGE', 'the reason must be one line of text', { next: 'Shorten it.' });
  const next = following(version);
  return `A version is retracted by a newer one; what is published stays, and builds that have it go on.

1. Add this line to the go.mod of ${path}:

       retract ${version} // ${reason}

   or let the go command do it:

       go mod edit -retract=${version}

2. Publish the next version, ${next} or whatever follows the newest one:

       git commit -am "Retract ${version}" && git tag ${next}
       modgate publish --version ${next}

3. See what users see:

       go list -m -versions ${path}              (without ${version})
       go list -m -retracted -versions ${path}   (with it)

Where ${next} is only there to say this, its go.mod may retract it too: retract [${version}, ${next}].
What must go for good, such as a leaked secret: modgate delete ${path}@${version} --reason TEXT
`;
}

/** The release behind it. */
function following(version: string): string {
  const [, major = '0', minor = '0', patch = '0'] = /^v(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return `v${major}.${minor}.${isPrerelease(version) ? patch : String(BigInt(patch) + 1n)}`;
}
