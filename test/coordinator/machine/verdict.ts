/** What a machine has to make of an answer, worked out from the judge's own account. */
import { expect } from 'vitest';
import type { Plan, Round, WorkerId } from '../../../coordinator/machine/machine.ts';
import { firedDoubts } from './fired.ts';
import type { Held, Ledger } from './ledger.ts';
import { keyOf, type Lease, type Person } from './people.ts';

export type Verdict =
  | { readonly to: 'accept' | 'doubt' | 'late' }
  /** The worker whose result was held has lied; what follows from that. */
  | { readonly to: 'liar'; readonly liar: Held; readonly then: 'accept' | 'restart' | 'rollback' };

export interface Answer {
  readonly lease: Lease;
  readonly person: Person;
  /** 0 is the truth. */
  readonly value: number;
  readonly suspect: boolean;
  /** What the machine's die showed, if it cast one. */
  readonly drawn: number | null;
}

interface Scene {
  readonly plan: Plan;
  readonly people: ReadonlyMap<WorkerId, Person>;
  readonly ledger: Ledger;
  readonly round: Round | null;
}

export const hasTrusted = ({ people }: Pick<Scene, 'people'>): boolean => [...people.values()].some((p) => p.trusted);

/** Whether a worker may answer what those of `asked` have answered. */
export function mayCheck(scene: Scene, person: Person, asked: ReadonlySet<string>): boolean {
  if (person.trusted) return true;
  return scene.plan.verify === 'off' && !asked.has(keyOf(person)) && !hasTrusted(scene);
}

/** What an answer must lead to, as things were when it came. */
export function verdictOn(scene: Scene, answer: Answer): Verdict {
  const { lease, person, value, suspect } = answer;
  if (lease.round !== scene.round?.id || scene.ledger.times(lease).most > 0) return { to: 'late' };
  const key = keyOf(person);
  const held = scene.ledger.heldOf(lease);
  if (held === null) return { to: isDoubted(scene, answer, key) ? 'doubt' : 'accept' };
  const asked = held !== 'other' && lease.check && !held.asked.has(key);
  if (held === 'other' || !(asked || mayCheck(scene, person, held.asked))) return { to: 'late' };
  if (held.value === value) {
    firedDoubts.agreed++;
    scene.ledger.validated.set(held.key, (scene.ledger.validated.get(held.key) ?? 0) + 1);
    return { to: 'accept' };
  }
  if (!person.trusted && suspect) {
    const third = [...scene.people.values()].some((p) => mayCheck(scene, p, new Set([...held.asked, key])));
    if (third) firedDoubts.secondOpinions++;
    return { to: third ? 'doubt' : 'accept' };
  }
  if (held.asked.size > 1) firedDoubts.thirdOpinions++;
  if (held.value === 0) {
    expect(person.trusted, 'an honest worker was condemned by a trusted one').toBe(false);
    firedDoubts.honestCondemnedByStrangers++;
  }
  // Where nothing is verified, what is committed stays.
  const committed = scene.plan.verify !== 'off' && scene.ledger.firstUnchecked(held.key) !== null;
  const then = committed ? 'rollback' : scene.ledger.isInRound(held.key) ? 'restart' : 'accept';
  return { to: 'liar', liar: held, then };
}

/** Whether the first result of a block is to be doubted. */
function isDoubted(scene: Scene, answer: Answer, key: string): boolean {
  const { person, suspect } = answer;
  if (person.trusted) return false;
  if (suspect) {
    const anybody = [...scene.people.values()].some((p) => p.trusted || keyOf(p) !== key);
    if (scene.plan.verify === 'off' && !anybody) firedDoubts.suspectsWithNobodyToAsk++;
    else firedDoubts.suspects++;
    return scene.plan.verify !== 'off' || anybody;
  }
  if (scene.plan.verify !== 'adaptive') return scene.plan.verify === 'all';
  const validated = scene.ledger.validated.get(key) ?? 0;
  const sampled = validated < 10 || (answer.drawn ?? 1) < 1 / validated;
  if (validated >= 10) expect(answer.drawn, 'no die was cast').not.toBeNull();
  if (sampled) firedDoubts.sampled++;
  return sampled;
}
