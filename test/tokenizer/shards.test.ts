/** Token shards: what is in them, whatever they are made of, by however many threads, in however many calls. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, uptime } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { HEADER_BYTES, readHeader } from '../../core/data/shards/format.ts';
import { loadShards } from '../../core/data/shards/load.ts';
import { makeShards, type ShardOptions } from '../../core/data/shards/make.ts';
import { ShardTokens } from '../../core/data/shards/shardTokens.ts';
import { UserError } from '../../core/errors.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';

const dir = mkdtempSync(join(tmpdir(), 'manygrad-shards-'));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string) => join(dir, name);
const write = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};

const verse = Array.from({ length: 60 }, (_, i) => `${i} green bottles hanging on the wall, naïve 東京\n`);
const END = 300;
const learned = RegexTokenizer.train(verse.join(''), 280);
const { merges } = learned.pairs;
/** Ids 280 to 299 are no token's. */
const tokenizer = new RegexTokenizer(learned.pattern, { merges }, new Map([['<|endoftext|>', END]]));

const options = (inputs: readonly string[], out: string, more: Partial<ShardOptions> = {}): ShardOptions => ({
  ...{ inputs, tokenizer, out: at(out), shardTokens: 100, threads: 1, textField: 'text', separator: null },
  ...more,
});

/** What the shards of these documents hold, one after the other. */
const idsOf = (documents: readonly string[]) => documents.flatMap((text) => [END, ...tokenizer.encode(text, 'none')]);

const shardsIn = (out: string) => readdirSync(at(out)).filter((name) => name.endsWith('.bin'));

function idsIn(out: string): number[] {
  return shardsIn(out).flatMap((name) => {
    const bytes = readFileSync(join(at(out), name));
    return [...new Uint16Array(bytes.buffer.slice(bytes.byteOffset + HEADER_BYTES, bytes.byteOffset + bytes.length))];
  });
}

/** Names and bytes of all shards, as if their folder were called `name`. */
const contents = (out: string, name = out) =>
  shardsIn(out).map((file) => [file.replace(out, name), readFileSync(join(at(out), file)).toString('base64')]);

/** Made by test/fixtures/make_parquet.py; the eighth row is null. */
const fixture = (codec: string) => fileURLToPath(new URL(`../fixtures/rows.${codec}.parquet`, import.meta.url));
const ROWS = Array.from({ length: 40 }, (_, i) => `Row ${i} of a table: naïve café, 東京, ${'x'.repeat(i % 5)}\n`);

describe('documents', () => {
  const special = 'it says <|endoftext|> and goes on\n';

  test('of text: a file each, begun by the mark and never by one that the text spells', async () => {
    mkdirSync(at('texts/below'), { recursive: true });
    write('texts/b.txt', `\ufeff${verse.join('')}`);
    write('texts/below/c.md', special);
    write('texts/a.txt', verse.slice(0, 5).join(''));
    write('texts/empty.txt', '');
    write('texts/.hidden', 'not this');
    const { documents, shards, done } = await makeShards(options([at('texts')], 'of-texts'));
    const expected = idsOf([verse.slice(0, 5).join(''), verse.join(''), special]);
    expect(idsIn('of-texts')).toEqual(expected);
    expect(expected.filter((id) => id === END).length).toBe(3);
    expect({ documents, done }).toEqual({ documents: 3, done: true });
    expect(shards.map(({ tokens }) => tokens).slice(0, -1)).toEqual(new Array(shards.length - 1).fill(100));
    expect(shards.reduce((total, { tokens }) => total + tokens, 0)).toBe(expected.length);
  });

  test('of a text with a separator, which may stand where it was read in two, and of JSON lines', async () => {
    // A mebibyte is read at a time, of which the first separator takes 5 bytes: the next is across the end of it.
    const long = 'é'.repeat(2 ** 19 - 4);
    const documents = [long, verse.join(''), special, 'last'];
    const parted = write('parted.txt', ['', ...documents, ''].join('~~-~~'));
    const out = { shardTokens: 50_000 };
    await makeShards(options([parted], 'of-parted', { ...out, separator: '~~-~~' }));
    const lines = documents.map((text, i) => JSON.stringify({ id: i, body: text }));
    await makeShards(options([write('l.jsonl', `${lines.join('\n\n')}\n`)], 'of-lines', { ...out, textField: 'body' }));
    expect(idsIn('of-parted')).toEqual(idsOf(documents));
    expect(contents('of-lines', 'of-parted')).toEqual(contents('of-parted'));
  });

  test.each(['snappy', 'zstd'])('of Parquet, %s, several row groups', async (codec) => {
    await makeShards(options([fixture(codec)], `of-${codec}`, { shardTokens: 300 }));
    expect(idsIn(`of-${codec}`)).toEqual(idsOf(ROWS.toSpliced(7, 1)));
  });

  test('longer than a piece, have the ids of the whole', async () => {
    const long = verse.join('').repeat(500);
    expect(long.length).toBeGreaterThan(2 ** 20);
    await makeShards(options([write('long.txt', long)], 'of-long', { shardTokens: 200_000 }));
    expect(idsIn('of-long')).toEqual(idsOf([long]));
  });
});

