/**
 * The pages' HTTP side: files from memory under a strict policy, and the run's description for whoever has the token. It
 * answers GET and HEAD and nothing else, reads no body, and touches no disk.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Identify } from './bearer.ts';

/** A file of a page, as it is sent. */
export interface PageFile {
  readonly type: string;
  /** Gzipped: every browser takes that, and brotli only over https. */
  readonly gzip: Uint8Array;
  /** Changes with the content. */
  readonly etag: string;
}

/** By path: `/`, `/join`, `/join.js`, ... */
export type Pages = ReadonlyMap<string, PageFile>;

/** Where the run's description is; it needs `authorization: Bearer <token>`. */
export const RUN_PATH = '/run.json';

/** For a link opened by hand, or by a program that is no browser. */
const elsewhere = ({ socket }: IncomingMessage): string =>
  'This is a manygrad coordinator. A browser joins at /join, with the link that was printed; a machine with:\n' +
  `manygrad worker ${socket instanceof TLSSocket ? 'wss' : 'ws'}://<this address> --token <token>\n`;

export interface WebOptions {
  readonly pages: Pages;
  readonly identify: Identify;
  readonly info: object;
}

export function serveWeb(
  { pages, identify, info }: WebOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (!isGet(request, response)) return;
  const path = pathOf(request);
  if (path === RUN_PATH) {
    if (identify(bearerText(request) ?? '') === null) return end(response, 401, 'The token is missing or wrong.\n');
    response.setHeader('content-type', 'application/json');
    response.setHeader('cache-control', 'no-store');
    return void response.end(JSON.stringify(info));
  }
  const file = pages.get(path);
  if (file === undefined) return end(response, path === '/' ? 200 : 404, elsewhere(request));
  sendFile(file, request, response);
}

/** Answers with pages alone, where no coordinator is. @param nowhere what to say where there is none */
export function servePages(pages: Pages, nowhere: string, request: IncomingMessage, response: ServerResponse): void {
  if (!isGet(request, response)) return;
  const file = pages.get(pathOf(request));
  if (file === undefined) return end(response, 404, nowhere);
  sendFile(file, request, response);
}

/** What is asked for, without what follows a question mark. */
export const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] ?? '/';

/** Sets the headers of every answer; to what is no GET or HEAD, says so. */
export function isGet(request: IncomingMessage, response: ServerResponse): boolean {
  for (const [name, value] of Object.entries(headers(request))) response.setHeader(name, value);
  if (request.method === 'GET' || request.method === 'HEAD') return true;
  end(response, 405, 'Only GET is answered here.\n');
  return false;
}

/** Sends a file, or that it has not changed. */
export function sendFile(file: PageFile, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('etag', file.etag);
  response.setHeader('cache-control', 'no-cache');
  if (request.headers['if-none-match'] === file.etag) return void response.writeHead(304).end();
  response.setHeader('content-type', file.type);
  response.setHeader('content-encoding', 'gzip');
  response.setHeader('content-length', file.gzip.byteLength);
  response.end(request.method === 'HEAD' ? undefined : file.gzip);
}

/**
 * Nothing from elsewhere, nothing inline, in no frame; and alone in its process, so that memory may be shared with threads.
 * Kernels are compiled, hence wasm-unsafe-eval, which allows WebAssembly and no script.
 */
function headers(request: IncomingMessage): Record<string, string> {
  const { host = '' } = request.headers;
  // Not every browser takes 'self' to include WebSockets.
  const sockets = /^[\w.:[\]-]+$/.test(host) ? ` ws://${host} wss://${host}` : '';
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    `connect-src 'self'${sockets}`,
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    ...(isTrustworthy(request) ? ISOLATED : {}),
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
}

const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Whether browsers heed ISOLATED here: on this machine or over https. Elsewhere they complain of it. */
function isTrustworthy({ socket, headers: h }: IncomingMessage): boolean {
  return socket instanceof TLSSocket || h['x-forwarded-proto'] === 'https' || isOwnName(h.host);
}

/** Whether a host is this machine by a name that means nothing else. */
function isOwnName(host = ''): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/.test(host);
}

export function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

/** What a request presents as its bearer's, a token or a key; null if nothing. Such may be any text; a header may not. */
export function bearerText({ headers: { authorization = '' } }: IncomingMessage): string | null {
  const [scheme, given = ''] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'bearer') return null;
  try {
    return decodeURIComponent(given);
  } catch {
    return null;
  }
}

/** Whether a request comes from this machine itself, through no proxy, and asks for it by a name of its own. */
export function isLocal({ socket, headers: h }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? '';
  const from = address === '::1' || /^(::ffff:)?127\./.test(address);
  const proxied = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'].some((name) => name in h);
  return from && !proxied && isOwnName(h.host);
}

/** Whether a browser's request comes from a page of this server; what is no browser says no origin. */
export function isSameOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
