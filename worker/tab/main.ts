/** The join page: what is asked of a volunteer, one button, then a live view. The work itself is volunteer.ts's. */
import { $ } from '../../core/page/element.ts';
import { bytes, duration, integer } from '../../core/page/format.ts';
import type { RunInfo } from '../../core/protocol/live.ts';
import { batteryIsTold } from './battery.ts';
import { LossChart } from './lossChart.ts';
import { keepName, keepSettings, keptName, keptSettings } from './preferences.ts';
import { type Phase, type Settings, Volunteer, type VolunteerView } from './volunteer.ts';

/** The token is in the fragment, which no server and no log sees. */
function tokenFromLink(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  return token ?? '';
}

function say(problem: string): void {
  $('problem').textContent = problem;
  $('problem').hidden = false;
}

async function describe(token: string): Promise<RunInfo | null> {
  const response = await fetch('/run.json', { headers: { authorization: `Bearer ${encodeURIComponent(token)}` } });
  if (response.status === 401) {
    say('This link is not complete, or it is for another run: ask whoever sent it for the whole link.');
    return null;
  }
  return (await response.json()) as RunInfo;
}

function showOffer(info: RunInfo, settings: Settings): void {
  $('title').textContent = `Help to train ${info.run}`;
  const by = info.by === '' ? '' : `, run by ${info.by}`;
  $('what').textContent =
    `A ${info.model} model of ${integer(info.parameters)} parameters learns from ${info.data}${by}.`;
  $('term-threads').textContent =
    `${settings.threads} of this device's ${navigator.hardwareConcurrency} threads, as long as this page is open. You can change that at any time.`;
  $('term-bytes').textContent =
    `At most ${bytes(info.parameters * 4)} down and ${bytes(info.parameters * 4)} up for each step that you take part in.`;
  $<HTMLInputElement>('name').value = keptName();
  $('offer').hidden = false;
}

const phaseInWords = (phase: Phase): string => {
  switch (phase.kind) {
    case 'idle':
      return 'not joined';
    case 'starting':
      return 'joining';
    case 'working':
      return 'computing';
    case 'waiting':
      return 'reconnecting';
    case 'away':
      return 'sent away';
    case 'paused':
      return phase.by === 'battery' ? 'paused: on battery' : 'paused';
    case 'finished':
      return 'finished';
    case 'refused':
      return 'turned away';
    default:
      return phase satisfies never;
  }
};

const tones: Readonly<Record<Phase['kind'], string>> = {
  idle: '',
  starting: '',
  working: 'good',
  waiting: 'warn',
  away: 'bad',
  paused: 'warn',
  finished: 'good',
  refused: 'bad',
};

const fixed = (value: number | null): string => (value === null ? '–' : value.toFixed(4));

/** Puts a view on the page. */
function show(view: VolunteerView, info: RunInfo, chart: LossChart): void {
  const { phase, news } = view;
  const pill = $('phase');
  pill.textContent = phaseInWords(phase);
  pill.dataset.phase = phase.kind;
  pill.dataset.tone = tones[phase.kind];
  const pause = $<HTMLButtonElement>('pause');
  pause.textContent = phase.kind === 'paused' ? 'Go on' : 'Pause';
  pause.disabled = phase.kind === 'finished' || phase.kind === 'refused';
  if (phase.kind === 'refused') say(phase.reason.replace(/\.?$/, '.'));
  else if (phase.kind === 'waiting') say(`No connection (${phase.reason}); this page tries again by itself.`);
  else if (phase.kind === 'away')
    say(
      `The coordinator sent this page away for ${duration(phase.seconds)} (${phase.reason}); it then comes back by itself.`,
    );
  else $('problem').hidden = true;
  $('speed').textContent = `${view.perSecond.toFixed(1)}/s`;
  $('bytes').textContent = `${bytes(view.traffic.received)}, ${bytes(view.traffic.sent)}`;
  const fused = view.relaxed === false ? ' This browser has no fused multiply-add.' : '';
  const memory = view.sharedMemory ? 'Threads share memory.' : 'Threads have memory of their own.';
  $('foot').textContent = view.relaxed === null ? '' : `${memory}${fused}`;
  if (news === null) return;
  $('yours').textContent = integer(view.accepted);
  $('share').textContent =
    news.all === 0 ? '–' : `${((100 * Math.min(view.accepted, news.all)) / news.all).toFixed(1)} %`;
  $('step-label').textContent = `Step of ${integer(info.steps)}`;
  $('step').textContent = integer(news.step);
  $('loss').textContent = fixed(news.loss);
  $('val-loss').textContent = fixed(news.valLoss);
  $('workers').textContent = integer(news.workers);
  $('left').textContent = news.secondsLeft === null ? news.phase : `${duration(news.secondsLeft)} left`;
  const progress = $<HTMLProgressElement>('progress');
  progress.max = info.steps;
  progress.value = news.step;
  if (news.sample !== null) $('sample').textContent = news.sample.text;
  chart.push(news.step, news.loss);
}

function bindSettings(volunteer: Volunteer, first: Settings): void {
  const [threads, duty, battery] = [
    $<HTMLInputElement>('threads'),
    $<HTMLInputElement>('duty'),
    $<HTMLInputElement>('battery'),
  ];
  threads.max = String(navigator.hardwareConcurrency);
  threads.value = String(first.threads);
  duty.value = String(first.duty * 100);
  battery.checked = first.stopOnBattery;
  $('battery-field').hidden = !batteryIsTold();
  const label = () => {
    $('threads-out').textContent = `${threads.value} of ${navigator.hardwareConcurrency}`;
    $('duty-out').textContent = `${duty.value} %`;
  };
  label();
  const take = () => {
    const settings: Settings = {
      threads: Number(threads.value),
      duty: Number(duty.value) / 100,
      stopOnBattery: battery.checked,
    };
    keepSettings(settings);
    void volunteer.set(settings);
  };
  for (const input of [threads, duty]) input.addEventListener('input', label);
  for (const input of [threads, duty, battery]) input.addEventListener('change', take);
}

async function main(): Promise<void> {
  const token = tokenFromLink();
  const info = await describe(token);
  if (info === null) return;
  const settings = keptSettings();
  showOffer(info, settings);
  const join = $<HTMLButtonElement>('join');
  join.addEventListener('click', () => {
    const name = $<HTMLInputElement>('name').value.trim() || keptName();
    keepName(name);
    for (const id of ['live', 'run', 'settings']) $(id).hidden = false;
    $('offer').hidden = true;
    document.querySelector('.join')?.classList.add('joined');
    const chart = new LossChart($('chart'));
    const volunteer = new Volunteer({
      url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/`,
      token,
      name,
      script: '/thread.js',
      settings,
      onChange: (view) => show(view, info, chart),
    });
    $('pause').addEventListener('click', () => {
      const { phase } = volunteer.view;
      if (phase.kind === 'paused') void volunteer.start(phase.by === 'battery');
      else volunteer.pause();
    });
    bindSettings(volunteer, settings);
    void volunteer.start();
    $('pause').focus();
  });
}

await main().catch((error: unknown) => {
  say(`The coordinator does not answer (${error instanceof Error ? error.message : String(error)}): reload this page.`);
});
