/** SIGINT (Ctrl-C) and SIGTERM: the first asks a command to end, a second ends it. */

/** What a command exits with that was stopped by a signal. */
export const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof EXIT_CODES;

/** @param stop told of the first signal; a second leaves at once. @returns a function that takes the handlers off */
export function onSignals(stop: (signal: StopSignal) => void): () => void {
  let asked = false;
  const handler = (signal: StopSignal) => {
    if (asked) process.exit(EXIT_CODES[signal]);
    asked = true;
    stop(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handler);
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, handler);
  };
}
