/** The flags of `manygrad grow`. */
import { outputMode } from '../output.ts';
import { checkNode, type Parser, trustCode, whole } from './common.ts';

export function addGrow(parser: Parser): void {
  parser.command(
    'grow <from>',
    "Add tokens to a trained model's vocabulary, as a new run",
    (y) =>
      y
        .positional('from', { type: 'string', demandOption: true, describe: "A run's folder, or a checkpoint" })
        .options({
          characters: {
            type: 'string',
            requiresArg: true,
            describe: 'The characters to add, to a model that was trained on characters',
          },
          special: {
            type: 'string',
            array: true,
            nargs: 1,
            describe: 'A special token to add, such as "<|user|>", to a model that was trained on tokens',
          },
          tokenizer: {
            type: 'string',
            requiresArg: true,
            describe: "Its tokenizer with tokens added: a tokenizer's file, or a published name",
          },
          out: { type: 'string', requiresArg: true, demandOption: true, describe: "The new run's folder" },
          data: {
            type: 'string',
            requiresArg: true,
            describe: "The text that the new run trains on (default: the old one's)",
          },
          freeze: { type: 'boolean', default: false, describe: 'Train only what is new, and leave all else as it is' },
          seed: {
            type: 'number',
            requiresArg: true,
            default: 1337,
            describe: 'What the first values of the new parameters are drawn from',
          },
          'trust-code': trustCode,
        }),
    async (a) => {
      checkNode();
      const { grow } = await import('../grow.ts');
      const { from, characters, special, tokenizer, out, data, freeze, trustCode } = a;
      const seed = whole('seed', a.seed, 0);
      const added = { characters, special, tokenizer };
      await grow({ from, ...added, out, data, freeze, seed, trustCode, mode: outputMode(a) });
    },
  );
}
