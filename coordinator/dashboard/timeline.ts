/** The last steps as strips of time, a lane a worker: who computed what, when, and whom the others waited for. */
import type { TimelineBlock, TimelineStep } from '../../core/protocol/live.ts';
import { make, setText } from './dom.ts';

const LANES = 12;
const WIDTH = 1000;
/** In the drawing's units, which are stretched to the room there is. */
const LANE = 20;
/** Per cent of the height there is. */
const TALLEST = 22;
/** Between two steps, in the drawing's units. */
const GAP = 6;
const SERIES = 4;
const SVG = 'http://www.w3.org/2000/svg';

/** How long a step has lasted, so far. */
function length({ ms, blocks }: TimelineStep): number {
  return ms ?? Math.max(1, ...blocks.map(({ from, to }) => to ?? from));
}

const inWords = ({ lo, microBatches, name, from, to }: TimelineBlock): string => {
  const which = microBatches === 1 ? `micro-batch ${lo}` : `micro-batches ${lo}–${lo + microBatches - 1}`;
  return `${which}, ${name}, ${to === null ? 'under way' : `${(to - from).toFixed(1)} ms`}`;
};

/** The block that the step waited for. */
function straggler({ blocks }: TimelineStep): TimelineBlock | null {
  let last: TimelineBlock | null = null;
  for (const block of blocks) if (block.accepted && (block.to ?? 0) > (last?.to ?? 0)) last = block;
  return last;
}

export class Timeline {
  readonly #names: HTMLElement;
  readonly #strips: SVGElement;
  readonly #note: HTMLElement;
  readonly #summary: HTMLElement;

  constructor(parts: { names: HTMLElement; strips: SVGElement; note: HTMLElement; summary: HTMLElement }) {
    this.#names = parts.names;
    this.#strips = parts.strips;
    this.#note = parts.note;
    this.#summary = parts.summary;
  }

  show(steps: readonly TimelineStep[]): void {
    const lanes = this.#lanes(steps);
    this.#names.replaceChildren(...lanes.map(({ name }) => make('span', name, 'lane-name')));
    const total = steps.reduce((sum, step) => sum + length(step), 0);
    const room = WIDTH - GAP * Math.max(0, steps.length - 1);
    const height = LANE * Math.max(1, lanes.length);
    this.#strips.setAttribute('viewBox', `0 0 ${WIDTH} ${height}`);
    // Few lanes are no higher than they need be to look like lanes.
    const share = `${Math.min(100, lanes.length * TALLEST)}%`;
    this.#strips.style.height = share;
    this.#names.style.height = share;
    const rects: SVGElement[] = [];
    let x = 0;
    for (const step of steps) {
      const width = (room * length(step)) / Math.max(1e-9, total);
      rects.push(rect('step', x, 0, width, height));
      const slowest = straggler(step);
      for (const block of step.blocks) {
        const lane = lanes.findIndex(({ worker }) => worker === block.worker);
        if (lane < 0) continue;
        const scale = width / length(step);
        const end = block.to ?? length(step);
        const shape = rect(
          `block series-${(block.worker % SERIES) + 1}${block.accepted ? '' : ' spare'}${block === slowest ? ' last' : ''}`,
          x + block.from * scale,
          lane * LANE + 4,
          Math.max(1, (end - block.from) * scale),
          LANE - 8,
        );
        const title = document.createElementNS(SVG, 'title');
        title.textContent = inWords(block);
        shape.append(title);
        rects.push(shape);
      }
      x += width + GAP;
    }
    this.#strips.replaceChildren(...rects);
    this.#tell(steps);
  }

  /** The workers that have a lane: all, or where they are too many the slowest. */
  #lanes(steps: readonly TimelineStep[]): { worker: number; name: string }[] {
    const slowest = new Map<number, { worker: number; name: string; ms: number }>();
    for (const { blocks } of steps)
      for (const { worker, name, from, to } of blocks) {
        const ms = (to ?? from) - from;
        const known = slowest.get(worker);
        if (known === undefined) slowest.set(worker, { worker, name, ms });
        else known.ms = Math.max(known.ms, ms);
      }
    const chosen = [...slowest.values()].sort((a, b) => b.ms - a.ms).slice(0, LANES);
    setText(this.#note, slowest.size > LANES ? `the slowest ${LANES} of ${slowest.size} workers` : '');
    return chosen.sort((a, b) => a.worker - b.worker);
  }

  #tell(steps: readonly TimelineStep[]): void {
    const done = steps.filter(({ ms }) => ms !== null).at(-1);
    const slowest = done === undefined ? null : straggler(done);
    setText(
      this.#summary,
      done === undefined || slowest === null
        ? ''
        : `Step ${done.step}: ${(done.ms ?? 0).toFixed(1)} ms; last to answer: ${inWords(slowest)}`,
    );
  }
}

function rect(className: string, x: number, y: number, width: number, height: number): SVGElement {
  const element = document.createElementNS(SVG, 'rect');
  element.setAttribute('class', className);
  for (const [name, value] of Object.entries({ x, y, width, height })) element.setAttribute(name, value.toFixed(2));
  return element;
}
