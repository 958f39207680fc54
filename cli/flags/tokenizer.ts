/** The flags of `manygrad tokenizer`. */
import { UserError } from '../../core/errors.ts';
import { outputMode } from '../output.ts';
import { FORMATS } from '../tokenizer/formats.ts';
import { checkNode, cores, type Parser, whole } from './common.ts';
import { addTokenizerPage } from './tokenizerPage.ts';
import { addTokenizerShard } from './tokenizerShard.ts';

const TOKENIZER = 'gpt2, cl100k_base or another published one, or the path of a tokenizer';

const tokenizer = { type: 'string', requiresArg: true, demandOption: true, describe: TOKENIZER } as const;
const binary = {
  choices: ['uint16', 'uint32'] as const,
  requiresArg: true,
  describe: 'Ids as little-endian numbers, without anything between them',
} as const;
const out = { type: 'string', requiresArg: true, describe: 'Write to this file (default: standard output)' } as const;
const allowedSpecial = {
  type: 'string',
  requiresArg: true,
  default: 'none_raise',
  describe: 'Special tokens to read as such: all, none (they are text), none_raise (an error), or a list with commas',
} as const;

export function addTokenizer(parser: Parser): void {
  parser.command(
    'tokenizer',
    'Train tokenizers, encode and decode with them, look into them, make token shards',
    (y) => {
      addTrain(y);
      addEncode(y);
      addDecode(y);
      addInspect(y);
      addCompare(y);
      addConvert(y);
      addTokenizerShard(y);
      addTokenizerPage(y);
      return y.demandCommand(
        1,
        'Say what to do with tokenizers: train, encode, decode, inspect, compare, convert, shard or page',
      );
    },
  );
}

function addTrain(parser: Parser): void {
  parser.command(
    'train <files..>',
    'Learn a tokenizer from text files',
    (y) =>
      y
        .positional('files', { type: 'string', array: true, demandOption: true, describe: 'Text files, in UTF-8' })
        .options({
          kind: {
            choices: ['regex', 'basic', 'sentencepiece'] as const,
            default: 'regex' as const,
            describe: 'Cut into words before, merge across all of a text, or merge code points as SentencePiece does',
          },
          pattern: {
            type: 'string',
            requiresArg: true,
            describe: 'How to cut: gpt4 (default), gpt2, or a regular expression',
          },
          'vocab-size': {
            type: 'number',
            requiresArg: true,
            default: 512,
            describe: 'Tokens in all: 256 bytes, what is learned, and the special tokens; fewer where no pair is left',
          },
          special: {
            type: 'string',
            array: true,
            nargs: 1,
            default: [],
            describe: "A special token, such as '<|endoftext|>'; several get the last ids in their order",
          },
          out: {
            type: 'string',
            requiresArg: true,
            default: 'tokenizer',
            describe: 'Where to write: OUT.model, and OUT.vocab to look at (sentencepiece: OUT.json)',
          },
          threads: { type: 'number', requiresArg: true, default: cores, describe: 'Threads that read and count' },
        }),
    async (a) => {
      checkNode();
      const { kind, pattern } = a;
      const common = {
        files: a.files,
        vocabSize: whole('vocab-size', a.vocabSize, 256),
        special: a.special,
        out: a.out,
        mode: outputMode(a),
      };
      if (kind === 'sentencepiece') {
        if (pattern !== undefined) throw new UserError('SentencePiece has no pattern: leave out --pattern.');
        const { trainPieces } = await import('../tokenizer/trainSentencePiece.ts');
        await trainPieces(common);
        return;
      }
      const { train } = await import('../tokenizer/train.ts');
      process.exitCode = await train({ ...common, kind, pattern, threads: whole('threads', a.threads, 1) });
    },
  );
}

