/** The flags of `manygrad tokenizer shard`. */
import { outputMode } from '../output.ts';
import { checkNode, cores, type Parser, whole } from './common.ts';

export function addTokenizerShard(parser: Parser): void {
  parser.command(
    'shard <inputs..>',
    'Make token shards, to train on, of texts, JSON lines and Parquet; called again, it goes on',
    (y) =>
      y
        .positional('inputs', {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'Files, or folders of them: .jsonl, .parquet, and text',
        })
        .options({
          tokenizer: {
            type: 'string',
            requiresArg: true,
            demandOption: true,
            describe: 'gpt2, cl100k_base or another published one, or the path of a tokenizer',
          },
          out: { type: 'string', requiresArg: true, demandOption: true, describe: 'The folder for the shards' },
          'shard-tokens': {
            type: 'number',
            requiresArg: true,
            default: 100_000_000,
            describe: 'Tokens of a shard; the first is to validate on',
          },
          threads: { type: 'number', requiresArg: true, default: cores, describe: 'Threads that encode' },
          'text-field': {
            type: 'string',
            requiresArg: true,
            default: 'text',
            describe: 'The field of JSON lines, or the column of Parquet, with the text',
          },
          'document-separator': {
            type: 'string',
            requiresArg: true,
            describe: "What parts documents in a text file, such as $'\\n\\n' (default: a file is a document)",
          },
        }),
    async (a) => {
      checkNode();
      const { tokenizerShard } = await import('../tokenizer/shard.ts');
      await tokenizerShard({
        inputs: a.inputs,
        tokenizer: a.tokenizer,
        out: a.out,
        shardTokens: whole('shard-tokens', a.shardTokens, 1),
        threads: whole('threads', a.threads, 1),
        textField: a.textField,
        separator: a.documentSeparator,
        mode: outputMode(a),
      });
    },
  );
}
