/** The flags of `manygrad tokenizer page`. */
import { outputMode } from '../output.ts';
import type { Parser } from './common.ts';
import { parseListen } from './workforce.ts';

export function addTokenizerPage(parser: Parser): Parser {
  return parser.command(
    'page [tokenizers..]',
    'Serve a page that shows the tokens of a text as one types',
    (y) =>
      y
        .positional('tokenizers', {
          type: 'string',
          array: true,
          default: [],
          describe: "Files of tokenizers to offer beside OpenAI's, or which of those to begin with",
        })
        .options({
          listen: { type: 'string', requiresArg: true, default: '127.0.0.1:8080', describe: 'Serve it at HOST:PORT' },
        }),
    async (a) => {
      const at = parseListen(a.listen);
      const { tokenizerPage } = await import('../tokenizer/page.ts');
      await tokenizerPage({ at, tokenizers: a.tokenizers, mode: outputMode(a) });
    },
  );
}
