/**
 * A run made watchable: what its operator sees (liveView.ts), the pages that show it (operator.ts) and the samples drawn as
 * it goes (sampler.ts), joined to the run. It opens no port: sockets are handed in by whoever serves HTTP.
 */
import { basename } from 'node:path';
import type { WebSocket } from 'ws';
import { UserError } from '../../core/errors.ts';
import type { Command, RunInfo } from '../../core/protocol/live.ts';
import type { News } from '../../core/protocol/messages.ts';
import { titleOf } from '../../models/model.ts';
import { dataKind } from '../../models/recipe.ts';
import type { WorkerId } from '../machine/machine.ts';
import type { PreparedRun } from '../prepare.ts';
import type { TrainingRun } from '../run.ts';
import { LiveView } from './liveView.ts';
import { OperatorDesk } from './operator.ts';
import { Sampler } from './sampler.ts';

/** While somebody watches, a sample is drawn so often. */
const SAMPLE_MS = 10_000;
/** What is then drawn: five names, or a few lines of text. */
const SHOWN = { lines: { count: 5, length: 100 }, text: { count: 1, length: 160 } } as const;

type SampleCommand = Extract<Command, { kind: 'sample' }>;

/** What one can watch: of a run as `prepareNewRun` and `prepareResumedRun` make it. */
export type Watchable = Pick<PreparedRun, 'trainer' | 'batches' | 'folder' | 'config' | 'data' | 'steps' | 'tokenizer'>;

export interface LiveOptions {
  /** Who runs it, as they call themselves; '' where they do not. */
  readonly by: string;
  /** What an operator's page must present. */
  readonly key: string;
}

export interface Live {
  readonly info: RunInfo;
  /** What a volunteer's page is told. */
  news(id: WorkerId): Omit<News, 'kind'>;
  /** Takes the open WebSocket of an operator's page. @param exempt whether it needs no key @param opened told when it may watch */
  accept(socket: WebSocket, exempt: boolean, opened?: () => void): void;
  /** Tells all pages how it ended, closes them, and ends the sampler. */
  close(): Promise<void>;
}

/**
 * Begins to watch a run that no worker has joined yet; what its log says of steps made before is read first.
 * Attaches its own observers to the run.
 */
export async function openLive(run: TrainingRun, prepared: Watchable, options: LiveOptions): Promise<Live> {
  const { trainer, folder, config, steps } = prepared;
  const now = () => performance.now();
  const view = new LiveView(trainer.step, steps, { now, date: () => Date.now() });
  for await (const { step, loss, trainLoss, valLoss, ...line } of folder.history()) {
    const { gradNorm = 0, lr = 0, tokensPerSecond = 0 } = line;
    if (loss !== undefined) view.recall({ step, loss, gradNorm, lr, tokensPerSecond });
    if (trainLoss !== undefined) view.recall({ step, split: 'train', loss: trainLoss });
    if (valLoss !== undefined) view.recall({ step, split: 'val', loss: valLoss });
  }
  run.observe(view);
  const info = describe(prepared, options.by);
  const sampler = new Sampler(config.recipe, prepared.tokenizer, () => trainer.state);
  // A seed of its own each time, so that the same prompt goes on in another way.
  let asked = 0;
  const draw = async ({ prompt, temperature, length }: SampleCommand) =>
    (await sampler.draw({ count: 1, seed: asked++, prompt, temperature, length })).join('');
  const desk = new OperatorDesk({ info, view, key: options.key, now, obey: (c) => obey(run, draw, c) });

  let sampledAt = Number.NEGATIVE_INFINITY;
  const drawUnasked = async (step: number) => {
    const { epoch } = trainer.state;
    const texts = await sampler.draw({ ...SHOWN[info.dataKind], seed: step, temperature: 1, prompt: '' });
    // Where the run has gone back meanwhile, it may be of a step that is undone.
    if (trainer.state.epoch === epoch) view.addSample({ step, text: texts.join(', ') });
  };
  run.observe({
    onStep: ({ step }) => {
      if (now() - sampledAt < SAMPLE_MS || sampler.busy) return;
      if (!desk.watched && !view.hasTabs) return;
      sampledAt = now();
      // Nobody asked for it: where it cannot be drawn, there is none.
      drawUnasked(step).catch(() => undefined);
    },
  });

  return {
    info,
    news: (id) => view.news(id),
    accept: (socket, exempt, opened) => desk.accept(socket, exempt, opened),
    close: async () => {
      await Promise.all([desk.close(), sampler.close()]);
    },
  };
}

function describe({ trainer, batches, folder, config, data, steps }: Watchable, by: string): RunInfo {
  const { model, batch, microBatch } = config.recipe;
  const kind = dataKind(config.recipe);
  return {
    run: basename(folder.dir),
    model: titleOf(model),
    data,
    dataKind: kind,
    by,
    parameters: trainer.parameterCount,
    steps,
    batch,
    microBatch,
    microBatches: batches.microBatches,
    unit: kind === 'text' ? 'tokens' : 'examples',
  };
}

/** Does what an operator asks. @param draw draws one sample. @throws UserError if that cannot be */
async function obey(run: TrainingRun, draw: (c: SampleCommand) => Promise<string>, command: Command) {
  if (command.kind === 'sample') return draw(command);
  if (run.phase === 'finished' || run.phase === 'stopped') throw new UserError('the run has ended');
  switch (command.kind) {
    case 'pause':
      run.pause();
      return null;
    case 'resume': {
      run.resume();
      if (run.diskTrouble !== null) throw new UserError(run.diskTrouble);
      return null;
    }
    case 'checkpoint':
      // What would be waited for may take hours.
      if (run.diskTrouble !== null) throw new UserError(run.diskTrouble);
      await run.checkpointNow();
      return null;
    case 'stop':
      run.stop();
      return null;
    case 'kick': {
      const refusal = run.kick(command.worker);
      if (refusal !== null) throw new UserError(refusal);
      return null;
    }
    default:
      return command satisfies never;
  }
}
