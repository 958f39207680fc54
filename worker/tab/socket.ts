/** The browser's WebSocket as a `Link`, its bytes counted. */
import { SUBPROTOCOL } from '../../core/protocol/messages.ts';
import type { Link, LinkEvents } from '../session.ts';

/** Bytes of the messages themselves; what the network adds is not seen by a page. */
export interface Traffic {
  sent: number;
  received: number;
}

export function openSocket(url: string, events: LinkEvents, traffic: Traffic): Link {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.binaryType = 'arraybuffer';
  let over = false;
  const closed = (code: number, reason: string) => {
    if (over) return;
    over = true;
    events.closed(code, reason);
  };
  socket.onopen = () => events.opened();
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (over || !(data instanceof ArrayBuffer)) return;
    traffic.received += data.byteLength;
    events.received(new Uint8Array(data));
  };
  socket.onclose = ({ code, reason }) => closed(code, reason);
  return {
    send: (frame) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      traffic.sent += frame.byteLength;
      socket.send(frame as Uint8Array<ArrayBuffer>);
    },
    leave: () => socket.close(),
    end: () => {
      socket.close();
      // A page cannot cut a link; a dead one would take minutes to say that it is closed.
      closed(1006, '');
    },
  };
}
