/**
 * The coordinator's door on a network: one port for pages (web.ts), workers (reception.ts) and the operator. It knows HTTP and
 * which page may open a WebSocket; what is said over one is not its business.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../core/clock.ts';
import { UserError } from '../../core/errors.ts';
import { MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { LIVE_PATH, LIVE_SUBPROTOCOL, type RunInfo } from '../../core/protocol/live.ts';
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import type { Guest } from './guests.ts';
import { IDLE_MS, MAX_FRAGMENTS, MAX_READS, REQUEST_LOOK_MS, REQUEST_MS } from './limits.ts';
import type { PeerOptions } from './peer.ts';
import { Reception } from './reception.ts';
import { acceptSocket } from './socket.ts';
import { isLocal, isSameOrigin, type Pages, serveWeb } from './web.ts';

/** An operator's commands are small. */
const MAX_COMMAND_BYTES = 16 * 1024;

export interface ServerOptions extends PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly info: RunInfo;
  readonly pages: Pages;
  /** Takes an operator's page; `exempt`: it is on this machine and needs no key. Calls `opened` once it has shown that. */
  readonly operator: (socket: WebSocket, exempt: boolean, opened: () => void) => void;
}

export interface CoordinatorServer {
  /** The port it listens on. */
  readonly port: number;
  readonly bytes: { readonly sent: number; readonly received: number };
  /** Sends all workers away and stops listening. */
  close(finished: boolean): Promise<void>;
}

/** Opens the door. @throws UserError if the address cannot be listened on */
export async function listen(options: ServerOptions): Promise<CoordinatorServer> {
  const http = createServer(
    { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_LOOK_MS },
    (request, response) => serveWeb(options, request, response),
  );
  // A page that is not read, say; a WebSocket is not bound by it.
  http.setTimeout(IDLE_MS);
  await listening(http, options);
  const workers = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_READS,
    perMessageDeflate: false,
    // Any version is let in as far as to be told, in words, that it is the wrong one.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : ([...offered][0] ?? false)),
  });
  const operators = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_COMMAND_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(LIVE_SUBPROTOCOL) ? LIVE_SUBPROTOCOL : false),
  });
  const bytes = { sent: 0, received: 0 };
  const reception = new Reception(options, systemClock);
  const guests = new Map<string, Guest>();
  http.on('connection', (socket: Socket) => {
    const guest = reception.enter(socket.remoteAddress ?? '', () => socket.destroy());
    if (guest === null) return socket.destroy();
    const place = placeOf(socket);
    guests.set(place, guest);
    socket.on('close', () => {
      guest.leave();
      guests.delete(place);
      bytes.sent += socket.bytesWritten;
      bytes.received += socket.bytesRead;
    });
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A page of another site must not speak here with its visitor's nearness to this machine.
    if (!isSameOrigin(request)) {
      // Node watches a socket no more once it is to be upgraded.
      socket.on('error', () => undefined);
      return void socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n', () => socket.destroy());
    }
    const guest = guests.get(placeOf(request.socket));
    if (request.url === LIVE_PATH)
      return operators.handleUpgrade(request, socket, head, (webSocket) =>
        options.operator(webSocket, isLocal(request), () => guest?.welcome()),
      );
    workers.handleUpgrade(request, socket, head, (webSocket) =>
      acceptSocket(webSocket, request.socket, (link) => reception.accept(link, guest)),
    );
  });
  const address = http.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    bytes,
    close: async (finished) => {
      // Nobody new comes in while the others are shown out.
      const closed = new Promise((resolve) => http.close(resolve));
      await reception.close(finished);
      for (const socket of [...workers.clients, ...operators.clients]) socket.terminate();
      http.closeAllConnections();
      await closed;
    },
  };
}

/** What no other connection has at the same time; the same for a stream and for what encrypts it. */
const placeOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function listening(http: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      const what =
        error.code === 'EADDRINUSE'
          ? `port ${port} is in use`
          : `${host}:${port} cannot be listened on (${error.message})`;
      reject(
        new UserError(`${what}: choose another address with --listen HOST:PORT, or stop the program that holds it.`),
      );
    });
    http.listen(port, host, () => resolve());
  });
}
