/** About the real upstream, so without the guard: what the fixture cannot show. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Go } from '../kit/go.ts';
import { Modgate } from '../kit/modgate.ts';
import { withoutUpstream } from '../kit/project.ts';
import { reachUpstream } from '../kit/reach.ts';

const upstream = await reachUpstream();
const skip = await withoutUpstream();

/** module@version → h1 of its zip, as the real client has checked it against the public database */
const SUMS: readonly (readonly [string, string])[] = [
  ['golang.org/x/text@v0.14.0', 'h1:ScX5w1eTa3QqT8oi6+ziP7dTV1S2+ALU0bI+0zXKWiQ='],
  ['github.com/BurntSushi/toml@v1.4.0', 'h1:kuoIxZQy2WRRk1pttg9asf+WVv6tWQuBNVmK8+nqPr0='],
  ['rsc.io/quote@v1.5.2', 'h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y='],
  ['gopkg.in/yaml.v3@v3.0.1', 'h1:fxVm/GzAzEWqLHuvctI91KS9hhNmmWOoWu0XTYJS7CA='],
];

describe('through modgate over the real upstream', { skip }, () => {
  let modgate: Modgate;
  let go: Go;
  before(async () => {
    go = new Go();
    modgate = await Modgate.start({ config: { chain: upstream.url } });
  });
  after(async () => {
    go.remove();
    await modgate.remove();
  });
  // The checksum database at its default; without direct, so that every byte comes through modgate.
  const options = () => ({ proxy: modgate.url, sumdb: 'sum.golang.org', limit: 200_000 });

  for (const [m, sum] of SUMS) {
    test(`${m} has the known h1`, async () => {
      const run = await go.run(['mod', 'download', '-json', m], options());
      assert.equal(run.code, 0, run.stderr + run.stdout);
      const answer: { Sum?: string } = JSON.parse(run.stdout);
      assert.equal(answer.Sum, sum);
    });
  }

  test('its checksum database passes through', async () => {
    const reply = await modgate.ask('/sumdb/sum.golang.org/lookup/rsc.io/quote@v1.5.2');
    assert.equal(reply.status, 200, reply.text);
    assert.match(reply.text, /^rsc\.io\/quote v1\.5\.2 h1:w5fcysjrx7yqtD\/aO\+QwRjYZOKnaM9Uh2b40tElTs3Y=$/m);
    assert.equal((await modgate.ask('/sumdb/sum.golang.org/latest')).status, 200);
  });

  test('the .info of a toolchain', async () => {
    const reply = await modgate.ask('/golang.org/toolchain/@v/v0.0.1-go1.22.0.linux-amd64.info');
    assert.equal(reply.status, 200, reply.text);
    assert.match(reply.text, /"Version":\s*"v0\.0\.1-go1\.22\.0\.linux-amd64"/);
  });
});
