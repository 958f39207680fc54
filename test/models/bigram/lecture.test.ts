/** `manygrad lecture bigram` tells all of it and leaves its picture, which says what it is and what is in each cell. */
import { expect, test } from 'vitest';
import { loadLines } from '../../../core/data/load.ts';
import { Vocabulary } from '../../../core/data/vocabulary.ts';
import { count } from '../../../models/bigram/counting.ts';
import { heatMap } from '../../../models/bigram/heatMap.ts';
import { lecture } from '../../../models/bigram/lecture.ts';

async function told(lines: readonly string[]) {
  const said: string[] = [];
  const files = new Map<string, string>();
  await lecture({
    say: (text) => said.push(text),
    file: (name, text) => files.set(name, text),
    lines: () => Promise.resolve(lines),
    steps: 2,
  });
  return { text: said.join('\n'), files };
}

test('the lecture is told of the built-in names', async () => {
  const { lines } = await loadLines('names');
  const { text, files } = await told(lines);
  for (let part = 1; part <= 6; part++) expect(text).toContain(`${part}. `);
  expect(text).toContain('Counted in 29,693 names');
  expect(text).toMatch(/Log-likelihood of \w+, \w+, \w+: −\d+\.\d{4} over \d+ bigrams/);
  expect(text).toContain('andrejq');
  expect(text).toMatch(/step {3}1: loss \d\.\d{4}/);
  expect(text).toMatch(/(\w+\. ?){5}$/);
  expect(text).not.toMatch(/NaN|undefined/);
  expect([...files.keys()]).toEqual(['counts.svg']);
});

test('it is told of other lines too, without the letters of andrejq', async () => {
  const { text } = await told(['x<&', 'x']);
  expect(text).toContain('"x<&" gives 4 examples: . → x, x → <, < → &, & → .');
  expect(text).not.toContain('andrejq');
  expect(text).not.toMatch(/NaN|undefined/);
});

test('lines of too many characters are refused', async () => {
  const many = Array.from({ length: 200 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  await expect(told(many)).rejects.toThrow(
    'these lines have 200 different characters, too many for a table of pairs: give names with --data.',
  );
});

test('the heat map has a cell a pair, white for none and dark for the most', () => {
  const words = ['a<', 'a<', 'a'];
  const vocabulary = Vocabulary.fromLines(words);
  const svg = heatMap(count(words, vocabulary), vocabulary.symbols);
  expect(svg).toContain('role="img"');
  expect(svg).toContain('<title>');
  const cells = [...svg.matchAll(/fill="(rgb[^"]+)".*?>([^<]+)<\/text>.*?>(\d+)<\/text>/g)].map((m) => m.slice(1));
  expect(cells).toHaveLength(9);
  expect(cells).toContainEqual(['rgb(255 255 255)', '..', '0']);
  // The vocabulary is ., <, a.
  expect(cells[2]).toEqual(['rgb(8 48 107)', '.a', '3']);
  expect(cells[3]).toEqual(['rgb(59 121 172)', '&lt;.', '2']);
  expect(svg).not.toMatch(/href|script|url\(/);
});
