/** What a coordinator answers over HTTP, and the numbers in it. */
import { type RequestOptions, request } from 'node:http';
import { request as secureRequest } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks a coordinator on this machine over HTTP, or HTTPS where there is a `ca`. */
export function get(port: number, path: string, options: RequestOptions & { ca?: string } = {}): Promise<Answer> {
  const ask = options.ca === undefined ? request : secureRequest;
  return new Promise((resolve, reject) => {
    const asked = ask({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** The samples of a scrape: value by name and labels, as they are written. */
export function samples(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