describe('the bytes', () => {
  const inputs = [40, 41, 42].map((times) => {
    const lines = verse.map((text) => `${JSON.stringify({ text: text.repeat(times) })}\n`);
    return write(`times${times}.jsonl`, lines.join(''));
  });
  const shardTokens = 20_000;
  const made = makeShards(options(inputs, 'whole', { shardTokens }));

  test('do not depend on the number of threads', async () => {
    await made;
    await makeShards(options(inputs, 'three', { shardTokens, threads: 3 }));
    expect(contents('three', 'whole')).toEqual(contents('whole'));
  });

  test('are not inputs themselves where their folder is among them', async () => {
    mkdirSync(at('above'));
    write('above/text.txt', verse.join(''));
    const asked = options([at('above')], 'above/shards');
    const made = await makeShards(asked);
    expect(made.making.inputs.map(({ path }) => path)).toEqual([at('above/text.txt')]);
    expect(await makeShards(asked)).toEqual(made);
  });

  test('do not depend on how often it was broken off', async () => {
    await made;
    const asked = options(inputs, 'broken', { shardTokens });
    let calls = 0;
    for (let done = false; !done; calls++) {
      const before = calls === 0 ? 0 : shardsIn('broken').length;
      const once = makeShards(asked, ({ shards }) => {
        if (shards > before) throw new Error('broken off');
      });
      done = await once.then(
        (manifest) => manifest.done,
        (error: Error) => {
          if (error.message !== 'broken off') throw error;
          return false;
        },
      );
    }
    expect(calls).toBeGreaterThan(2);
    expect(contents('broken', 'whole')).toEqual(contents('whole'));
    expect(readdirSync(at('broken')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    // Finished ones are not made again.
    expect((await makeShards(asked, () => expect.fail('nothing is to be done'))).done).toBe(true);
  });

  test('begin with a header that says what they are', async () => {
    const { shards } = await made;
    const bytes = readFileSync(join(at('whole'), shards[0]?.file ?? ''));
    expect(bytes.length).toBe(HEADER_BYTES + 2 * shardTokens);
    const sizes = { bytesPerId: 2, tokens: shardTokens, vocabSize: END + 1, endOfText: END };
    expect(readHeader(bytes)).toEqual({ ...sizes, tokenizerSha256: hashOf(tokenizer) });
    // As docs/tokenizers.md has it.
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('MGSHARD\0');
    expect([bytes.readUInt32LE(8), bytes.readUInt32LE(12), bytes.readBigUInt64LE(16)]).toEqual([1, 2, 20_000n]);
    expect([bytes.readUInt32LE(24), bytes.readUInt32LE(28)]).toEqual([END + 1, END]);
    expect(bytes.subarray(32, 64).toString('hex')).toBe(hashOf(tokenizer));
    expect(readHeader(bytes.subarray(1))).toBeNull();
  });

  test('are read from the disk as they are in a row', async () => {
    await made;
    const { shards } = await loadShards(at('whole'));
    const ids = idsIn('whole');
    const tokens = new ShardTokens(shards);
    expect(tokens.length).toBe(ids.length);
    const places = [
      [0, 5],
      [shardTokens - 10, shardTokens + 10],
      [shardTokens - 1, 3 * shardTokens + 1],
      [ids.length - 3, ids.length],
    ] as const;
    for (const [from, to] of places) expect([...tokens.slice(from, to)]).toEqual(ids.slice(from, to));
  });

  test('that are not as they were made are refused', async () => {
    const asked = options([write('small.txt', verse.join(''))], 'damaged', { shardTokens: 200 });
    const { shards } = await makeShards(asked);
    const file = join(at('damaged'), shards[1]?.file ?? '');
    await expect(loadShards(at('damaged'))).resolves.toMatchObject({ kind: 'shards' });
    const bytes = readFileSync(file);
    bytes[HEADER_BYTES + 7] = (bytes[HEADER_BYTES + 7] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await expect(loadShards(at('damaged'))).rejects.toThrow(/ is not as it was made/);
    truncateSync(file, 70);
    await expect(loadShards(at('damaged'))).rejects.toThrow(/ is not as it was made/);
    bytes.fill(7, 32, 64);
    writeFileSync(file, bytes);
    await expect(loadShards(at('damaged'))).rejects.toThrow(/ was made with another tokenizer than /);
  });

  test('whose description is not of their ids are refused, though every hash is right', async () => {
    await makeShards(options([write('described.txt', verse.join(''))], 'described'));
    const file = join(at('described'), 'shards.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    const described = (making: object) =>
      writeFileSync(file, JSON.stringify({ ...manifest, making: { ...manifest.making, ...making } }));
    for (const making of [{ bytesPerId: 4 }, { vocabSize: 7 }, { endOfText: 7 }]) {
      described(making);
      await expect(loadShards(at('described'))).rejects.toThrow(/ is not as it was made/);
    }
    // The headers say it too.
    for (const shard of manifest.shards) {
      const bytes = readFileSync(join(at('described'), shard.file));
      bytes.writeUInt32LE(4, 12);
      writeFileSync(join(at('described'), shard.file), bytes);
      shard.sha256 = createHash('sha256').update(bytes).digest('hex');
    }
    described({ bytesPerId: 4 });
    await expect(loadShards(at('described'))).rejects.toThrow(/shards\.json is damaged, its ids are not those of its/);
  });
});

describe('refused', () => {
  const text = write('refused.txt', verse.join(''));
  mkdirSync(at('none'));
  writeFileSync(at('latin.txt'), Uint8Array.of(0x61, 0xe9, 0x61));
  const cases: [string, string, Partial<ShardOptions>, RegExp][] = [
    ['a file that is not there', at('nowhere.txt'), {}, /nowhere\.txt cannot be read \(ENOENT\)/],
    ['a folder without files', at('none'), {}, /there is no file in/],
    ['no UTF-8', at('latin.txt'), {}, /latin\.txt is not valid UTF-8/],
    [
      'a tokenizer without the mark',
      text,
      { tokenizer: learned },
      /<\|endoftext\|>, which this tokenizer does not have/,
    ],
    ['no text at all', write('blank.txt', ''), {}, /the inputs have no text: give some/],
    ['too little text', text, { shardTokens: 1e6 }, /one shard of 1,000,000 holds.*: try --shard-tokens \d+, or/],
    ['no JSON', write('bad.jsonl', '{"text":"a"}\n{'), {}, /line 2 of .*bad\.jsonl is no JSON/],
    ['no field', write('field.jsonl', '{"body":"a"}'), {}, /line 1 of .* has no text in "text": .*--text-field/],
    ['no column', fixture('zstd'), { textField: 'body' }, /no column "body" but id, text, url/],
    ['no text in a column', fixture('zstd'), { textField: 'id' }, /row 0 of .* has no text in "id"/],
    ['no Parquet', write('bad.parquet', 'no'), {}, /bad\.parquet cannot be read as Parquet/],
  ];
  test.each(cases)('%s', async (name, input, more, what) => {
    const error = await makeShards(options([input], `r ${name}`, more)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(what);
  });

  test('going on with something else', async () => {
    const asked = options([text], 'begun');
    await makeShards(asked);
    const other = new RegexTokenizer(learned.pattern, { merges: merges.slice(0, 1) }, tokenizer.special);
    const going = (more: Partial<ShardOptions>) => makeShards({ ...asked, ...more });
    await expect(going({ tokenizer: other })).rejects.toThrow(/shards made with another tokenizer: ask for the same/);
    await expect(going({ shardTokens: 99 })).rejects.toThrow(/another --shard-tokens/);
    await expect(going({ separator: 'x' })).rejects.toThrow(/another --document-separator/);
    await expect(going({ inputs: [text, text] })).rejects.toThrow(/another set of inputs/);
    const first = join(asked.out, `${basename(asked.out)}-000000.bin`);
    const bytes = readFileSync(first);
    rmSync(first);
    await expect(going({})).rejects.toThrow(/-000000\.bin is not as it was made: restore it/);
    writeFileSync(first, bytes);
    await going({});
    writeFileSync(text, verse.join('').replace('59', '60'));
    await expect(going({})).rejects.toThrow(/another set of inputs, or other contents/);
  });

  test("a folder in which another process is at work; one that died there is in nobody's way", async () => {
    mkdirSync(at('locked'));
    const lock = join(at('locked'), 'shards.lock');
    const held = (pid: number) => `${hostname()} ${pid} ${Math.round(Date.now() / 1000 - uptime())}\n`;
    // This process's parent is alive as long as this test.
    writeFileSync(lock, held(process.ppid));
    const asked = options([text], 'locked');
    await expect(makeShards(asked)).rejects.toThrow(
      new UserError(
        `process ${process.ppid} is already making shards in ${at('locked')}: stop it first, or choose another folder.`,
      ),
    );
    expect(readdirSync(at('locked'))).toEqual(['shards.lock']);
    writeFileSync(lock, held(2 ** 30));
    expect((await makeShards(asked)).done).toBe(true);
    expect(readdirSync(at('locked'))).not.toContain('shards.lock');
  });

  test('a shard that cannot be put in its place: nothing of it is left, and the next call makes it', async () => {
    const asked = options([text], 'in-the-way');
    await makeShards(asked);
    const manifest = join(at('in-the-way'), 'shards.json');
    const made = JSON.parse(readFileSync(manifest, 'utf8'));
    const begun = { ...made, shards: [], documents: 0, at: { input: 0, piece: 0, tokens: 0 }, done: false };
    writeFileSync(manifest, JSON.stringify(begun));
    const first = join(at('in-the-way'), made.shards[0].file);
    rmSync(first);
    mkdirSync(join(first, 'in it'), { recursive: true });
    await expect(makeShards(asked)).rejects.toThrow(/ cannot be made \((EISDIR|ENOTEMPTY|EEXIST)\): mend that/);
    expect(readdirSync(at('in-the-way')).filter((name) => /tmp|lock/.test(name))).toEqual([]);
    rmSync(first, { recursive: true });
    expect(await makeShards(asked)).toEqual(made);
  });

  test('shards that are not finished', async () => {
    const lines = verse.map((text) => `${JSON.stringify({ text: text.repeat(300) })}\n`);
    const asked = options([write('unfinished.jsonl', lines.join(''))], 'unfinished', { shardTokens: 5000 });
    const broken = makeShards(asked, ({ shards }) => {
      if (shards > 0) throw new Error('broken off');
    });
    await expect(broken).rejects.toThrow('broken off');
    await expect(loadShards(at('unfinished'))).rejects.toThrow(/are not finished: call manygrad tokenizer shard again/);
  });
});
