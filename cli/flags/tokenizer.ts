/** The commands under `manygrad tokenizer`. */
import type { Parser } from './common.ts';
import { addTokenizerShard } from './tokenizerShard.ts';

export function addTokenizer(parser: Parser): void {
  parser.command(
    'tokenizer',
    'Turn text into tokens',
    (y) => {
      addTokenizerShard(y);
      return y.demandCommand(1, 'Say what to do with a tokenizer: shard');
    },
    () => undefined,
  );
}
