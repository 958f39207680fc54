/** `manygrad token`: the workers' own tokens, in the file that `train --tokens` reads. */
import { addToken, readTokens, revokeToken } from '../coordinator/door/tokenFile.ts';
import type { OutputMode } from './output.ts';

export interface TokenArguments {
  /** The file of tokens. */
  readonly tokens: string;
  readonly mode: OutputMode;
}

/** Prints the new token, alone on stdout: nobody can be told it again. @throws UserError */
export function add({ tokens, mode }: TokenArguments, name: string, trusted: boolean): void {
  const token = addToken(tokens, name, trusted);
  if (mode === 'json') return console.log(JSON.stringify({ event: 'token', name, trusted, token }));
  if (mode === 'person')
    console.error(`The token of ${name}${trusted ? ', whose work is trusted' : ''}; it is shown only this once:`);
  console.log(token);
}

/** @throws UserError */
export function list({ tokens, mode }: TokenArguments): void {
  const entries = readTokens(tokens);
  for (const { name, trusted, created } of entries) {
    if (mode === 'json') console.log(JSON.stringify({ event: 'token', name, trusted, created }));
    if (mode === 'person') console.log(`${name.padEnd(24)}${created.slice(0, 10)}${trusted ? '  trusted' : ''}`);
  }
  if (mode === 'person' && entries.length === 0) console.log(`${tokens} has no tokens.`);
}

/** @throws UserError */
export function revoke({ tokens, mode }: TokenArguments, name: string): void {
  revokeToken(tokens, name);
  if (mode === 'json') console.log(JSON.stringify({ event: 'revoked', name }));
  if (mode === 'person') console.log(`The token of ${name} counts no more: running coordinators send its worker away.`);
}
