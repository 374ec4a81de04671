/**
 * The streams by which verifiers elsewhere follow the cut-offs of their resource.
 *
 * A stream begins by catching up: it is entered first, then the log is read, and what happens in
 * between waits, so that nothing falls into the gap. From there on it is told what the tail of this
 * node brings. Cut-offs of one turn are printed once for a resource and written together to each
 * of its streams; one timer beats for all of them, and only while there are any.
 *
 * A heartbeat promises that whatever was answered before it was written before it. A node whose
 * lease is over does not know that, so it is silent.
 */
import { fail, ok, type Result, type RevocationEvent } from '@parley/protocol'
import type { Fault } from '../contract/faults.ts'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import { type ReplyStream, StreamedReply } from '../contract/streamed-reply.ts'
import { isCutOffEvent, type LogEvent } from '../events/model.ts'
import { listMissedCutOffs, type Missed } from './following-store.ts'
import { printCutOff, printHeartbeat, printKeys, subjectsOfCaller } from './stream-messages.ts'
import { isStillWelcome, type StreamWorld } from './stream-world.ts'

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

/** One stream. */
interface Member {
  readonly resourceId: string
  /** Everything up to this number was written. */
  position: number
  /** What came before it was begun; `undefined` from then on. */
  waiting: RevocationEvent[] | undefined
  /** `undefined` before it was begun. */
  stream: ReplyStream | undefined
  isOver: boolean
  readonly openedAtMs: number
  /** By the wall clock; infinite where the credential does not end by itself. */
  readonly endsAtMs: number
  letGo: () => void
}

/** The streams of one resource. */
interface Channel {
  readonly members: Set<Member>
  /** The last number that was written to all of them. */
  writtenSeq: number
}

/** All streams, and what is to be written next. */
interface Hub extends StreamWorld {
  readonly channels: Map<string, Channel>
  count: number
  /** The last number that the tail has brought. */
  seenSeq: number
  queue: RevocationEvent[]
  isScheduled: boolean
  beat: ReturnType<typeof setInterval> | undefined
  isClosed: boolean
}

/** Creates the streams of a node; they follow the feed from now on. */
export function createRevocationStreams(world: StreamWorld): RevocationStreams {
  const hub: Hub = {
    ...world,
    channels: new Map(),
    count: 0,
    seenSeq: 0,
    queue: [],
    isScheduled: false,
    beat: undefined,
    isClosed: false,
  }
  world.feed.follow({
    apply: (event) => take(hub, event),
    // What was missed is in the log no more; whoever comes again is told so.
    reload: async () => {
      endAll(hub)
      hub.queue = []
      hub.seenSeq = 0
    },
  })
  world.ring.follow((keys) => {
    const text = printKeys('keys', { keys, atMs: world.monotonicNow() })
    for (const { stream } of membersOf(hub)) stream?.write(text)
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
  if (!isCutOffEvent(event) || !hub.channels.has(event.resourceId)) return
  hub.queue.push(event)
  if (hub.isScheduled) return
  hub.isScheduled = true
  setImmediate(() => {
    hub.isScheduled = false
    flush(hub)
  })
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
    return ok(new StreamedReply((stream) => begin(hub, member, { stream, missed, afterSeq })))
  } catch (error) {
    leave(hub, member)
    throw error
  }
}

function enter(hub: Hub, caller: ResourceCaller): Member {
  const { resourceId } = caller
  const member: Member = {
    resourceId,
    position: 0,
    waiting: [],
    stream: undefined,
    isOver: false,
    openedAtMs: hub.monotonicNow(),
    endsAtMs: caller.credential?.expiresAtMs ?? Number.POSITIVE_INFINITY,
    letGo: () => undefined,
  }
  member.letGo = hub.openings.hold(subjectsOfCaller(caller), () => end(hub, member))
  const channel = hub.channels.get(resourceId) ?? { members: new Set(), writtenSeq: 0 }
  hub.channels.set(resourceId, channel)
  channel.members.add(member)
  hub.count += 1
  hub.beat ??= setInterval(() => beat(hub), serverLimits.heartbeatIntervalMs).unref()
  return member
}

function leave(hub: Hub, member: Member): void {
  if (member.isOver) return
  member.isOver = true
  member.letGo()
  const channel = hub.channels.get(member.resourceId)
  channel?.members.delete(member)
  if (channel?.members.size === 0) hub.channels.delete(member.resourceId)
  hub.count -= 1
  if (hub.count > 0) return
  clearInterval(hub.beat)
  hub.beat = undefined
}

function end(hub: Hub, member: Member): void {
  leave(hub, member)
  member.stream?.end()
}

function endAll(hub: Hub): void {
  for (const member of membersOf(hub)) end(hub, member)
}

function membersOf(hub: Hub): readonly Member[] {
  return [...hub.channels.values()].flatMap(({ members }) => [...members])
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
  flush(hub)
  const waiting = member.waiting ?? []
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

/** Writes what a stream does not have yet of some events. */
function writeEvents(member: Member, events: readonly RevocationEvent[]): void {
  let text = ''
  for (const event of events) {
    if (event.seq <= member.position) continue
    text += printCutOff(event, member.position)
    member.position = event.seq
  }
  if (text !== '') member.stream?.write(text)
}

function flush(hub: Hub): void {
  const events = hub.queue
  if (events.length === 0) return
  hub.queue = []
  const byResource = new Map<string, RevocationEvent[]>()
  for (const event of events) {
    const own = byResource.get(event.resourceId) ?? []
    own.push(event)
    byResource.set(event.resourceId, own)
  }
  for (const [resourceId, own] of byResource) {
    const channel = hub.channels.get(resourceId)
    if (channel !== undefined) writeToAll(hub, channel, own)
  }
}

function writeToAll(hub: Hub, channel: Channel, events: readonly RevocationEvent[]): void {
  let text = ''
  const [first] = events
  for (const event of events) {
    text += printCutOff(event, channel.writtenSeq)
    channel.writtenSeq = event.seq
  }
  for (const member of [...channel.members]) {
    const { stream, waiting } = member
    if (stream === undefined || first === undefined) {
      waiting?.push(...events)
      if ((waiting?.length ?? 0) > serverLimits.resumedCutOffsMax) end(hub, member)
    } else if (member.position < first.seq) {
      stream.write(text)
      member.position = channel.writtenSeq
    } else {
      writeEvents(member, events)
    }
  }
}

function beat(hub: Hub): void {
  flush(hub)
  const nowMs = hub.monotonicNow()
  const isCurrent = hub.isCurrent()
  const text = printHeartbeat({ seq: hub.seenSeq, atMs: nowMs })
  for (const channel of hub.channels.values()) {
    if (isCurrent) channel.writtenSeq = Math.max(channel.writtenSeq, hub.seenSeq)
    for (const member of [...channel.members]) {
      const isOld = nowMs - member.openedAtMs >= serverLimits.streamMsMax
      if (isOld || hub.now() >= member.endsAtMs) end(hub, member)
      else if (!isCurrent || member.stream === undefined) continue
      else if (member.position > hub.seenSeq) beatOne(hub, member)
      else {
        member.stream.write(text)
        member.position = hub.seenSeq
      }
    }
  }
}

/** The first heartbeat of a stream, and those of one that has read further than the tail. */
function beatOne(hub: Hub, member: Member): void {
  member.stream?.write(printHeartbeat({ seq: member.position, atMs: hub.monotonicNow() }))
}
