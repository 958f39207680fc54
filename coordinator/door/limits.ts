/**
 * What the door allows and how long it waits, in one place; docs/browsers.md says the same for people. Sizes are in bytes. Each
 * is far above what an honest worker on a poor link needs, and far below what does harm.
 */
const KiB = 1024;
const MiB = 1024 * KiB;

/** Connections, whatever for: pages, workers and strangers. Beyond this strangers are turned out for newcomers. */
export const MAX_CONNECTIONS = 8192;
/** Of one address, or one network of IPv6 (/64). A class behind one router shares an address. */
export const MAX_PER_ADDRESS = 4096;
/** Connections that an address may open at once after a quiet time, and how many more a second. */
export const BURST = 1024;
export const PER_SECOND = 128;
/** An address is forgotten after it has been quiet for so long, with nothing open. */
export const FORGET_ADDRESS_MS = 60_000;

/** A request's head and body have so long to come, from the moment of connecting; how often that is looked at. */
export const REQUEST_MS = 10_000;
export const REQUEST_LOOK_MS = 2000;
/** A connection for pages on which nothing passes any more is ended. */
export const IDLE_MS = 20_000;
/** A WebSocket is a stranger's until it has said hello, in this time and size. */
export const HELLO_MS = 10_000;
export const MAX_HELLO_BYTES = 4 * KiB;
/** What a stranger's WebSocket may receive in all: the request before the hello, and its frames' heads. */
export const MAX_STRANGER_BYTES = 32 * KiB;
/** Parts that a message may come in: WebSocket fragments, and reads of the network for one frame. */
export const MAX_FRAGMENTS = 1024;
export const MAX_READS = 4096;

export const PING_MS = 5000;
/** A peer from and to which nothing at all has come for so many pings is gone. A slow transfer is a sign of life. */
export const MISSED_PINGS = 4;
/** How often a tab's person is told how the run stands. */
export const NEWS_MS = 1000;
/** How long a peer that is sent away has to close its side. */
export const FAREWELL_MS = 2000;

/** Bytes of messages that wait to leave for a peer before the next piece of its state is handed to its link. */
export const WINDOW_BYTES = 512 * KiB;
/** With more than this waiting, a peer is neither pinged nor told news. */
export const MAX_WAITING_BYTES = WINDOW_BYTES + 256 * KiB;
/** A peer to which nothing has left for so long, though something waits, is not reading. */
export const UNREAD_MS = 120_000;
/** States of earlier steps that are still on their way to somebody may take so much memory together. */
export const MAX_OUTDATED_BYTES = 512 * MiB;

/** What a peer may send that no lease justifies, in frames and bytes. */
export const SPARE_FRAMES = 16;
export const SPARE_BYTES = 16 * KiB;
/** Frames of a result may be as small as this. */
export const LEAST_FRAME_BYTES = 64 * KiB;
/** Bytes between two pings beyond those of messages: the frames' heads, pongs, and what has come of a frame. */
export const MAX_OVERHEAD_BYTES = MiB;
/** A message that was begun is given so long, and more only while it has come at this rate since then. */
export const MESSAGE_MS = 120_000;
export const LEAST_BYTES_PER_SECOND = 2 * KiB;

/** How long a worker stays away after a first offence; each further one doubles it, up to a day. */
export const COOL_DOWN_MS = { misbehaved: 10_000, lied: 600_000 } as const;
export const MAX_COOL_DOWN_MS = 24 * 3600_000;
/** Offences are forgotten when so long has passed since the last cool-down ended. */
export const FORGIVE_MS = 24 * 3600_000;
/** How many workers' offences are remembered. */
export const MAX_REMEMBERED = 16_384;
