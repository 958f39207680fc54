/** The operator's page: puts what the coordinator tells into its places, and passes on what the operator asks for. */
import { $ } from '../../core/page/element.ts';
import { duration, integer } from '../../core/page/format.ts';
import type { Course, CoursePart, LiveState, Notice, RunInfo, RunStatus, WorkerRow } from '../../core/protocol/live.ts';
import { LossChart, SmallChart } from './charts.ts';
import { Connection, type LinkState, type Request } from './connection.ts';
import { confirmed, make, setText, toast } from './dom.ts';
import { SampleBox } from './sampleBox.ts';
import { Timeline } from './timeline.ts';
import { WorkersTable } from './workersTable.ts';

const KEY = 'manygrad.key';

const TONES: Readonly<Record<RunStatus['phase'], string>> = {
  waiting: 'warn',
  training: 'good',
  evaluating: 'good',
  paused: 'warn',
  finished: 'good',
  stopped: 'bad',
};

let info: RunInfo | null = null;
let status: RunStatus | null = null;
let course: Course = { step: [], loss: [], lossMin: [], lossMax: [], gradNorm: [], lr: [], tokensPerSecond: [] };
let evaluations: LiveState['evaluations'] = [];

const lossChart = new LossChart($('loss-chart'), (text) => setText($('readout'), text));
const [lrChart, gradChart, tokensChart] = [
  new SmallChart($('lr-chart'), '--series-3'),
  new SmallChart($('grad-chart'), '--series-4'),
  new SmallChart($('tokens-chart'), '--series-2'),
];
const workersTable = new WorkersTable($('workers-head'), $('workers-body'), (worker) => void kick(worker));
const timeline = new Timeline({
  box: $('timeline'),
  names: $('lanes'),
  strips: $<SVGElement>('strips'),
  note: $('timeline-note'),
  summary: $('timeline-summary'),
});
const sampleBox = new SampleBox((request) => connection.ask(request));
const connection = new Connection(keyFromLink(), {
  link: showLink,
  message: (message) => {
    if (message.kind === 'snapshot') {
      workersTable.clear();
      setUp(message.info);
    }
    connection.patient = isOver(message.state.status ?? status);
    show(message.state);
  },
});

/** The key is in the fragment, which no server sees; from there it moves out of sight. */
function keyFromLink(): string {
  const given = keyIn(location.hash);
  if (given !== null) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? '';
}

/** The key in a link, or in its end; null if there is none. */
function keyIn(link: string): string | null {
  return new URLSearchParams(link.slice(link.indexOf('#') + 1)).get('key');
}

addEventListener('hashchange', () => {
  if (keyIn(location.hash) !== null) connection.useKey(keyFromLink());
});

let countdown: ReturnType<typeof setInterval> | undefined;

function showLink(state: LinkState): void {
  clearInterval(countdown);
  const link = $('link');
  link.dataset.link = state.kind;
  setText($('countdown'), '');
  $<HTMLButtonElement>('draw').disabled = state.kind !== 'connected';
  enableControls();
  switch (state.kind) {
    case 'connecting':
      // Who has been told that the connection was lost need not hear of every attempt.
      return status === null ? setText(link, 'connecting') : undefined;
    case 'connected':
      return setText(link, '');
    case 'waiting': {
      setText(link, isOver() ? 'the run has ended' : 'connection lost');
      if (isOver()) return;
      const tell = () => {
        const seconds = Math.max(0, Math.ceil((state.until - performance.now()) / 1000));
        setText($('countdown'), `again in ${seconds} s`);
      };
      tell();
      countdown = setInterval(tell, 500);
      return;
    }
    case 'refused':
      setText(link, 'the key does not fit');
      return askForKey();
    default:
      return state satisfies never;
  }
}

function isOver(of = status): boolean {
  return of?.phase === 'finished' || of?.phase === 'stopped';
}

/** What may be asked of the run now; a run that has ended may go on in another process behind the same door. */
function enableControls(): void {
  const enabled = $('link').dataset.link === 'connected' && !isOver();
  for (const id of ['pause', 'checkpoint', 'stop']) $<HTMLButtonElement>(id).disabled = !enabled;
}

function askForKey(): void {
  const dialog = $<HTMLDialogElement>('key-dialog');
  if (dialog.open) return;
  dialog.returnValue = '';
  dialog.showModal();
}

// Escape closes a dialog, but without a key the page is nothing.
$<HTMLDialogElement>('key-dialog').addEventListener('close', ({ target }) => {
  if ((target as HTMLDialogElement).returnValue !== 'yes') askForKey();
});

$('key-form').addEventListener('submit', () => {
  const given = $<HTMLInputElement>('key').value.trim();
  const key = keyIn(given) ?? given;
  sessionStorage.setItem(KEY, key);
  connection.useKey(key);
});

function setUp(about: RunInfo): void {
  info = about;
  const by = about.by === '' ? '' : ` · run by ${about.by}`;
  setText($('run'), about.run);
  setText(
    $('what'),
    `${about.model}, ${integer(about.parameters)} parameters · ${about.data} · steps of ${integer(about.batch)} in micro-batches of ${about.microBatch}${by}`,
  );
  const rate = about.unit === 'tokens' ? 'Tokens/s' : 'Examples/s';
  for (const id of ['tokens-label', 'tokens-caption']) setText($(id), rate);
  setText($('step-label'), `Step of ${integer(about.steps)}`);
  $<HTMLProgressElement>('progress').max = about.steps;
  sampleBox.setUp(about);
}

