/** Who a worker is by the token that it brings. Whose tokens there are is for whoever opens the door to say. */
import { sameSecret } from '../secret.ts';

export interface Bearer {
  /** The name of the worker's own token; null for the run's, which all workers share. */
  readonly name: string | null;
  /** Whether its work needs no checking. */
  readonly trusted: boolean;
}

/** Finds out who brings a token; null if it is nobody's. */
export type Identify = (token: string) => Bearer | null;

const ANYBODY: Bearer = { name: null, trusted: false };

/** Knows one token, the run's. */
export function bearerOf(runToken: string): Identify {
  return (token) => (sameSecret(token, runToken) ? ANYBODY : null);
}
