/** `manygrad tokenizer` as real processes: what it writes is what the library makes. What is wrong: cliWrong.test.ts. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { Cli, endAll, root, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
afterEach(endAll);
afterAll(remove);

const EOT = '<|endoftext|>';
const TEXT = `${'The cat sat on the mat, and the other cat sat beside it.\n'.repeat(50)}Ünïcödé 你好 🌊 don't\r\n\r\n  end`;

function run(args: readonly string[], input: string | Uint8Array = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['cli.ts', 'tokenizer', ...args], {
    cwd: root,
    input,
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

function good(args: readonly string[], input?: string | Uint8Array): string {
  const { status, stdout, stderr } = run(args, input);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const trained = () => readMinbpe(readFileSync(at('t.model'), 'utf8'), 't.model');

beforeAll(() => {
  writeFileSync(at('text.txt'), TEXT);
  writeFileSync(at('other.txt'), 'Nothing of the kind.');
  good([
    'train',
    at('text.txt'),
    '--vocab-size',
    '300',
    '--special',
    EOT,
    '--out',
    at('t'),
    '--threads',
    '2',
    '--quiet',
  ]);
});

describe('train', () => {
  test('writes the tokenizer that the library learns, and tells a program each merge', () => {
    const expected = RegexTokenizer.train(TEXT, 299);
    expect(trained().pairs.merges).toEqual(expected.pairs.merges);
    expect([...trained().special]).toEqual([[EOT, 299]]);
    expect(readFileSync(at('t.vocab'), 'utf8')).toContain(`[${EOT}] 299\n`);
    const events = lines(good(['train', at('text.txt'), '--vocab-size', '299', '--out', at('u'), '--json']));
    const merges = events.filter(({ event }) => event === 'merge');
    expect(merges.map(({ left, right }) => [left, right])).toEqual(expected.pairs.merges);
    expect(events.at(-1)).toMatchObject({ event: 'trained', tokens: 299, merges: 43, special: {} });
  });

  test('trains a basic one, and says where no pair is left', () => {
    writeFileSync(at('aaab.txt'), 'aaabdaaabac');
    const said = good(['train', at('aaab.txt'), '--kind', 'basic', '--out', at('basic')]);
    expect(said).toMatch(/^26\d tokens, and not 512, since no pair is left/);
    expect(good(['encode', at('aaab.txt'), '--tokenizer', at('basic.model'), '--count'])).toBe('1\n');
  });

  test('is stopped by a signal, and leaves nothing', async () => {
    writeFileSync(at('long.txt'), Array.from({ length: 300_000 }, (_, i) => `w${i.toString(36)} `).join(''));
    const cli = new Cli([
      'tokenizer',
      'train',
      at('long.txt'),
      '--vocab-size',
      '100000',
      '--out',
      at('long'),
      '--json',
    ]);
    await cli.until(({ event }) => event === 'merge');
    cli.kill('SIGINT');
    expect(await cli.exited).toEqual({ code: 130, signal: null });
    expect(cli.stderr).toBe('');
    expect(existsSync(at('long.model'))).toBe(false);
  });
});

describe('encode and decode', () => {
  test('give the ids of the library, and back the text to a byte', () => {
    const flags = ['--tokenizer', at('t.model')];
    const ids = good(['encode', ...flags], TEXT);
    expect(ids).toBe(`${trained().encode(TEXT).join(' ')}\n`);
    expect(good(['decode', ...flags], ids)).toBe(TEXT);
    expect(good(['encode', at('text.txt'), ...flags, '--count'])).toBe(`${trained().count(TEXT)}\n`);
    expect(good(['encode', 'hello world', '--tokenizer', 'cl100k_base'])).toBe('15339 1917\n');
    expect(good(['decode', '[31373, 995]', '--tokenizer', 'gpt2'])).toBe('hello world');
  });

  test('stream what is larger than a piece, as text and in binary, byte-order mark and all', () => {
    const text = `\ufeff${TEXT.repeat(300)}`;
    writeFileSync(at('larger.txt'), text);
    const flags = ['--tokenizer', at('t.model')];
    const expected = trained().encode(text);
    const ids = good(['encode', at('larger.txt'), ...flags]);
    expect(ids.trimEnd().split(' ').map(Number)).toEqual([...expected]);
    expect(good(['decode', ...flags], ids)).toBe(text);
    for (const width of ['uint16', 'uint32'] as const) {
      const file = at(`ids.${width}`);
      expect(good(['encode', at('larger.txt'), ...flags, '--binary', width, '--out', file])).toBe('');
      expect(readFileSync(file).length).toBe(expected.length * (width === 'uint16' ? 2 : 4));
      good(['decode', file, ...flags, '--binary', width, '--out', at('back.txt')]);
      expect(readFileSync(at('back.txt'), 'utf8')).toBe(text);
    }
  });

  test('line by line, each by itself', () => {
    const flags = ['--tokenizer', at('t.model'), '--lines'];
    const ids = good(['encode', ...flags], 'the cat\r\n\nsat\n');
    expect(ids).toBe(`${['the cat', '', 'sat'].map((line) => trained().encode(line).join(' ')).join('\n')}\n`);
    expect(good(['decode', ...flags], ids)).toBe('the cat\n\nsat\n');
  });

  test('read special tokens where they are allowed', () => {
    const flags = ['--tokenizer', at('t.model')];
    const text = `a${EOT}b`;
    const plain = trained().encode(text, 'none');
    expect(run(['encode', ...flags], text).stderr).toMatch(/^manygrad: the text holds the special token .*\n$/);
    expect(good(['encode', ...flags, '--allowed-special', 'none'], text)).toBe(`${plain.join(' ')}\n`);
    for (const allowed of ['all', EOT])
      expect(good(['encode', ...flags, '--allowed-special', allowed], text)).toBe('97 299 98\n');
  });

  test('write nothing where something is wrong in the middle', () => {
    const text = `${TEXT.repeat(300)}${EOT}`;
    const { status } = run(['encode', '--tokenizer', at('t.model'), '--out', at('broken.ids')], text);
    expect(status).toBe(1);
    expect(existsSync(at('broken.ids'))).toBe(false);
  });
});

describe('inspect and compare', () => {
  test('show merges in order, compression, and the tokens that a corpus has not', () => {
    const events = lines(
      good(['inspect', at('t.model'), '--corpus', at('other.txt'), '--from', '1', '--merges', '2', '--json']),
    );
    const of = (kind: string) => events.filter(({ event }) => event === kind);
    const { pairs } = trained();
    expect(of('tokenizer')).toMatchObject([{ vocabSize: 300, merges: 43, special: { [EOT]: 299 } }]);
    expect(of('merge').map(({ rank, left, right, id }) => [rank, left, right, id])).toEqual([
      [1, ...(pairs.merges[1] ?? []), 257],
      [2, ...(pairs.merges[2] ?? []), 258],
    ]);
    expect(of('language').map(({ of }) => of)).toContain('Japanese');
    const ids = trained().encode('Nothing of the kind.');
    expect(of('file')).toMatchObject([{ bytes: 20, tokens: ids.length, bytesPerToken: 20 / ids.length }]);
    const used = new Set(ids);
    expect(of('unseen')).toEqual([
      {
        event: 'unseen',
        count: 299 - used.size,
        of: 299,
        ids: Array.from({ length: 299 }, (_, id) => id).filter((id) => !used.has(id)),
      },
    ]);
  });

  test("find GPT-2's SolidGoldMagikarp where no text has it", () => {
    const events = lines(good(['inspect', 'gpt2', '--corpus', at('text.txt'), '--merges', '0', '--json']));
    expect(events.find(({ event }) => event === 'unseen')).toMatchObject({ ids: expect.arrayContaining([43453]) });
  });

  test('lay tokens beside each other, white space visible', () => {
    const said = good(['compare', 'gpt2', at('t.model'), 'the  cat\n']);
    expect(said).toMatch(/gpt2: 4 tokens +\S*t\.model: \d tokens\n {2}the\|·\|·cat\|↵\| +\S/);
    const events = lines(good(['compare', 'gpt2', at('t.model'), '你', '--json']));
    expect(events.map(({ tokenizer, tokens, bytes }) => [tokenizer, tokens, bytes])).toEqual([
      ['gpt2', 2, 3],
      [at('t.model'), 3, 3],
    ]);
    expect(events[0]).toMatchObject({ pieces: [{ text: '\\xe4\\xbd' }, { text: '\\xa0' }] });
    const small = lines(good(['compare', 'gpt2', at('t.model'), at('text.txt'), '--json']));
    expect(small.map(({ bytes }) => bytes)).toEqual([Buffer.byteLength(TEXT), Buffer.byteLength(TEXT)]);
  });
});
