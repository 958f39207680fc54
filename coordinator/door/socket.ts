/** A WebSocket, and the stream below it, as a worker's link. */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { CloseCode } from '../../core/protocol/messages.ts';
import { FAREWELL_MS, MAX_STRANGER_BYTES } from './limits.ts';
import type { PeerLink, PeerLinkEvents } from './link.ts';

/** Hands an open WebSocket to `accept`, and tells what it returns of what comes. */
export function acceptSocket(socket: WebSocket, stream: Socket, accept: (link: PeerLink) => PeerLinkEvents): void {
  const events = accept(new SocketLink(socket, stream));
  // ws knows one limit for all; before its first message, a stranger's is smaller.
  const before = stream.bytesRead;
  const watch = () => {
    if (stream.bytesRead - before <= MAX_STRANGER_BYTES) return;
    stream.off('data', watch);
    socket.close(CloseCode.misbehaved, 'it sent a hello that is too long');
    // No more is read, and so no goodbye either.
    socket.pause();
    const impatience = setTimeout(() => socket.terminate(), FAREWELL_MS);
    socket.once('close', () => clearTimeout(impatience));
  };
  stream.on('data', watch);
  socket.once('message', () => stream.off('data', watch));
  socket.on('message', (data: Buffer, isBinary) => events.received(data, isBinary));
  socket.on('pong', () => events.pong());
  // What comes of the network, a reset say, is no fault of the other side's; what ws refuses to read is.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('WS_ERR_')) events.malformed(`a malformed WebSocket frame (${error.message})`);
  });
  socket.on('close', (_, reason) => events.closed(reason.toString()));
}

class SocketLink implements PeerLink {
  readonly protocol: string;
  /** Kept, since a stream that is closed has none. */
  readonly address: string;
  readonly #socket: WebSocket;
  readonly #stream: Socket;

  constructor(socket: WebSocket, stream: Socket) {
    this.protocol = socket.protocol;
    this.address = stream.remoteAddress ?? '';
    this.#socket = socket;
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  get sent(): number {
    return this.#stream.bytesWritten;
  }

  get received(): number {
    return this.#stream.bytesRead;
  }

  send(frame: Uint8Array, left?: () => void): void {
    this.#socket.send(frame, left && (() => left()));
  }

  ping(): void {
    if (this.isOpen) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  end(): void {
    this.#socket.terminate();
  }
}
