/**
 * The streams by which verifiers elsewhere follow the cut-offs of their resource.
 *
 * A stream begins by catching up: it is entered first, then the log is read, and what happens in
 * between waits, so that nothing falls into the gap. From there on it is told what the tail of this
 * node brings. What has come together is printed once for a resource and written at once to each
 * of its streams: at a low rate that is one cut-off, at a high one as many as came while the
 * writing before that, which costs some 10 us for each stream, had its rest (`stream-pace.ts`).
 *
 * A heartbeat goes with cut-offs where it is nearly due, so that it costs no write of its own, and
 * nothing has to wait behind it. One timer beats for all others, and only while there are any.
 *
 * A heartbeat promises that whatever was answered before it was written before it. A node whose
 * lease is over does not know that, so it is silent.
 */
import { fail, ok, type Result } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import { EndlessReply, type ReplyStream, type StreamedReply } from '../contract/streamed-reply.ts'
import { isCutOffEvent, type LogEvent } from '../events/model.ts'
import { listMissedCutOffs, type Missed } from './following-store.ts'
import { end, endAll, enter, type Hub, leave, type Member, membersOf } from './stream-hub.ts'
import { printKeys } from './stream-messages.ts'
import { createPace } from './stream-pace.ts'
import { isStillWelcome, type StreamWorld } from './stream-world.ts'
import { beatAll, beatOne, flush, writeEvents } from './stream-writing.ts'

/** The streams of this node. */
export interface RevocationStreams {
  /**
   * Opens a stream of what comes after a number.
   *
   * @faults `events-forgotten`, `server-busy` where there are too many.
   */
  readonly open: (asked: StreamAsk) => Promise<Result<StreamedReply, Fault>>
  /** How many are open. */
  readonly count: () => number
  /** Ends all of them, for good. */
  readonly close: () => void
}

/** Who asks for a stream, and from where on. */
export interface StreamAsk {
  readonly caller: ResourceCaller
  readonly afterSeq: number
}

/** Creates the streams of a node; they follow the feed from now on. */
export function createRevocationStreams(world: StreamWorld): RevocationStreams {
  const { monotonicNow } = world
  const restMsMax = serverLimits.streamRestMsMax
  const hub: Hub = {
    ...world,
    channels: new Map(),
    busy: new Set(),
    pace: createPace({ work: () => flush(hub), monotonicNow, restMsMax }),
    count: 0,
    seenSeq: 0,
    look: () => beatAll(hub),
    beat: undefined,
    isClosed: false,
  }
  world.feed.follow({
    apply: (event) => take(hub, event),
    // What was missed is in the log no more; whoever comes again is told so.
    reload: async () => {
      endAll(hub)
      hub.seenSeq = 0
    },
  })
  world.ring.follow((keys) => {
    const bytes = Buffer.from(printKeys('keys', { keys, atMs: world.monotonicNow() }))
    for (const { stream } of membersOf(hub)) stream?.write(bytes)
  })
  return {
    open: (asked) => open(hub, asked),
    count: () => hub.count,
    close() {
      hub.isClosed = true
      endAll(hub)
    },
  }
}

function take(hub: Hub, event: LogEvent): undefined {
  hub.seenSeq = Math.max(hub.seenSeq, event.seq)
  const channel = hub.channels.get(event.resourceId)
  if (!isCutOffEvent(event) || channel === undefined) return
  channel.pending.push(event)
  hub.busy.add(channel)
  hub.pace.ask()
}

async function open(hub: Hub, asked: StreamAsk): Promise<Result<StreamedReply, Fault>> {
  const { caller, afterSeq } = asked
  const { resourceId } = caller
  const streamCount = hub.channels.get(resourceId)?.members.size ?? 0
  const isRoom =
    hub.count < serverLimits.streamsMax && streamCount < serverLimits.streamsOfResourceMax
  if (hub.isClosed || !isRoom) return fail({ kind: 'server-busy' })
  const member = enter(hub, caller)
  const eventsMax = serverLimits.resumedCutOffsMax + 1
  try {
    const [missed, isWelcome] = await Promise.all([
      listMissedCutOffs(hub.db, { resourceId, afterSeq, eventsMax }),
      isStillWelcome(hub.db, caller),
    ])
    if (!isWelcome) {
      leave(hub, member)
      return fail({ kind: 'caller-refused', reason: 'credential-unknown' })
    }
    const isWhole = afterSeq >= missed.firstSeq - 1 && missed.events.length < eventsMax
    if (!isWhole || afterSeq > missed.lastSeq) {
      leave(hub, member)
      return fail({ kind: 'events-forgotten' })
    }
    return ok(new EndlessReply((stream) => begin(hub, member, { stream, missed, afterSeq })))
  } catch (error) {
    leave(hub, member)
    throw error
  }
}

/** Writes the opening and what was missed; gives what is called when the client is gone. */
function begin(
  hub: Hub,
  member: Member,
  from: { readonly stream: ReplyStream; readonly missed: Missed; readonly afterSeq: number },
): () => void {
  const { stream, missed } = from
  if (member.isOver) {
    stream.end()
    return () => undefined
  }
  const pending = hub.channels.get(member.resourceId)?.pending ?? []
  const waiting = [...(member.waiting ?? []), ...pending]
  member.waiting = undefined
  member.stream = stream
  member.position = from.afterSeq
  stream.write(printKeys('open', { keys: hub.ring.published(), atMs: member.openedAtMs }))
  writeEvents(member, [...missed.events, ...waiting.filter(({ seq }) => seq > missed.lastSeq)])
  member.position = Math.max(member.position, missed.lastSeq, hub.seenSeq)
  // Numbers that it was not told of would look like something missed.
  if (hub.isCurrent()) beatOne(hub, member)
  else end(hub, member)
  return () => leave(hub, member)
}
