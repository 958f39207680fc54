/** The flags of `manygrad token`. */
import { outputMode } from '../output.ts';
import type { Parser } from './common.ts';

export function addToken(parser: Parser): void {
  parser.command('token', "Make and revoke workers' own tokens, in a file for train --tokens", (y) =>
    y
      .options({ tokens: { type: 'string', default: 'tokens.json', describe: 'The file' } })
      .command(
        'add <name>',
        'Make a token, and print it once',
        (yy) =>
          yy
            .positional('name', { type: 'string', demandOption: true, describe: 'Whose it is' })
            .options({ trusted: { type: 'boolean', default: false, describe: 'Its work needs no checking' } }),
        async (a) => {
          const { add } = await import('../token.ts');
          add({ tokens: a.tokens, mode: outputMode(a) }, a.name, a.trusted);
        },
      )
      .command(
        'list',
        'Say whose tokens there are',
        (yy) => yy,
        async (a) => {
          const { list } = await import('../token.ts');
          list({ tokens: a.tokens, mode: outputMode(a) });
        },
      )
      .command(
        'revoke <name>',
        'Take a token out of the file: its worker is sent away',
        (yy) => yy.positional('name', { type: 'string', demandOption: true, describe: 'Whose it is' }),
        async (a) => {
          const { revoke } = await import('../token.ts');
          revoke({ tokens: a.tokens, mode: outputMode(a) }, a.name);
        },
      )
      .demandCommand(1, 'Say what to do with tokens: add, list or revoke'),
  );
}