function addEncode(parser: Parser): void {
  parser.command(
    'encode [inputs..]',
    'Texts to ids, of any length',
    (y) =>
      y
        .positional('inputs', {
          type: 'string',
          array: true,
          default: [],
          describe: 'Files, texts (after -- if they begin with a dash), or - for standard input (default)',
        })
        .options({
          tokenizer,
          'allowed-special': allowedSpecial,
          lines: { type: 'boolean', default: false, describe: 'Each line by itself, without its end' },
          count: { type: 'boolean', default: false, describe: 'Print how many tokens there are, and nothing else' },
          binary,
          out,
        }),
    async (a) => {
      checkNode();
      const { encode } = await import('../tokenizer/encode.ts');
      const { inputs, tokenizer, allowedSpecial, lines, count, binary, out, json } = a;
      await encode({ inputs, tokenizer, allowedSpecial, lines, count, binary, out, json });
    },
  );
}

function addDecode(parser: Parser): void {
  parser.command(
    'decode [inputs..]',
    'Ids to text',
    (y) =>
      y
        .positional('inputs', {
          type: 'string',
          array: true,
          default: [],
          describe: 'Ids, files of ids, or - for standard input (default)',
        })
        .options({
          tokenizer,
          lines: { type: 'boolean', default: false, describe: 'Each line of ids to a line of text' },
          binary,
          out,
        }),
    async (a) => {
      checkNode();
      const { decode } = await import('../tokenizer/decode.ts');
      const { inputs, tokenizer, lines, binary, out, json } = a;
      await decode({ inputs, tokenizer, lines, binary, out, json });
    },
  );
}

function addInspect(parser: Parser): void {
  parser.command(
    'inspect <tokenizer>',
    'Show what a tokenizer has learned, how well it compresses, and what it never uses',
    (y) =>
      y.positional('tokenizer', { type: 'string', demandOption: true, describe: TOKENIZER }).options({
        corpus: {
          type: 'string',
          array: true,
          requiresArg: true,
          default: [],
          describe: 'Text files: how well each is compressed, and which tokens are in none',
        },
        merges: { type: 'number', requiresArg: true, default: 20, describe: 'So many merges' },
        from: { type: 'number', requiresArg: true, default: 0, describe: 'From this one on; the first is 0' },
      }),
    async (a) => {
      checkNode();
      const { inspect } = await import('../tokenizer/inspect.ts');
      await inspect({
        tokenizer: a.tokenizer,
        corpus: a.corpus,
        merges: whole('merges', a.merges, 0),
        from: whole('from', a.from, 0),
        mode: outputMode(a),
      });
    },
  );
}

function addCompare(parser: Parser): void {
  parser.command(
    'compare <first> <second> [others..]',
    'Several tokenizers on the same texts: tokens, time, and where they cut',
    (y) =>
      y
        .positional('first', { type: 'string', demandOption: true, describe: TOKENIZER })
        .positional('second', { type: 'string', demandOption: true, describe: 'Another' })
        .positional('others', {
          type: 'string',
          array: true,
          default: [],
          describe:
            'More of them (published names, .model, .json and .tiktoken files); then files, a text, or - (default: sentences in several languages)',
        }),
    async (a) => {
      checkNode();
      const { compare } = await import('../tokenizer/compare.ts');
      await compare({ tokenizers: [a.first, a.second], others: a.others, mode: outputMode(a) });
    },
  );
}

function addConvert(parser: Parser): void {
  parser.command(
    'convert <tokenizer>',
    'Write a tokenizer in another format',
    (y) =>
      y.positional('tokenizer', { type: 'string', demandOption: true, describe: TOKENIZER }).options({
        to: { choices: FORMATS, requiresArg: true, demandOption: true, describe: 'The format (docs/tokenizers.md)' },
        out: {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          describe: 'The file to write; with --to gpt2, the folder for its two files',
        },
      }),
    async (a) => {
      checkNode();
      const { convert } = await import('../tokenizer/convert.ts');
      await convert({ tokenizer: a.tokenizer, to: a.to, out: a.out, mode: outputMode(a) });
    },
  );
}
