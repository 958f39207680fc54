/**
 * A worker's connection as the door sees it, whatever carries it: a WebSocket (socket.ts), or a simulation's. Calls do not
 * throw, open or not.
 */

export interface PeerLink {
  /** The subprotocol that was agreed on; '' if none was. */
  readonly protocol: string;
  /** Where it comes from, without the port. */
  readonly address: string;
  /** Whether frames still reach the other side, as far as this one knows; not once this one has said goodbye. */
  readonly isOpen: boolean;
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** Bytes that have passed so far, by this side's count. */
  readonly sent: number;
  readonly received: number;
  /**
   * Sends a frame if the link is open. The frame is not to be changed afterwards: it may be read as long as it waits.
   * @param left called once, later, when the frame has left this process or never will
   */
  send(frame: Uint8Array, left?: () => void): void;
  ping(): void;
  /** Says goodbye; `closed` follows once the other side has answered it. */
  close(code: number, reason: string): void;
  /** Ends the connection at once; `closed` follows. */
  end(): void;
}

/** What a link tells of itself: nothing before whoever opened it has returned. */
export interface PeerLinkEvents {
  /** The frame is read before this returns, or not at all. */
  received(frame: Uint8Array, isBinary: boolean): void;
  pong(): void;
  /** What came is no frame. `closed` follows, as if this side had said goodbye. @param what to be said after "it sent" */
  malformed(what: string): void;
  /** Told once, and last. `reason` is what the other side said, if anything. */
  closed(reason: string): void;
}
