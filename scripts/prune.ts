/** Removes what tsc has made of sources that are renamed or removed since; it leaves that. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

for (const folder of ['src', 'test', 'bench', 'scripts']) {
  const made = path.join(PROJECT, 'dist', folder);
  if (!fs.existsSync(made)) continue;
  for (const name of fs.readdirSync(made, { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/(\.d\.ts|\.js)$/, '.ts');
    if (source !== name && !fs.existsSync(path.join(PROJECT, folder, source)))
      // A build at the same time may be quicker.
      fs.rmSync(path.join(made, name), { force: true });
  }
}
