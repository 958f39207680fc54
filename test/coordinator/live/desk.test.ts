/** When pages are told what, under a clock of the test's own and with sockets that read as slowly as it says. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { LiveView } from '../../../coordinator/live/liveView.ts';
import { OperatorDesk } from '../../../coordinator/live/operator.ts';
import { LiveCloseCode, type LiveState, type RunInfo, type ToOperator } from '../../../core/protocol/live.ts';
import { apply } from '../../support/livePage.ts';

/** As much of a WebSocket as the desk uses, and what a page makes of what is sent through it. */
class FakeSocket extends EventEmitter {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  readonly sent: string[] = [];
  state: LiveState | null = null;
  code = 0;

  send(text: string): void {
    this.sent.push(text);
    const message = JSON.parse(text) as ToOperator;
    if (message.kind === 'snapshot') this.state = message.state;
    else if (message.kind === 'update' && this.state !== null) this.state = apply(this.state, message.state);
  }

  close(code: number): void {
    this.code = code;
    this.readyState = WebSocket.CLOSING;
  }

  terminate(): void {
    this.readyState = WebSocket.CLOSED;
    this.emit('close');
  }

  open(): void {
    this.emit('message', Buffer.from('{"kind":"open","key":"k"}'), false);
  }
}

let view: LiveView;
let desk: OperatorDesk;

beforeEach(() => {
  vi.useFakeTimers();
  const now = () => performance.now();
  view = new LiveView(0, 100_000, { now, date: () => Date.now() });
  desk = new OperatorDesk({ info: {} as RunInfo, view, key: 'k', now, obey: async () => null });
});

afterEach(() => {
  vi.useRealTimers();
});

function visit(): FakeSocket {
  const socket = new FakeSocket();
  desk.accept(socket as unknown as WebSocket, false);
  return socket;
}

function makeSteps(count: number): void {
  const from = view.snapshot().status.step;
  for (let step = from + 1; step <= from + count; step++)
    view.onStep({
      step,
      loss: step,
      lr: 1,
      gradNorm: 1,
      count: 1,
      workers: 1,
      threads: 1,
      seconds: 1,
      tokensPerSecond: 1,
    });
}

test('pages are told what has changed, four times a second at most, in one text that they share', () => {
  const [a, b] = [visit(), visit()];
  a.open();
  b.open();
  for (let i = 0; i < 8; i++) {
    makeSteps(10);
    vi.advanceTimersByTime(125);
  }
  expect(a.sent.length).toBe(1 + 4);
  expect(a.state?.course.course.step.length).toBe(80);
  // From the second update on they hold the same mark: then the very same string goes to both.
  const encoded = vi.spyOn(view, 'changes');
  makeSteps(1);
  vi.advanceTimersByTime(250);
  expect(a.sent.at(-1)).toBe(b.sent.at(-1));
  expect(encoded).toHaveBeenCalledTimes(1);
});

test('where nothing happens, a page is told the time each second', () => {
  const page = visit();
  page.open();
  vi.advanceTimersByTime(10_000);
  expect(page.sent.length).toBe(1 + 10);
  expect(page.state?.status.seconds).toBeGreaterThan(9);
});

test('a page that reads slowly is sent fewer updates, and then holds what any other does', () => {
  const [slow, quick] = [visit(), visit()];
  slow.open();
  quick.open();
  slow.bufferedAmount = 1e6;
  for (let i = 0; i < 40; i++) {
    makeSteps(300);
    vi.advanceTimersByTime(250);
  }
  expect(slow.sent.length).toBe(1);
  expect(quick.sent.length).toBe(1 + 40);
  slow.bufferedAmount = 0;
  makeSteps(1);
  vi.advanceTimersByTime(250);
  expect(slow.sent.length).toBe(2);
  expect(slow.state?.course).toEqual(view.snapshot().course);
  expect(slow.state).toEqual(quick.state);
});

test('a connection that does not open is closed; one that does not close is ended', () => {
  const socket = visit();
  makeSteps(10);
  vi.advanceTimersByTime(9999);
  expect([socket.code, socket.sent.length]).toEqual([0, 0]);
  vi.advanceTimersByTime(1);
  expect(socket.code).toBe(LiveCloseCode.misbehaved);
  vi.advanceTimersByTime(2000);
  expect(socket.readyState).toBe(WebSocket.CLOSED);
  expect(vi.getTimerCount()).toBe(0);
});

test('no timer runs while no page is open', () => {
  expect(vi.getTimerCount()).toBe(0);
  const [a, b] = [visit(), visit()];
  a.open();
  b.open();
  expect(desk.watched).toBe(true);
  a.terminate();
  expect(vi.getTimerCount()).toBe(1);
  b.terminate();
  expect(desk.watched).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});
