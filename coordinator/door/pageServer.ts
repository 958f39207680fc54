/** Serves the page of tokens where there is no run: pages and tokenizers, to whoever can reach the address, and nothing else. */
import { createServer } from 'node:http';
import { IDLE_MS, REQUEST_LOOK_MS, REQUEST_MS } from './limits.ts';
import { listening } from './listening.ts';
import { serveTokenizers, type TokenizerShelf } from './tokenizers.ts';
import { type Pages, servePages } from './web.ts';

export interface PageServer {
  /** The port it listens on. */
  readonly port: number;
  close(): Promise<void>;
}

/** @throws UserError if the address cannot be listened on */
export async function listenForPages(options: {
  readonly host: string;
  readonly port: number;
  readonly pages: Pages;
  readonly shelf: TokenizerShelf;
}): Promise<PageServer> {
  const { pages, shelf, port } = options;
  const timeouts = {
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: REQUEST_LOOK_MS,
  };
  const http = createServer(timeouts, (request, response) => {
    if (serveTokenizers(shelf, () => true, request, response)) return;
    servePages(pages, 'There is nothing here: the page is at /tokens.\n', request, response);
  });
  http.setTimeout(IDLE_MS);
  await listening(http, options);
  const address = http.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}
