/**
 * Who is there, and who is handed what of the round under way. Leases are as large as their worker is fast; what a worker
 * keeps for too long, or whoever is idle would do much sooner, is handed out twice; a result that is held in doubt goes to
 * somebody who may check it. It keeps as it goes what a decision needs (who is idle, how fast all are together), so that an
 * answer costs about the same among ten workers and a thousand.
 */
import type { Mode } from '../../core/protocol/work.ts';
import type { Doubt, Lease, Member, Round, WorkerId } from './leases.ts';
import { leaseSize, longest, Pace, patience } from './pace.ts';
import type { Standing } from './standing.ts';
import { Stragglers } from './stragglers.ts';
import { Tally } from './tally.ts';

const NONE: readonly Lease[] = [];

export class Schedule {
  readonly tally = new Tally();
  readonly #strangersCheck: boolean;
  readonly #members = new Map<WorkerId, Member>();
  readonly #trusted = new Set<Member>();
  readonly #retiring = new Set<Member>();
  /** Those with a free slot: who has had one for longest comes first. */
  readonly #idle = new Set<Member>();
  readonly #stragglers = new Stragglers();
  #round: Round | null = null;
  /** Of the workers whose pace in the round's mode is known: how many, and their micro-batches a millisecond in all. */
  #known = 0;
  #speed = 0;

  /** @param strangersCheck whether, where no trusted worker is there, any other may check a result */
  constructor(strangersCheck: boolean) {
    this.#strangersCheck = strangersCheck;
  }

  /** @param local threads of this machine's own @param standing null of a trusted worker */
  join(id: WorkerId, slots: number, local: boolean, standing: Standing | null): void {
    const paces: Record<Mode, Pace> = { train: new Pace(), eval: new Pace(), diagnose: new Pace() };
    const member: Member = { id, slots, local, standing, leases: [], paces };
    this.#members.set(id, member);
    if (standing === null) this.#trusted.add(member);
    if (slots > 0) this.#idle.add(member);
  }

