/** `manygrad tokenizer page`: the page of tokens, without a run. Serves until it is told to stop. */
import { basename } from 'node:path';
import { listenForPages } from '../../coordinator/door/pageServer.ts';
import { type NamedTokenizer, TokenizerShelf } from '../../coordinator/door/tokenizers.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { makeTokensPage } from '../../deploy/pages.ts';
import type { OutputMode } from '../output.ts';
import { onSignals } from '../signals.ts';

export interface TokenizerPageArguments {
  readonly at: { readonly host: string; readonly port: number };
  /** Names and files; the page begins with the first two. */
  readonly tokenizers: readonly string[];
  readonly mode: OutputMode;
}

/** @throws UserError if a tokenizer cannot be read, or the address cannot be listened on */
export async function tokenizerPage({ at, tokenizers, mode }: TokenizerPageArguments): Promise<void> {
  const own: NamedTokenizer[] = [];
  for (const from of tokenizers) own.push({ name: basename(from), tokenizer: await loadTokenizer(from) });
  const server = await listenForPages({ ...at, pages: await makeTokensPage(), shelf: new TokenizerShelf(own) });
  const everywhere = ['0.0.0.0', '::'].includes(at.host);
  const host = everywhere ? 'localhost' : at.host.includes(':') ? `[${at.host}]` : at.host;
  const url = `http://${host}:${server.port}/`;
  if (mode === 'json') console.log(JSON.stringify({ event: 'listening', url }));
  if (mode === 'person') console.log(`See tokens as you type at  ${url}  (Ctrl-C ends it)`);
  await new Promise<void>((resolve) => onSignals(() => resolve()));
  await server.close();
}
