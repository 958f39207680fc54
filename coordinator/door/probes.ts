/**
 * What machines ask of a coordinator over HTTP: /healthz, whether it does what it should, for whoever restarts it; and /metrics, for
 * whoever collects them. Both only look.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Health } from '../live/health.ts';
import { METRICS_TYPE } from '../live/metrics.ts';
import { sameSecret } from '../secret.ts';
import { bearerText, isLocal } from './web.ts';

const HEALTH_PATH = '/healthz';
const METRICS_PATH = '/metrics';

/** What waits for room on its disk, or for a trusted worker, is not helped by a restart: that would lose what is in memory. */
const IS_WELL: Readonly<Record<Health['status'], boolean>> = {
  ok: true,
  unverifiable: true,
  disk: true,
  stuck: false,
  failed: false,
};

export interface Probes {
  readonly health: () => Health;
  readonly metrics: () => Promise<string>;
  /** What opens /metrics away from this machine: the operator's key. */
  readonly key: string;
}

/** Answers a request that is for a probe. @returns whether it was */
export function serveProbe(
  { health, metrics, key }: Probes,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const [path] = (request.url ?? '').split('?');
  if (path !== HEALTH_PATH && path !== METRICS_PATH) return false;
  const end = (status: number, type: string, text: string) =>
    response
      .writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      .end(text);
  const say = (status: number, text: string) => end(status, 'text/plain; charset=utf-8', text);
  if (request.method !== 'GET' && request.method !== 'HEAD') say(405, 'Only GET is answered here.\n');
  else if (path === HEALTH_PATH) {
    // It says how the run stands, to anybody, and nothing of what it is.
    const now = health();
    end(IS_WELL[now.status] ? 200 : 503, 'application/json', `${JSON.stringify(now)}\n`);
  } else if (!isLocal(request) && !sameSecret(bearerText(request) ?? '', key)) {
    response.setHeader('www-authenticate', 'Bearer');
    say(401, "The operator's key is missing or wrong: send it as  authorization: Bearer KEY\n");
  } else
    metrics().then(
      (text) => end(200, METRICS_TYPE, text),
      (error: unknown) => say(500, `The metrics cannot be written down: ${String(error)}\n`),
    );
  return true;
}