  /** A worker is gone: what it held waits for others. @returns it, if it was there */
  leave(id: WorkerId): Member | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return undefined;
    this.#members.delete(id);
    this.#trusted.delete(member);
    this.#retiring.delete(member);
    this.#idle.delete(member);
    this.#count(member, -1);
    for (const lease of member.leases) this.tally.release(lease);
    return member;
  }

  /** A worker is handed nothing any more. */
  retire(id: WorkerId): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#retiring.add(member);
    this.#idle.delete(member);
    this.#count(member, -1);
    member.slots = 0;
    this.#count(member, 1);
  }

  /** Those who retire, and of which nothing is expected in a round. */
  retired(round: number | null): WorkerId[] {
    if (this.#retiring.size === 0) return [];
    const free = [...this.#retiring].filter(({ leases }) => !leases.some((l) => l.round === round && l.expected));
    return free.map(({ id }) => id);
  }

  get(id: WorkerId): Member | undefined {
    return this.#members.get(id);
  }

  /** Those who are there with a standing: the connections of one worker. */
  of(standing: Standing): Member[] {
    return [...this.#members.values()].filter((member) => member.standing === standing);
  }

  get hasTrusted(): boolean {
    return this.#trusted.size > 0;
  }

  open(round: Round): void {
    this.#round = round;
    this.tally.open(round);
    this.#stragglers.clear();
    this.#known = 0;
    this.#speed = 0;
    for (const member of this.#members.values()) this.#count(member, 1);
  }

  /** The round is over, or given up. @returns the doubts that were left */
  close(): Doubt[] {
    this.#round = null;
    return this.tally.close();
  }

  /** Takes an answer off a worker's hands. @returns the lease that it answers, or undefined if the worker holds none such */
  answered(member: Member, round: number, lo: number, size: number, now: number): Lease | undefined {
    const at = member.leases.findIndex((l) => l.round === round && l.block.lo === lo && l.block.size === size);
    const lease = member.leases[at];
    if (lease === undefined) return undefined;
    member.leases.splice(at, 1);
    if (member.leases.length < member.slots) this.#idle.add(member);
    this.#count(member, -1);
    member.paces[lease.mode].remember((now - lease.since) / size);
    this.#count(member, 1);
    return lease;
  }

  /** What an answer to a lease of the round under way would be: see Tally. A doubt only where its worker may settle it. */
  look({ block, check, holder }: Lease): 'first' | 'late' | Doubt {
    const found = this.tally.look(block);
    if (typeof found === 'string') return found;
    const { standing } = holder;
    const asked = check === found && (standing === null || !found.asked.has(standing));
    return asked || this.#mayCheck(holder, found.asked) ? found : 'late';
  }

  /** Whether anybody who is there, and not stuck, may check what those of `asked` have answered. */
  canCheck(asked: ReadonlySet<Standing>): boolean {
    return [...this.#members.values()].some((member) => !isStuck(member) && this.#mayCheck(member, asked));
  }

  /** Gives up the doubts that wait and that nobody can check, where strangers might have. @returns them */
  withdraw(): Doubt[] {
    if (!this.#strangersCheck || this.tally.checks.size === 0) return [];
    const hopeless = [...this.tally.checks].filter(({ asked }) => !this.canCheck(asked));
    for (const doubt of hopeless) {
      const { lo, size } = doubt.block;
      const within = [...this.#members.values()].flatMap(({ leases }) =>
        leases.filter((l) => l.round === this.#round?.id && l.block.lo >= lo && l.block.lo < lo + size),
      );
      this.tally.withdraw(doubt, Math.min(size, ...within.map((l) => l.block.size)));
    }
    return hopeless;
  }

  /** Hands out what waits while slots are idle. @returns the new leases */
  assign(now: number): readonly Lease[] {
    const round = this.#round;
    const { queue, checks } = this.tally;
    if (round === null || (queue.isEmpty && checks.size === 0)) return NONE;
    const leases = this.#assignChecks(round, now);
    if (queue.isEmpty) return leases;
    const sizeFor = this.#shares(round.mode);
    // One lease a worker at a time, so that the work of a small round is spread over workers before threads.
    for (let depth = 0, more = true; more; depth++) {
      more = false;
      for (const member of this.#idle) {
        if (member.leases.length <= depth) {
          const block = queue.take(sizeFor(member));
          if (block === undefined) return leases;
          leases.push(this.#grant(member, { block, check: null }, round, now));
        }
        if (member.leases.length < member.slots) more = true;
      }
    }
    return leases;
  }

  /** With nothing left to hand out: what an idle worker would finish well before its holder does, it is handed too. */
  double(idle: readonly Member[], now: number): readonly Lease[] {
    const round = this.#round;
    if (round === null || idle.length === 0 || !this.tally.queue.isEmpty) return NONE;
    const leases: Lease[] = [];
    for (const member of idle) {
      const { median } = member.paces[round.mode];
      if (median === null) continue;
      const may = ({ holder, check }: Lease) =>
        holder !== member && (check === null || this.#mayCheck(member, check.asked));
      while (member.leases.length < member.slots) {
        const slow = this.#stragglers.find(median, now, may);
        if (slow === undefined) break;
        slow.expected = false;
        leases.push(this.#grant(member, slow, round, now));
      }
    }
    return leases;
  }

  /** The workers with a free slot, the fastest first. */
  idle(): Member[] {
    const mode = this.#round?.mode ?? 'train';
    const pace = (member: Member) => member.paces[mode].median ?? Number.POSITIVE_INFINITY;
    return [...this.#idle].sort((a, b) => pace(a) - pace(b) || 0);
  }

  /** Takes overdue leases off their holders, once nothing else waits. @returns those */
  hurry(now: number): Lease[] {
    let slowest: number | null = null;
    for (const { paces } of this.#members.values()) {
      const own = longest(paces[this.#round?.mode ?? 'train']);
      if (own !== null && own > (slowest ?? 0)) slowest = own;
    }
    const nothingWaits = this.tally.queue.isEmpty;
    const released: Lease[] = [];
    for (const { leases, paces } of this.#members.values())
      for (const lease of leases) {
        lease.overdue ||= now - lease.heard >= patience(paces[lease.mode], lease.block.size, slowest);
        if (!lease.overdue || !lease.expected || !nothingWaits) continue;
        this.tally.release(lease);
        released.push(lease);
      }
    return released;
  }

  /** Those who may check what those of `asked` have answered. */
  #mayCheck({ standing }: Member, asked: ReadonlySet<Standing>): boolean {
    return standing === null || (!asked.has(standing) && this.#strangersMayCheck());
  }

  #strangersMayCheck(): boolean {
    return this.#strangersCheck && [...this.#trusted].every(isStuck);
  }

  #assignChecks(round: Round, now: number): Lease[] {
    const { checks } = this.tally;
    const leases: Lease[] = [];
    if (checks.size === 0) return leases;
    const checkers = this.#strangersMayCheck() ? [...this.#members.values()] : [...this.#trusted];
    for (let given = true; given; ) {
      given = false;
      for (const member of checkers) {
        if (member.leases.length >= member.slots) continue;
        const check = firstFor(member, checks);
        if (check === undefined) continue;
        checks.delete(check);
        leases.push(this.#grant(member, { block: check.block, check }, round, now));
        given = true;
      }
    }
    return leases;
  }

  /**
   * How many micro-batches a lease of each worker should have for all to end together: its share of what waits by its speed.
   * Where speeds are known, a worker of unknown speed is tried with one.
   */
  #shares(mode: Mode): (member: Member) => number {
    const waiting = this.tally.queue.size;
    let idle = 0;
    // Whoever is busy comes back, sometime; whoever has not answered yet, perhaps not.
    for (const { paces, slots, leases } of this.#idle) if (paces[mode].median === null) idle += slots - leases.length;
    if (this.#known === 0) return () => leaseSize(waiting / idle, false);
    const fair = (waiting - idle) / this.#speed;
    return ({ paces, local }) => {
      const { median } = paces[mode];
      return median === null ? 1 : leaseSize(fair / median, !local);
    };
  }

  /** Adds a worker to the sums of those whose pace is known, or takes it out. */
  #count({ slots, paces }: Member, sign: 1 | -1): void {
    const median = this.#round === null ? null : paces[this.#round.mode].median;
    if (median === null) return;
    this.#known += sign;
    this.#speed += (sign * slots) / median;
  }

  #grant(holder: Member, { block, check }: Pick<Lease, 'block' | 'check'>, { id, mode }: Round, now: number): Lease {
    const due = now + (holder.paces[mode].median ?? 0) * block.size;
    const lease: Lease = {
      holder,
      round: id,
      mode,
      block,
      check,
      since: now,
      due,
      heard: now,
      progress: 0,
      overdue: false,
      expected: true,
    };
    holder.leases.push(lease);
    if (holder.leases.length >= holder.slots) this.#idle.delete(holder);
    this.tally.await(lease);
    this.#stragglers.add(lease);
    return lease;
  }
}

/** The first of the doubts in which a worker has not answered itself. */
function firstFor({ standing }: Member, doubts: Iterable<Doubt>): Doubt | undefined {
  for (const doubt of doubts) if (standing === null || !doubt.asked.has(standing)) return doubt;
  return undefined;
}

/** Whether nothing can be expected of a worker until it has answered something that is overdue. */
function isStuck({ slots, leases }: Member): boolean {
  return leases.length >= slots && leases.every((lease) => lease.overdue);
}
