/**
 * The tokenizers that the page of tokens may choose among: OpenAI's by name, and some of one's own, each served as its description
 * (core/tokenizer/description.ts) for the page to encode with. A description is made when it is first asked for, those that take a
 * second in a thread, and is then kept, compressed.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Worker } from 'node:worker_threads';
import { PUBLISHED } from '../../core/tokenizer/published.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { type PackedTokenizer, packTokenizer } from './packTokenizer.ts';
import { end, isGet, type PageFile, pathOf, sendFile } from './web.ts';

/** Where the list of them is. */
export const TOKENIZERS_PATH = '/tokenizers';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './packTokenizerThread.ts' : './packTokenizerThread.js',
  import.meta.url,
);

/** A tokenizer that is offered beside the published ones: a run's, say. */
export interface NamedTokenizer {
  readonly name: string;
  readonly tokenizer: Tokenizer;
}

export class TokenizerShelf {
  /** In the order in which a page offers them, one's own first. */
  readonly list: readonly { readonly name: string; readonly path: string }[];
  readonly #makers = new Map<string, () => Promise<PackedTokenizer>>();
  readonly #made = new Map<string, Promise<PageFile>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(own: readonly NamedTokenizer[] = []) {
    const list: { name: string; path: string }[] = [];
    const add = (name: string, file: string, make: () => Promise<PackedTokenizer>) => {
      const path = `${TOKENIZERS_PATH}/${file}.json`;
      list.push({ name, path });
      this.#makers.set(path, make);
    };
    for (const [i, { name, tokenizer }] of own.entries()) add(name, `own/${i}`, async () => packTokenizer(tokenizer));
    const taken = new Set(own.map(({ name }) => name));
    for (const name of PUBLISHED) if (!taken.has(name)) add(name, name, () => packElsewhere(name));
    this.list = list;
  }

  /** The description at a path; null if there is none. Rejects with a UserError where a tokenizer has none. */
  file(path: string): Promise<PageFile> | null {
    const make = this.#makers.get(path);
    if (make === undefined) return null;
    const known = this.#made.get(path);
    if (known !== undefined) return known;
    // One at a time: to make one takes much memory for a moment.
    const made = this.#last.then(make).then(({ hash, gzip }) => ({
      type: 'application/json',
      etag: `"${hash}"`,
      gzip,
    }));
    this.#made.set(path, made);
    this.#last = made.catch(() => this.#made.delete(path));
    return made;
  }
}

/** A published one: to recover its merges takes up to a second, which nobody else should wait for. */
async function packElsewhere(name: string): Promise<PackedTokenizer> {
  const thread = new Worker(THREAD, { workerData: name });
  thread.unref();
  const [packed] = (await once(thread, 'message')) as [PackedTokenizer];
  return packed;
}

/**
 * Answers a request that is for the list or for a tokenizer.
 * @param isAllowed whether who asks may have them
 * @returns whether it was such a request
 */
export function serveTokenizers(
  shelf: TokenizerShelf,
  isAllowed: () => boolean,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const path = pathOf(request);
  if (path !== TOKENIZERS_PATH && !path.startsWith(`${TOKENIZERS_PATH}/`)) return false;
  if (!isGet(request, response)) return true;
  if (!isAllowed()) {
    response.setHeader('www-authenticate', 'Bearer');
    end(response, 401, "The operator's key is missing or wrong.\n");
    return true;
  }
  if (path === TOKENIZERS_PATH) {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(shelf.list));
    return true;
  }
  const file = shelf.file(path);
  if (file === null) end(response, 404, 'There is no such tokenizer.\n');
  else
    file.then(
      (made) => sendFile(made, request, response),
      (error: unknown) => end(response, 500, `${error instanceof Error ? error.message : String(error)}\n`),
    );
  return true;
}
