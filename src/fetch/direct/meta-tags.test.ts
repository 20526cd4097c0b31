import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMetaTags } from './meta-tags.ts';

const META = '<meta name="go-import" content="a.example/x git https://git.example/x">';
const TAG = 'a.example/x git https://git.example/x';

/** Tags as their fields, and whether the page could be read to its end. */
function read(page: string): { tags: string[]; broken: boolean } {
  const { tags, fault } = parseMetaTags(Buffer.from(page));
  const texts = tags.map(({ prefix, vcs, url, subdirectory }) =>
    [prefix, vcs, url, subdirectory].filter((field) => field !== '').join(' '),
  );
  return { tags: texts, broken: fault !== undefined };
}

const ROWS: readonly (readonly [what: string, page: string, tags: readonly string[], broken?: boolean])[] = [
  ['a whole page', `<!DOCTYPE html>\n<html lang="en"><head>${META}</head><body></body></html>`, [TAG]],
  ['a tag alone', META, [TAG]],
  ['a folder as the fourth field', META.replace('">', ' go/src">'), [`${TAG} go/src`]],
  ['five fields', META.replace('">', ' a b">'), []],
  ['two fields', '<meta name="go-import" content="a.example/x git">', []],
  ['attributes in another order', `<meta content="${TAG}" name="go-import"/>`, [TAG]],
  ['other attributes between', `<meta id=1 name="go-import" hidden content="${TAG}" x='y'>`, [TAG]],
  ['single quotes', `<meta name='go-import' content='${TAG}'>`, [TAG]],
  ['a name without quotes', `<meta name=go-import content="${TAG}">`, [TAG]],
  ['a content without quotes', '<meta name=go-import content=a.example/x>', [], true],
  ['capitals in names', `<META NAME="go-import" CONTENT="${TAG}">`, [TAG]],
  ['capitals in the value', `<meta name="Go-Import" content="${TAG}">`, []],
  ['space in the value', `<meta name=" go-import" content="${TAG}">`, []],
  [
    'line feeds between fields',
    `<meta\nname="go-import"\n\tcontent=" ${TAG.replaceAll(' ', '\n ')}\n">`,
    [TAG],
  ],
  ['a namespace', `<x:meta x:name="go-import" y:content="${TAG}">`, [TAG]],
  ['the first of two contents', `<meta name="go-import" content="${TAG}" content="b git c">`, [TAG]],
  ['entities', '<meta name="go-&#105;mport" content="a.example/x git https&#x3a;//git.example/x">', [TAG]],
  [
    'an entity that XML does not have',
    `<meta name="go-import" content="a.example/&eacute; git b">`,
    ['a.example/&eacute; git b'],
  ],
  ['text and scripts around', `a & b > c <script>x = "1"</script>${META}`, [TAG]],
  ['a script with a less-than sign', `<script>if (a < b)</script>${META}`, [], true],
  ['a broken end', `${META}<a =>`, [TAG], true],
  ['a comment', `<!-- ${META} -->`, []],
  ['a comment with dashes', `<!-- a -- b -->${META}`, [], true],
  ['a comment without an end', `${META}<!-- `, [TAG], true],
  ['CDATA', `<![CDATA[ ${META} ]]>${META}`, [TAG]],
  ['the end of CDATA in text', `x ]]> ${META}`, [], true],
  ['a directive with quotes and brackets', `<!DOCTYPE html [ <!ENTITY a ">"> <!-- > --> ]>${META}`, [TAG]],
  ['an XML declaration', `<?xml version="1.0" encoding="UTF-8"?>${META}`, [TAG]],
  ['another encoding', `<?xml version="1.0" encoding="utf-16"?>${META}`, [], true],
  ['another version', `<?xml version="1.1"?>${META}`, [], true],
  ['another instruction', `<?php echo ?>${META}`, [TAG]],
  ['behind the head', `<head></head>${META}`, []],
  ['in the body', `<body>${META}`, []],
  ['a head that never ends', `<head>${META}`, [TAG]],
  ['a tag that never ends', '<meta name="go-import" content="a git', [], true],
  ['"<" in a value', `<meta name="go-import" content="a<b git c">`, [], true],
  ['a slash without its bracket', `<br / >${META}`, [], true],
  ['nothing', '', []],
];

for (const [what, page, tags, broken = false] of ROWS)
  test(`${what}: ${tags.length} tags`, () => assert.deepEqual(read(page), { tags, broken }));

test('entries for module proxies come first and stand for all others of their prefix', () => {
  const page = ['a git https://1', 'b git https://2', 'a mod https://3', 'a hg https://4']
    .map((content) => `<meta name="go-import" content="${content}">`)
    .join('');
  assert.deepEqual(read(page).tags, ['a mod https://3', 'b git https://2']);
});

const PIECES: readonly string[] = [
  ...Array.from('<>/!?"\'=&; \n-[]:'),
  '--',
  'xml',
  'meta',
  'head',
  'body',
  'name',
  'content',
  'go-import',
  'a.example/x git b',
  META,
  '</',
  '<!--',
  '-->',
  '&#x41;',
];

test('no page throws, and its tags are fields without space', () => {
  const words = fc.constantFrom(...PIECES);
  const pages = fc.oneof(
    fc.array(words, { maxLength: 60 }).map((all) => Buffer.from(all.join(''))),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(pages, (page) => {
      for (const { prefix, vcs, url, subdirectory } of parseMetaTags(page).tags) {
        assert.ok(prefix !== '' && vcs !== '' && url !== '');
        assert.ok(![prefix, vcs, url, subdirectory].some((field) => /\s/.test(field)));
      }
    }),
    { numRuns: 3000 * Number(process.env.MODGATE_TEST_FUZZ ?? 1) },
  );
});

test('the time for a hostile page is bounded by its length', () => {
  const size = 1 << 20;
  for (const piece of [
    '<!',
    '<a ',
    '<a b="',
    '&#',
    '<!--',
    '<?xml ',
    '<!"',
    "<a b='&lt;",
    '<a b=c ',
    'a:',
    '<!<',
    '<?xml version=',
  ]) {
    const started = performance.now();
    parseMetaTags(Buffer.from(piece.repeat(size / piece.length)));
    // A megabyte takes some ten ms; one look back for each character would take minutes.
    assert.ok(performance.now() - started < 5000, piece);
  }
});
