/**
 * A volunteer's part in a run: joins, works, pauses, comes back, as its person and its battery say. It knows the browser but
 * no page: what there is to show, it tells.
 */
import { UserError } from '../../core/errors.ts';
import { MAX_KEPT, type News } from '../../core/protocol/messages.ts';
import { ArrivingState } from '../../core/protocol/statePieces.ts';
import type { State } from '../../core/protocol/work.ts';
import { isRegistered } from '../../models/custom.ts';
import type { ModelSpec } from '../../models/model.ts';
import { KeptThreads, workUntilFinished } from '../rejoin.ts';
import type { Status } from '../session.ts';
import { onBattery } from './battery.ts';
import { keepState, keptState } from './kept.ts';
import { loadTabKernels, type TabKernels } from './kernels.ts';
import { TabPool } from './pool.ts';
import { openSocket, type Traffic } from './socket.ts';

export interface Settings {
  readonly threads: number;
  /** The share of time, in (0, 1], that each thread may compute. */
  readonly duty: number;
  readonly stopOnBattery: boolean;
}

export type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'working' }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'away'; readonly reason: string; readonly seconds: number }
  | { readonly kind: 'paused'; readonly by: 'person' | 'battery' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface VolunteerView {
  readonly phase: Phase;
  readonly settings: Settings;
  /** Whether it computes fused multiply-adds; null before it knows. */
  readonly relaxed: boolean | null;
  readonly sharedMemory: boolean;
  /** Micro-batches accepted in this visit, over all its connections; and how many a second it answered of late. */
  readonly accepted: number;
  readonly perSecond: number;
  readonly traffic: Readonly<Traffic>;
  readonly news: News | null;
}

export interface VolunteerOptions {
  /** ws:// or wss:// */
  readonly url: string;
  readonly token: string;
  readonly name: string;
  /** Where the threads' script is. */
  readonly script: string;
  readonly settings: Settings;
  readonly onChange: (view: VolunteerView) => void;
}

/** Speed is over so long. */
const WINDOW_MS = 10_000;
/** A state that has stood still for so long is kept: of a run that rushes on, a copy would be of no use. */
const KEEP_MS = 1000;
/** Progress is told this often. */
const TELL_MS = 250;

export class Volunteer {
  readonly #options: VolunteerOptions;
  readonly #threads = new KeptThreads((spec: ModelSpec) => this.#startThreads(spec));
  readonly #arriving = new ArrivingState();
  readonly #traffic: Traffic = { sent: 0, received: 0 };
  readonly #answers: { readonly at: number; readonly microBatches: number }[] = [];
  #settings: Settings;
  #kernels: TabKernels | null = null;
  #kept: State | null = null;
  #phase: Phase = { kind: 'idle' };
  #news: News | null = null;
  /** Of the connections before this one. */
  #acceptedBefore = 0;
  /** What the stay that is under way is ended by. */
  #stay: AbortController | null = null;
  /** Versions of the state: at the last look, and of the copy that is kept. */
  #seen = -1;
  #keptVersion = -1;
  #toldAt = 0;
  #discharging = false;

  constructor(options: VolunteerOptions) {
    this.#options = options;
    this.#settings = options.settings;
    setInterval(() => this.#keep(), KEEP_MS);
    onBattery((discharging) => {
      this.#discharging = discharging;
      this.#mindBattery();
    });
  }

  get view(): VolunteerView {
    const now = performance.now();
    while ((this.#answers[0]?.at ?? now) < now - WINDOW_MS) this.#answers.shift();
    const lately = this.#answers.reduce((sum, { microBatches }) => sum + microBatches, 0);
    const span = Math.max(1000, now - (this.#answers[0]?.at ?? now));
    return {
      phase: this.#phase,
      settings: this.#settings,
      relaxed: this.#kernels?.relaxed ?? null,
      sharedMemory: globalThis.crossOriginIsolated,
      accepted: this.#acceptedBefore + (this.#news?.yours ?? 0),
      perSecond: (lately * 1000) / span,
      traffic: this.#traffic,
      news: this.#news,
    };
  }

  /** Pauses, or goes on, as the battery and the settings are. */
  #mindBattery(): void {
    const pause = this.#discharging && this.#settings.stopOnBattery;
    if (pause) this.#leave({ kind: 'paused', by: 'battery' });
    else if (this.#phase.kind === 'paused' && this.#phase.by === 'battery') void this.start();
  }

  /**
   * Joins, or goes on after a pause. Resolves when that stay is over.
   * @param evenOnBattery the person says so, knowing that this device is on its battery
   */
  async start(evenOnBattery = false): Promise<void> {
    if (this.#stay !== null) return;
    if (this.#discharging && this.#settings.stopOnBattery && !evenOnBattery)
      return this.#enter({ kind: 'paused', by: 'battery' });
    const stay = new AbortController();
    this.#stay = stay;
    this.#enter({ kind: 'starting' });
    try {
      this.#kernels ??= await loadTabKernels();
      this.#kept ??= await keptState();
      await this.#work(stay.signal, this.#kernels);
      if (!stay.signal.aborted) this.#enter({ kind: 'finished' });
    } catch (error) {
      if (!stay.signal.aborted)
        this.#enter({
          kind: 'refused',
          reason: error instanceof UserError || error instanceof Error ? error.message : String(error),
        });
    } finally {
      if (this.#stay === stay) this.#stay = null;
    }
  }

  /** Leaves: its micro-batches go to others at once. */
  pause(): void {
    this.#leave({ kind: 'paused', by: 'person' });
  }

  /** Takes other settings; another number of threads means leaving and coming back. */
  async set(settings: Settings): Promise<void> {
    const rejoin = settings.threads !== this.#settings.threads;
    this.#settings = settings;
    if (rejoin) {
      const active = this.#stay !== null;
      if (active) this.#leave({ kind: 'starting' });
      await this.#threads.close();
      if (active) return this.start(true);
    }
    this.#mindBattery();
    this.#tell();
  }

  #leave(phase: Phase): void {
    if (this.#stay === null) return;
    this.#stay.abort();
    this.#stay = null;
    this.#enter(phase);
  }

  async #work(signal: AbortSignal, { numerics }: TabKernels): Promise<void> {
    const { url, token, name } = this.#options;
    await workUntilFinished({
      where: new URL(url).host,
      hello: { token, name, agent: 'tab', slots: this.#settings.threads, numerics },
      // What a page may run was decided when it was served.
      admit: async (spec) => {
        if (spec.name === 'custom' && !isRegistered(spec.code))
          throw new UserError('This page was made for another model: reload it.');
      },
      threadsFor: (spec) => this.#threads.for(spec),
      held: () => this.#threads.current?.state ?? this.#kept,
      arriving: this.#arriving,
      open: (events) => openSocket(url, events, this.#traffic),
      sleep: untilWorthTrying,
      onStatus: (status) => {
        if (!signal.aborted) this.#hear(status);
      },
      signal,
    });
  }

  async #startThreads(spec: ModelSpec): Promise<TabPool> {
    if (this.#kernels === null) throw new Error('threads before their kernels');
    const { kernels } = this.#kernels;
    const { script } = this.#options;
    const duty = () => this.#settings.duty;
    return TabPool.start(spec, { kernels, threads: this.#settings.threads, script, duty });
  }

  #hear(status: Status): void {
    switch (status.kind) {
      case 'joined':
        this.#acceptedBefore += this.#news?.yours ?? 0;
        this.#news = this.#news && { ...this.#news, yours: 0 };
        return this.#enter({ kind: 'working' });
      case 'progress':
        this.#answers.push({ at: performance.now(), microBatches: status.answered });
        // Small models answer hundreds of leases a second; the page is for a person.
        return performance.now() - this.#toldAt > TELL_MS ? this.#tell() : undefined;
      case 'news':
        this.#news = status.news;
        return this.#tell();
      case 'waiting':
        return this.#enter({ kind: 'waiting', reason: status.reason });
      case 'sentAway':
        return this.#enter({ kind: 'away', reason: status.reason, seconds: status.seconds });
      default:
        return status satisfies never;
    }
  }

  /** Keeps the state if it is still the one that was seen the last time, and has not been kept. */
  #keep(): void {
    const state = this.#threads.current?.state ?? null;
    if (state === null || state.params.length > MAX_KEPT) return;
    if (state.version === this.#seen && state.version !== this.#keptVersion) {
      this.#keptVersion = state.version;
      void keepState(state);
    }
    this.#seen = state.version;
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#tell();
  }

  #tell(): void {
    this.#toldAt = performance.now();
    this.#options.onChange(this.view);
  }
}

/** Waits, but no longer than until the network is back or the page is looked at again. */
function untilWorthTrying(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { signal: over.signal });
    addEventListener('online', end, { signal: over.signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && end(), {
      signal: over.signal,
    });
  });
}