/** Each part that is present replaces what is shown. */
function show(state: Partial<LiveState>): void {
  if (state.status !== undefined) showStatus(state.status);
  if (state.evaluations !== undefined) evaluations = state.evaluations;
  if (state.course !== undefined) course = spliced(course, state.course);
  if (state.course !== undefined || state.evaluations !== undefined) showCourse();
  if (state.workers !== undefined) showWorkers(state.workers);
  if (state.timeline !== undefined) timeline.show(state.timeline);
  if (state.samples !== undefined) sampleBox.show(state.samples);
  if (state.notices !== undefined) showNotices(state.notices);
}

function spliced(old: Course, { from, course: part }: CoursePart): Course {
  const join = (name: keyof Course) => [...old[name].slice(0, from), ...part[name]];
  return {
    step: join('step'),
    loss: join('loss'),
    lossMin: join('lossMin'),
    lossMax: join('lossMax'),
    gradNorm: join('gradNorm'),
    lr: join('lr'),
    tokensPerSecond: join('tokensPerSecond'),
  };
}

const known = <T>(value: T | null, text: (value: T) => string): string => (value === null ? '–' : text(value));
const rate = (value: number): string => (value >= 100 ? integer(value) : value.toPrecision(3));

function showStatus(now: RunStatus): void {
  status = now;
  const { step, phase } = now;
  const pill = $('phase');
  setText(pill, phase);
  pill.dataset.tone = TONES[phase];
  setText($('step'), integer(step));
  $<HTMLProgressElement>('progress').value = step;
  setText(
    $('loss'),
    known(now.loss, (v) => v.toFixed(4)),
  );
  setText(
    $('val-loss'),
    known(now.valLoss, (v) => v.toFixed(4)),
  );
  setText(
    $('lr'),
    known(now.lr, (v) => v.toPrecision(3)),
  );
  setText(
    $('grad-norm'),
    known(now.gradNorm, (v) => v.toPrecision(3)),
  );
  setText($('steps-rate'), known(now.stepsPerSecond, rate));
  setText($('tokens-rate'), known(now.tokensPerSecond, rate));
  setText($('left'), known(now.secondsLeft, duration));
  setText($('elapsed'), duration(now.seconds));
  setText(
    $('last-checkpoint'),
    known(now.checkpoint, (s) => `step ${integer(s)}`),
  );
  const pause = $<HTMLButtonElement>('pause');
  setText(pause, phase === 'paused' ? 'Resume' : 'Pause');
  enableControls();
  document.title = `${integer(step)} / ${integer(info?.steps ?? 0)} · ${known(now.loss, (v) => v.toFixed(3))} · ${info?.run ?? ''}`;
}

function showCourse(): void {
  lossChart.show(course, evaluations);
  lrChart?.show(course.step, course.lr);
  gradChart?.show(course.step, course.gradNorm);
  tokensChart?.show(course.step, course.tokensPerSecond);
}

function showWorkers(workers: readonly WorkerRow[]): void {
  workersTable.show(workers);
  const threads = workers.reduce((sum, { slots }) => sum + slots, 0);
  setText($('workers-count'), `${integer(workers.length)}, with ${integer(threads)} threads`);
  $('workers-none').hidden = workers.length > 0;
}

const noticesShown = new Map<string, HTMLElement>();

/** Adds what is new and takes away what is gone: a log that is rebuilt would be read out from the start. */
function showNotices(notices: readonly Notice[]): void {
  const list = $('notices');
  const present = new Set(notices.map(noticeKey));
  for (const [key, item] of noticesShown)
    if (!present.has(key)) {
      item.remove();
      noticesShown.delete(key);
    }
  for (const notice of notices) {
    const key = noticeKey(notice);
    if (noticesShown.has(key)) continue;
    const { at, step, text } = notice;
    const item = make('li');
    const time = make('time', new Date(at).toLocaleTimeString('en-GB'), 'quiet');
    time.dateTime = new Date(at).toISOString();
    item.append(time, make('span', `step ${integer(step)}`, 'quiet'), make('span', text));
    list.prepend(item);
    noticesShown.set(key, item);
  }
}

const noticeKey = ({ at, step, text }: Notice): string => `${at} ${step} ${text}`;

async function command(request: Request, done: string): Promise<void> {
  const { error } = await connection.ask(request);
  toast(error === null ? done : `Not done: ${error.replace(/\.$/, '')}.`);
}

async function kick({ id, name }: WorkerRow): Promise<void> {
  if (await confirmed(`Send ${name} away? Its micro-batches go to others at once.`, 'Send away'))
    await command({ kind: 'kick', worker: id }, `${name} was sent away.`);
}

$('pause').addEventListener('click', () => {
  if (status?.phase === 'paused') void command({ kind: 'resume' }, 'The run goes on.');
  else void command({ kind: 'pause' }, 'Paused: what is under way is finished, nothing new is handed out.');
});
$('checkpoint').addEventListener('click', () => void command({ kind: 'checkpoint' }, 'A checkpoint is being written.'));
$('stop').addEventListener('click', async () => {
  if (await confirmed('Stop writes a checkpoint and ends the run; continue it later with --resume.', 'Stop the run'))
    await command({ kind: 'stop' }, 'Stopping.');
});
$<HTMLInputElement>('smoothing').addEventListener('input', ({ target }) => {
  lossChart.beta = Number((target as HTMLInputElement).value);
});
$<HTMLInputElement>('log-scale').addEventListener('change', ({ target }) => {
  lossChart.log = (target as HTMLInputElement).checked;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== ' ' || event.target !== document.body || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  // A key held down repeats, and is one wish all the same.
  if (!event.repeat) $<HTMLButtonElement>('pause').click();
});
