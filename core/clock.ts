/**
 * Time, as coordinators and workers read it and wait for it: this machine's, or a simulation's (simulation/), whose hours pass
 * in milliseconds. Nothing that is computed depends on it. The date is no business of this file.
 */

/** Calls off what a clock was asked to do; however often, and late as well. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since some moment; never runs back. */
  now(): number;
  /** Calls once, after so many milliseconds at the earliest. */
  after(ms: number, call: () => void): Cancel;
  /** Calls again and again. A process that has nothing else to do waits for it all the same. */
  every(ms: number, call: () => void): Cancel;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, call) => {
    const timer = setInterval(call, ms);
    return () => clearInterval(timer);
  },
};
