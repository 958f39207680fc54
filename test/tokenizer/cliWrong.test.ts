/** What a user does wrong with `manygrad tokenizer` is told in one sentence, and the command fails. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { refused, scratch } from '../support/cli.ts';
import { complains } from '../support/commands.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
beforeAll(() => writeFileSync(at('t.model'), writeMinbpe(new BasicTokenizer([[97, 98]]))));
afterAll(remove);

describe('what is wrong', () => {
  const t = ['--tokenizer', at('t.model')];
  test.each([
    ['nothing to do', [], /Say what to do with tokenizers/],
    ['no file to train on', ['train'], /lacks what it is to be done with/],
    ['a file that is not there', ['train', 'no.txt'], /no\.txt cannot be read \(ENOENT\): give the path/],
    ['a folder', ['train', 'test'], /test is no file: give the paths/],
    [
      'a vocabulary below the bytes',
      ['train', 'LICENSE', '--vocab-size', '255'],
      /--vocab-size must be .* at least 256/,
    ],
    [
      'no room for special tokens',
      ['train', 'LICENSE', '--vocab-size', '256', '--special', 'x'],
      /make it at least 257/,
    ],
    ['one special token twice', ['train', 'LICENSE', '--special', 'x', '--special', 'x'], /give each once/],
    ['a pattern that is none', ['train', 'LICENSE', '--pattern', '('], /is no regular expression/],
    ['a pattern for what has none', ['train', 'LICENSE', '--kind', 'basic', '--pattern', 'gpt2'], /has no pattern/],
    ['a folder to write in that is not', ['train', 'LICENSE', '--out', 'no/t'], /there is no folder no/],
    ['a tokenizer that is not there', ['encode', 'x', '--tokenizer', 'no.model'], /no\.model cannot be read/],
    ['a tokenizer that is none', ['encode', 'x', '--tokenizer', 'LICENSE'], /LICENSE is no tokenizer/],
    ['a file to encode that is not there', ['encode', './no.txt', ...t], /no\.txt does not exist/],
    [
      'ids too large for their width',
      ['encode', 'x', '--tokenizer', 'cl100k_base', '--binary', 'uint16'],
      /use --binary uint32/,
    ],
    ['a special token that is none', ['encode', 'x', ...t, '--allowed-special', 'EOT'], /is no special token/],
    ['an id that is none', ['decode', '7', 'x', ...t], /"x" is no token id/],
    ['an id beyond the vocabulary', ['decode', '50257', ...t], /50257 is no token/],
    ['one tokenizer to compare', ['compare', 'gpt2'], /lacks what it is to be done with/],
    ['one flag twice', ['encode', 'x', ...t, ...t], /--tokenizer was given 2 times/],
    ['a kind that is none', ['train', 'LICENSE', '--kind', 'odd'], /--kind is one of "regex", .*, not "odd": see/],
    [
      'a pattern by a name that none has',
      ['train', 'LICENSE', '--pattern', 'gpt5'],
      /no pattern named gpt5: give gpt2/,
    ],
    ['a name for files that is a folder', ['train', 'LICENSE', '--out', `${dir}/`], /add the name of the tokenizer/],
    ['a folder to write into', ['encode', 'x', ...t, '--out', dir], /is a folder: name a file/],
    ['an id with a part', ['decode', '1.5', ...t], /"1\.5" is no token id/],
    ['an id that is too long', ['decode', '97,12345678901234567890', ...t], /"12345678901234567890" is no token id/],
    ['a merge beyond the last', ['inspect', at('t.model'), '--from', '1'], /beyond the 1 merges of/],
    ['several to read one pipe', ['compare', at('t.model'), 'gpt2', '-'], /cannot read one pipe/],
    [
      'a separator without a text',
      ['shard', 'LICENSE', '--tokenizer', 'gpt2', '--out', at('s'), '--document-separator', ''],
      /--document-separator is empty: give the text/,
    ],
    ['a file for a folder', ['shard', 'LICENSE', '--tokenizer', 'gpt2', '--out', at('t.model')], /choose a folder/],
  ])('%s', async (_, args, what) => complains(['tokenizer', ...args], what));

  test('is told on stderr, with an exit code', () =>
    refused(['tokenizer', 'decode', '50257', ...t], /50257 is no token/));

  test('leaves neither file where one cannot be written', async () => {
    mkdirSync(at('half.vocab'));
    await complains(
      ['tokenizer', 'train', 'LICENSE', '--vocab-size', '260', '--out', at('half')],
      /half\.vocab is a folder/,
    );
    expect(existsSync(at('half.model'))).toBe(false);
  });
});
