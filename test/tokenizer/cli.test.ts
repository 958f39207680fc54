/** `manygrad tokenizer`: what it writes is what the library makes, through real pipes too. What is wrong: cliWrong.test.ts. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { hashOf } from '../../core/tokenizer/description.ts';
import { readMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { Cli, endAll, root, scratch } from '../support/cli.ts';
import { complains, printed } from '../support/commands.ts';

const { dir, remove } = scratch();
const at = (name: string) => join(dir, name);
afterEach(endAll);
afterAll(remove);

const EOT = '<|endoftext|>';
const TEXT = `${'The cat sat on the mat, and the other cat sat beside it.\n'.repeat(50)}Ünïcödé 你好 🌊 don't\r\n\r\n  end`;

/** In a process of its own, which reads a pipe. */
function piped(args: readonly string[], input: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['cli.ts', 'tokenizer', ...args], {
    cwd: root,
    input,
  });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout.toString();
}

const good = (args: readonly string[]): Promise<string> => printed('tokenizer', ...args);

const lines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const trained = () => readMinbpe(readFileSync(at('t.model'), 'utf8'), 't.model');

beforeAll(async () => {
  writeFileSync(at('text.txt'), TEXT);
  writeFileSync(at('other.txt'), 'Nothing of the kind.');
  await good([
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
  test('writes the tokenizer that the library learns, and tells a program each merge', async () => {
    const expected = RegexTokenizer.train(TEXT, 299);
    expect(trained().pairs.merges).toEqual(expected.pairs.merges);
    expect([...trained().special]).toEqual([[EOT, 299]]);
    expect(readFileSync(at('t.vocab'), 'utf8')).toContain(`[${EOT}] 299\n`);
    const events = lines(await good(['train', at('text.txt'), '--vocab-size', '299', '--out', at('u'), '--json']));
    const merges = events.filter(({ event }) => event === 'merge');
    expect(merges.map(({ left, right }) => [left, right])).toEqual(expected.pairs.merges);
    expect(events.at(-1)).toMatchObject({ event: 'trained', tokens: 299, merges: 43, special: {} });
  });

  test('trains a basic one, and says where no pair is left', async () => {
    writeFileSync(at('aaab.txt'), 'aaabdaaabac');
    const said = await good(['train', at('aaab.txt'), '--kind', 'basic', '--out', at('basic')]);
    expect(said).toMatch(/^26\d tokens, and not 512, since no pair is left/);
    expect(await good(['encode', at('aaab.txt'), '--tokenizer', at('basic.model'), '--count'])).toBe('1\n');
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

describe('train --kind sentencepiece', () => {
  test('tells of each piece, and of lines that are too long to learn from', async () => {
    writeFileSync(at('wide.txt'), `${'the cat '.repeat(1000)}\n${'a cat sat\n'.repeat(20)}`);
    const args = ['train', at('wide.txt'), '--kind', 'sentencepiece', '--vocab-size', '270', '--out', at('pieces')];
    const events = lines(await good([...args, '--json']));
    expect(events[0]).toEqual({
      event: 'warning',
      warning: expect.stringMatching(/^a line is longer than 4192 bytes/),
    });
    expect(events[1]).toEqual({ event: 'piece', pieces: 1, count: 40 });
    const tokenizer = await loadTokenizer(at('pieces.json'));
    expect(events.at(-1)).toMatchObject({ event: 'trained', tokens: 270, hash: hashOf(tokenizer) });
    expect(tokenizer.decode(tokenizer.encode('the cat'))).toBe('the cat');
  });
});

describe('encode and decode', () => {
  test('give the ids of the library, and back the text to a byte', async () => {
    const flags = ['--tokenizer', at('t.model')];
    const ids = piped(['encode', ...flags], TEXT);
    expect(ids).toBe(`${trained().encode(TEXT).join(' ')}\n`);
    expect(piped(['decode', ...flags], ids)).toBe(TEXT);
    expect(await good(['encode', at('text.txt'), ...flags, '--count'])).toBe(`${trained().count(TEXT)}\n`);
    expect(await good(['encode', 'hello world', '--tokenizer', 'cl100k_base'])).toBe('15339 1917\n');
    expect(await good(['decode', '[31373, 995]', '--tokenizer', 'gpt2'])).toBe('hello world');
  });

  test('stream what is larger than a piece, as text and in binary, byte-order mark and all', async () => {
    const text = `\ufeff${TEXT.repeat(300)}`;
    writeFileSync(at('larger.txt'), text);
    const flags = ['--tokenizer', at('t.model')];
    const expected = trained().encode(text);
    const ids = await good(['encode', at('larger.txt'), ...flags]);
    expect(ids.trimEnd().split(' ').map(Number)).toEqual([...expected]);
    writeFileSync(at('ids'), ids);
    expect(await good(['decode', at('ids'), ...flags])).toBe(text);
    for (const width of ['uint16', 'uint32'] as const) {
      const file = at(`ids.${width}`);
      expect(await good(['encode', at('larger.txt'), ...flags, '--binary', width, '--out', file])).toBe('');
      expect(readFileSync(file).length).toBe(expected.length * (width === 'uint16' ? 2 : 4));
      await good(['decode', file, ...flags, '--binary', width, '--out', at('back.txt')]);
      expect(readFileSync(at('back.txt'), 'utf8')).toBe(text);
    }
  });

  test('line by line, each by itself', async () => {
    const flags = ['--tokenizer', at('t.model'), '--lines'];
    writeFileSync(at('lines'), 'the cat\r\n\nsat\n');
    const ids = await good(['encode', at('lines'), ...flags]);
    expect(ids).toBe(`${['the cat', '', 'sat'].map((line) => trained().encode(line).join(' ')).join('\n')}\n`);
    writeFileSync(at('lines.ids'), ids);
    expect(await good(['decode', at('lines.ids'), ...flags])).toBe('the cat\n\nsat\n');
  });

  test('read special tokens where they are allowed', async () => {
    const flags = ['--tokenizer', at('t.model')];
    const text = `a${EOT}b`;
    const plain = trained().encode(text, 'none');
    await complains(['tokenizer', 'encode', text, ...flags], /the text holds the special token/);
    expect(await good(['encode', text, ...flags, '--allowed-special', 'none'])).toBe(`${plain.join(' ')}\n`);
    for (const allowed of ['all', EOT])
      expect(await good(['encode', text, ...flags, '--allowed-special', allowed])).toBe('97 299 98\n');
  });

  test('write nothing where something is wrong in the middle', async () => {
    writeFileSync(at('broken.txt'), `${TEXT.repeat(300)}${EOT}`);
    const encode = ['tokenizer', 'encode', at('broken.txt'), '--tokenizer', at('t.model'), '--out', at('broken.ids')];
    await complains(encode, /the text holds the special token/);
    expect(readdirSync(dir).filter((name) => name.startsWith('broken.ids'))).toEqual([]);
  });

  test('leave nothing where a signal stops them', async () => {
    const encode = ['tokenizer', 'encode', '--tokenizer', at('t.model'), '--out', at('stopped.ids')];
    // Its input never ends.
    const child = spawn(process.execPath, ['cli.ts', ...encode], { cwd: root, stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    child.stdin.write(TEXT.repeat(30));
    await expect.poll(() => existsSync(at('stopped.ids.tmp')), { timeout: 20_000 }).toBe(true);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(readdirSync(dir).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  test('write into a pipe that has a name, and leave it one', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const read = readFile(at('fifo'), 'utf8');
    await good(['encode', 'hello world', '--tokenizer', 'gpt2', '--out', at('fifo')]);
    expect(await read).toBe('31373 995\n');
    expect(statSync(at('fifo')).isFIFO()).toBe(true);
  });

  test('replace the file that a link leads to, and not the link', async () => {
    writeFileSync(at('linked'), 'old');
    symlinkSync(at('linked'), at('link'));
    await good(['encode', 'hello world', '--tokenizer', 'gpt2', '--out', at('link')]);
    expect(readFileSync(at('linked'), 'utf8')).toBe('31373 995\n');
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  });

  test('take - for standard input among others, and what follows -- for texts', () => {
    const flags = ['--tokenizer', at('t.model'), '--count'];
    expect(piped(['encode', ...flags, 'a', '-', '--', '--lines', '- b'], 'abc')).toBe(
      '1 a\n3 standard input\n7 --lines\n2 - b\n13 in all\n',
    );
  });

  test('tell a program of a text without tokens', async () => {
    writeFileSync(at('empty'), '');
    const events = lines(await good(['encode', at('empty'), '--tokenizer', at('t.model'), '--json']));
    expect(events).toEqual([{ event: 'ids', input: at('empty'), ids: [] }]);
  });

  test.skipIf(!existsSync('/dev/full'))('say so where standard output is full', () => {
    const full = openSync('/dev/full', 'r+');
    const encode = ['cli.ts', 'tokenizer', 'encode', 'a', '--tokenizer', at('t.model')];
    const { signal, stderr } = spawnSync(process.execPath, encode, { cwd: root, stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    expect(stderr.toString()).toMatch(/^manygrad: standard output cannot be written \(ENOSPC\): [^\n]+\n$/);
    expect(signal).toBe('SIGTERM');
  });
});

describe('inspect and compare', () => {
  test('show merges in order, compression, and the tokens that a corpus has not', async () => {
    const events = lines(
      await good(['inspect', at('t.model'), '--corpus', at('other.txt'), '--from', '1', '--merges', '2', '--json']),
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

  test("find GPT-2's SolidGoldMagikarp where no text has it", async () => {
    const events = lines(await good(['inspect', 'gpt2', '--corpus', at('text.txt'), '--merges', '0', '--json']));
    expect(events.find(({ event }) => event === 'unseen')).toMatchObject({ ids: expect.arrayContaining([43453]) });
  });

  test('lay tokens beside each other, white space visible', async () => {
    const said = await good(['compare', 'gpt2', at('t.model'), 'the  cat\n']);
    expect(said).toMatch(/gpt2: 4 tokens +\S*t\.model: \d tokens\n {2}the\|·\|·cat\|↵\| +\S/);
    const events = lines(await good(['compare', 'gpt2', at('t.model'), '你', '--json']));
    expect(events.map(({ tokenizer, tokens, bytes }) => [tokenizer, tokens, bytes])).toEqual([
      ['gpt2', 2, 3],
      [at('t.model'), 3, 3],
    ]);
    expect(events[0]).toMatchObject({ pieces: [{ text: '\\xe4\\xbd' }, { text: '\\xa0' }] });
    const small = lines(await good(['compare', 'gpt2', at('t.model'), at('text.txt'), '--json']));
    expect(small.map(({ bytes }) => bytes)).toEqual([Buffer.byteLength(TEXT), Buffer.byteLength(TEXT)]);
  });
});
