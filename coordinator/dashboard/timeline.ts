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

/** A block where it is drawn: `part` of `parts` of its lane's height. */
interface Placed {
  readonly block: TimelineBlock;
  readonly part: number;
  readonly parts: number;
}

/** Divides a lane among blocks that one worker computed at once, as one of several threads does. */
export function stacked(blocks: readonly TimelineBlock[], end: number): Placed[] {
  const busyUntil: number[] = [];
  const placed = blocks
    .toSorted((a, b) => a.from - b.from)
    .map((block) => {
      const free = busyUntil.findIndex((until) => until <= block.from);
      const part = free < 0 ? busyUntil.length : free;
      busyUntil[part] = block.to ?? end;
      return { block, part };
    });
  return placed.map(({ block, part }) => ({ block, part, parts: busyUntil.length }));
}

export class Timeline {
  readonly #box: HTMLElement;
  readonly #names: HTMLElement;
  readonly #strips: SVGElement;
  readonly #note: HTMLElement;
  readonly #summary: HTMLElement;

  /** The blocks drawn, in order of time; the one that is read out; and what `show` was given since. */
  #drawn: { shape: SVGElement; block: TimelineBlock }[] = [];
  #read: SVGElement | null = null;
  #missed: readonly TimelineStep[] | null = null;
  #about = '';

  constructor(parts: {
    box: HTMLElement;
    names: HTMLElement;
    strips: SVGElement;
    note: HTMLElement;
    summary: HTMLElement;
  }) {
    this.#box = parts.box;
    this.#names = parts.names;
    this.#strips = parts.strips;
    this.#note = parts.note;
    this.#summary = parts.summary;
    this.#strips.addEventListener('pointermove', ({ target }) => this.#readOut(target));
    this.#strips.addEventListener('pointerleave', () => this.#readOut(null));
    this.#box.addEventListener('blur', () => this.#readOut(null));
    this.#box.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const at = this.#drawn.findIndex(({ shape }) => shape === this.#read);
      // The newest first; then as far as there are blocks.
      const next = at < 0 ? this.#drawn.length - 1 : Math.min(this.#drawn.length - 1, Math.max(0, at + by));
      this.#readOut(this.#drawn[next]?.shape ?? null);
    });
  }

  /** Shows the steps; while a block is being read out, once that is over. */
  show(steps: readonly TimelineStep[]): void {
    if (this.#read === null) this.#draw(steps);
    else this.#missed = steps;
  }

  /** Says which block a shape is; the picture stands still until it is let go. */
  #readOut(shape: EventTarget | null): void {
    const found = this.#drawn.find((drawn) => drawn.shape === shape);
    this.#read?.classList.remove('read');
    this.#read = found?.shape ?? null;
    this.#read?.classList.add('read');
    setText(this.#note, found === undefined ? this.#about : inWords(found.block));
    if (found !== undefined || this.#missed === null) return;
    this.#draw(this.#missed);
    this.#missed = null;
  }

  #draw(steps: readonly TimelineStep[]): void {
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
    this.#drawn = [];
    let x = 0;
    for (const step of steps) {
      const width = (room * length(step)) / Math.max(1e-9, total);
      rects.push(rect('step', x, 0, width, height));
      const slowest = straggler(step);
      const scale = width / length(step);
      const drawn: { shape: SVGElement; block: TimelineBlock }[] = [];
      for (const [lane, { worker }] of lanes.entries()) {
        const own = step.blocks.filter((block) => block.worker === worker);
        for (const { block, part, parts } of stacked(own, length(step))) {
          const end = block.to ?? length(step);
          const high = (LANE - 8) / parts;
          const shape = rect(
            `block series-${(worker % SERIES) + 1}${block.accepted ? '' : ' spare'}${block === slowest ? ' last' : ''}`,
            x + block.from * scale,
            lane * LANE + 4 + part * high,
            Math.max(1, (end - block.from) * scale),
            // A hair of ground between the threads of one worker.
            parts > 1 ? 0.9 * high : high,
          );
          rects.push(shape);
          drawn.push({ shape, block });
        }
      }
      this.#drawn.push(...drawn.sort((a, b) => a.block.from - b.block.from));
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
    this.#about = slowest.size > LANES ? `the slowest ${LANES} of ${slowest.size} workers` : '';
    setText(this.#note, this.#about);
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
