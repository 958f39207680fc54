/** What --allowed-special says. */
import { UserError } from '../../core/errors.ts';
import type { AllowedSpecial, Tokenizer } from '../../core/tokenizer/tokenizer.ts';

/** all, none, none_raise, or special tokens with commas between them. @throws UserError where the tokenizer has not got one */
export function parseAllowed(given: string, { special }: Tokenizer): AllowedSpecial {
  if (given === 'all' || given === 'none' || given === 'none_raise') return given;
  const tokens = given.split(',');
  for (const token of tokens)
    if (!special.has(token))
      throw new UserError(
        `--allowed-special ${JSON.stringify(token)} is no special token of this tokenizer, which has ${[...special.keys()].join(' ') || 'none'}: give some of those, or all, none or none_raise.`,
      );
  return new Set(tokens);
}
