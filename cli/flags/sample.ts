/** The flags of `manygrad sample`. */
import { checkNode, type Parser, trustCode, whole } from './common.ts';

export function addSample(parser: Parser): void {
  parser.command(
    'sample <from>',
    'Draw new lines from a trained model, or let it go on with a text',
    (y) =>
      y
        .positional('from', { type: 'string', demandOption: true, describe: "A run's folder, or a checkpoint" })
        .options({
          count: { type: 'number', requiresArg: true, describe: 'How many (default: 20 lines, or one text)' },
          length: {
            type: 'number',
            requiresArg: true,
            describe: 'New characters, or tokens, of a text (default: 500); of a line the most (default: 200)',
          },
          seed: { type: 'number', requiresArg: true, default: 42, describe: 'Seed of the draws' },
          temperature: {
            type: 'number',
            requiresArg: true,
            default: 1,
            describe: 'Below 1 safer, above 1 wilder; 0 always takes the likeliest one',
          },
          'top-k': {
            type: 'number',
            requiresArg: true,
            describe: 'Draw among so many of the likeliest characters or tokens (default: all)',
          },
          'top-p': {
            type: 'number',
            requiresArg: true,
            describe: 'Draw among the fewest of the likeliest that together reach this probability, such as 0.9',
          },
          prompt: { type: 'string', requiresArg: true, default: '', describe: 'How every sample begins' },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { sample } = await import('../sample.ts');
      const { from, seed, temperature, prompt, json } = a;
      await sample({
        from,
        count: a.count === undefined ? undefined : whole('count', a.count, 0),
        length: a.length === undefined ? undefined : whole('length', a.length, 1),
        seed: whole('seed', seed, 0),
        temperature,
        topK: a.topK === undefined ? undefined : whole('top-k', a.topK, 1),
        topP: a.topP,
        prompt,
        json,
        trustCode: a.trustCode,
      });
    },
  );
}
