/** The few values of live.ts that a page needs, apart from the schemas that it does not. */

/** The WebSocket subprotocol, and where it is served. */
export const LIVE_SUBPROTOCOL = 'manygrad.live.v1';
export const LIVE_PATH = '/live';

/** What a run is doing. */
export const PHASES = ['waiting', 'training', 'evaluating', 'paused', 'finished', 'stopped'] as const;

/** WebSocket close codes of this protocol. */
export const LiveCloseCode = {
  /** The key is wrong, or missing where one is needed. */
  refused: 4401,
  /** What was sent is no message of this protocol, or too much of it. */
  misbehaved: 4402,
} as const;
