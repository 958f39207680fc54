/**
 * A run's counts in Prometheus' text format, with those of the process. Nothing is done before somebody asks; what is counted, and
 * when, is counts.ts's. The names are a promise: docs/operations.md lists them.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { PHASES } from '../../core/protocol/liveConstants.ts';
import { type RunCounts, STEP_BUCKETS } from './counts.ts';

export interface MetricsOptions {
  readonly counts: RunCounts;
  readonly run: string;
  readonly model: string;
  /** Steps in all. */
  readonly steps: number;
  /** Bytes over the network so far. */
  readonly traffic: () => { readonly sent: number; readonly received: number };
}

/** One for the process, however many runs it makes: its collectors cannot be taken off again. */
let ofProcess: Registry | null = null;

/** @returns a function that writes them all down */
export function openMetrics({ counts, run, model, steps, traffic }: MetricsOptions): () => Promise<string> {
  if (ofProcess === null) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  const own = new Registry();
  const gauge = (name: string, help: string, value: () => number | null) =>
    new Gauge({
      ...named(own, name, help),
      collect() {
        this.set(value() ?? Number.NaN);
      },
    });
  const gauges = (name: string, help: string, label: string, values: () => Readonly<Record<string, number>>) =>
    new Gauge({
      ...named(own, name, help),
      labelNames: [label],
      collect() {
        this.reset();
        for (const [of, value] of Object.entries(values())) this.set({ [label]: of }, value);
      },
    });
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      ...named(own, name, help),
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  const counters = (name: string, help: string, label: string, values: () => Readonly<Record<string, number>>) =>
    new Counter({
      ...named(own, name, help),
      labelNames: [label],
      collect() {
        this.reset();
        for (const [of, value] of Object.entries(values())) this.inc({ [label]: of }, value);
      },
    });

  new Gauge({ ...named(own, 'run_info', 'What is trained.'), labelNames: ['run', 'model'] }).set({ run, model }, 1);
  gauges('phase', '1 for what the run is doing, else 0.', 'phase', () => {
    const isOn = (phase: string): [string, number] => [phase, phase === counts.phase ? 1 : 0];
    return Object.fromEntries(PHASES.map(isOn));
  });

  gauge('step', 'Updates made, those before this process included.', () => counts.step);
  gauge('goal_steps', 'Steps in all.', () => steps);
  counter('steps_total', 'Updates made by this process.', () => counts.steps);
  counter('tokens_total', 'Targets trained on: of text its tokens, else examples.', () => counts.tokens);
  new StepDurations(counts, named(own, 'step_duration_seconds', 'How long training steps take, pauses left out.'));
  gauge('last_step_age_seconds', 'Seconds since the last update.', () => counts.ages.step);
  gauge('loss', "The last step's training loss.", () => counts.last?.loss ?? null);
  gauges('evaluation_loss', 'The last loss of a whole split.', 'split', () => counts.losses);
  gauge('learning_rate', "The last step's learning rate.", () => counts.last?.lr ?? null);
  gauge('gradient_norm', "The last step's global gradient norm, before clipping.", () => counts.last?.gradNorm ?? null);

  gauges('workers', 'Workers that are there.', 'kind', () => counts.present.workers);
  gauges('worker_threads', 'Leases that they compute at a time.', 'kind', () => counts.present.threads);
  counters('worker_joins_total', 'Workers that came.', 'kind', () => counts.joins);
  counters('worker_leaves_total', 'Workers that went, for whatever reason.', 'kind', () => counts.leaves);
  counters('expulsions_total', 'Workers that were sent away.', 'cause', () => counts.expulsions);
  counters('refusals_total', 'Connections that were not let in.', 'reason', () => counts.refusals);

  counter('leases_total', 'Leases handed out.', () => counts.leases);
  gauge('leases_outstanding', 'Leases that are not answered yet.', () => counts.present.leases);
  gauge('leases_overdue', 'Those of them that are overdue.', () => counts.present.overdue);
  counter('leases_overdue_total', 'Leases that have been overdue.', () => counts.overdueLeases);
  counters('results_total', 'Answers, by what became of them at first.', 'outcome', () => {
    const { 'wrong-form': form, 'not-finite': finite, 'not-leased': leased } = counts.expulsions;
    const { accepted, doubted, notAccepted } = counts;
    return { accepted, doubted, late: notAccepted - doubted, refused: form + finite + leased };
  });
  counters('checks_total', 'Doubted answers that were computed again.', 'outcome', () => counts.checks);
  counter('rollbacks_total', 'Times that the run went back, to undo what a liar had added.', () => counts.rollbacks);
  counters('network_bytes_total', 'Bytes over the network, pages included.', 'direction', () => ({ ...traffic() }));

  counter('checkpoints_total', 'Checkpoints written.', () => counts.checkpoints);
  gauge('checkpoint_step', 'The step of the newest that is there.', () => counts.checkpointStep);
  gauge('checkpoint_duration_seconds', 'How long the last one took.', () => counts.checkpointSeconds);
  gauge('disk_stuck', '1 while the disk does not take what is written, and the run waits for it.', () =>
    counts.isDiskStuck ? 1 : 0,
  );
  gauge('checkpoint_age_seconds', 'Seconds since the last one was written.', () => counts.ages.checkpoint);

  const all = Registry.merge([own, ofProcess]);
  return () => all.metrics();
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const named = (registry: Registry, name: string, help: string) => ({
  name: `manygrad_${name}`,
  help,
  registers: [registry],
});

/** A histogram of what was counted already: prom-client's own would be told of each step. */
class StepDurations extends Histogram {
  readonly #counts: RunCounts;
  readonly #name: string;
  readonly #help: string;

  constructor(counts: RunCounts, config: { name: string; help: string; registers: Registry[] }) {
    super(config);
    this.#counts = counts;
    this.#name = config.name;
    this.#help = config.help;
  }

  /** What a registry asks a metric for; prom-client's types leave it out. */
  async getForPromString(): Promise<object> {
    const { durations, secondsOfSteps, steps } = this.#counts;
    const value = (end: string, labels: object, value: number) => ({
      metricName: `${this.#name}_${end}`,
      labels,
      value,
    });
    let below = 0;
    const buckets = [...STEP_BUCKETS, '+Inf'].map((le, i) => {
      below += durations[i] ?? 0;
      return value('bucket', { le }, below);
    });
    const values = [...buckets, value('sum', {}, secondsOfSteps), value('count', {}, steps)];
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}
