/** A machine that workers run on, and its line: how fast and how far away it is, and whether anything gets through. */
import { Line } from './line.ts';

export type Side = 'worker' | 'coordinator';

/** What can happen to a connection from outside. Each returns whether it changed anything. */
export interface Severable {
  /** From now on nothing passes, and neither side is told. */
  die(): boolean;
  /** From now on nothing that the worker sends arrives, and it does not know. */
  deafen(): boolean;
  /** Somewhere between the two it is cut: both are told, a little later. */
  cut(): boolean;
}

/** A host's line. Megabits a second; milliseconds one way, give or take the jitter. */
export interface Shape {
  readonly upMbit: number;
  readonly downMbit: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
}

export const LOCAL: Shape = {
  upMbit: Number.POSITIVE_INFINITY,
  downMbit: Number.POSITIVE_INFINITY,
  latencyMs: 0.1,
  jitterMs: 0,
};

/** Told of every frame, for who injects faults or weighs what passes. */
export interface Wiretap {
  sending?(from: Side, host: Host, frame: Uint8Array, when: 'before' | 'after'): void;
  arriving?(at: Side, host: Host, frame: Uint8Array, when: 'before' | 'after'): void;
}

/** A machine that workers run on. */
export class Host {
  readonly name: string;
  readonly shape: Shape;
  readonly up: Line;
  readonly down: Line;
  readonly connections = new Set<Severable>();
  /** Called once the line is whole again; null while it is. */
  #waiting: (() => void)[] | null = null;

  constructor(name: string, shape: Shape) {
    this.name = name;
    this.shape = shape;
    this.up = new Line(shape.upMbit);
    this.down = new Line(shape.downMbit);
  }

  /** Nothing gets through, in either direction, until `mend`; what is under way waits. @returns whether anything did before */
  cutOff(): boolean {
    if (this.#waiting !== null) return false;
    this.#waiting = [];
    return true;
  }

  mend(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const call of waiting) call();
  }

  /** Calls once the line is whole. */
  whenWhole(call: () => void): void {
    if (this.#waiting === null) call();
    else this.#waiting.push(call);
  }
}
