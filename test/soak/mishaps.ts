/** Makes planned faults happen to a coordinator and its workers, and counts each once it has been seen to. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from './coordinator.ts';
import type { Fault, Kind } from './faults.ts';
import { showsLeaseOf } from './page.ts';
import type { Worker, Workers } from './workers.ts';

export class Mishaps {
  /** How often each kind has happened. */
  readonly fired: Record<Kind, number> = { kill: 0, pair: 0, holding: 0, leave: 0, freeze: 0, lost: 0, coordinator: 0 };
  readonly #coordinator: Coordinator;
  readonly #workers: Workers;
  readonly #signal: AbortSignal;
  /** What takes its time while others happen. */
  readonly #underWay: Promise<void>[] = [];

  constructor(coordinator: Coordinator, workers: Workers, signal: AbortSignal) {
    this.#coordinator = coordinator;
    this.#workers = workers;
    this.#signal = signal;
  }

  /** Resolves once it has happened, or, of a freeze, begun. Whoever is gone is replaced. */
  async happen({ kind, draw, seconds }: Fault): Promise<void> {
    const workers = this.#workers;
    switch (kind) {
      case 'kill':
      case 'pair': {
        const victims = await workers.victims(kind === 'pair' ? 2 : 1, draw);
        await Promise.all(victims.map((victim) => workers.kill(victim)));
        for (const _ of victims) workers.join();
        break;
      }
      case 'holding': {
        const victim = await workers.victim(draw);
        // Stopped, it can answer no more: a lease that is seen now is held when it dies.
        await workers.freeze(victim);
        await showsLeaseOf(this.#coordinator.page, victim.name);
        await workers.kill(victim);
        workers.join();
        break;
      }
      case 'leave':
        await workers.dismiss(await workers.victim(draw));
        workers.join();
        break;
      case 'freeze':
        await this.#begin(draw, (victim) => this.#freeze(victim, seconds));
        return;
      case 'lost':
        await this.#begin(draw, (victim) => this.#lose(victim));
        return;
      case 'coordinator':
        await this.#coordinator.killAndResume();
        break;
      default:
        return kind satisfies never;
    }
    this.fired[kind]++;
  }

  /** Resolves when all that has begun is over. */
  async over(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #begin(draw: number, happen: (victim: Worker) => Promise<void>): Promise<void> {
    const victim = await this.#workers.victim(draw);
    await this.#workers.freeze(victim);
    const happening = happen(victim);
    // Told by `over`.
    happening.catch(() => undefined);
    this.#underWay.push(happening);
  }

  async #freeze(victim: Worker, seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.#signal });
    this.#workers.thaw(victim);
    this.fired.freeze++;
  }

  /** Leaves it frozen until the coordinator has given it up. */
  async #lose(victim: Worker): Promise<void> {
    const { life } = this.#coordinator;
    await this.#coordinator.when(`${victim.name} is given up`, () => !this.#coordinator.has(victim.name));
    this.#workers.thaw(victim);
    // One whose coordinator was killed meanwhile was not given up, but bereft.
    if (life !== this.#coordinator.life) return;
    await this.#coordinator.when(`${victim.name} is back`, () => this.#coordinator.has(victim.name));
    this.fired.lost++;
  }
}
