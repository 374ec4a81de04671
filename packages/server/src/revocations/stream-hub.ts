import type { RevocationEvent } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import type { ResourceCaller } from '../contract/operation.ts'
import type { ReplyStream } from '../contract/streamed-reply.ts'
import { subjectsOfCaller } from './stream-messages.ts'
import type { Pace } from './stream-pace.ts'
import type { StreamWorld } from './stream-world.ts'

/** One stream. */
export interface Member {
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
export interface Channel {
  readonly members: Set<Member>
  /** Cut-offs that were not written yet; with them it is known up to `Hub.seenSeq`. */
  pending: RevocationEvent[]
  /** The last number that was written to all of them. */
  writtenSeq: number
  /** When the last heartbeat was written to all of them. */
  beatenAtMs: number
}

/** All streams, and what is to be written next. */
export interface Hub extends StreamWorld {
  readonly channels: Map<string, Channel>
  /** Those in which something is pending. */
  readonly busy: Set<Channel>
  readonly pace: Pace
  count: number
  /** The last number that the tail has brought. */
  seenSeq: number
  /** Called a few times for each heartbeat, while there are streams. */
  readonly look: () => void
  beat: ReturnType<typeof setInterval> | undefined
  isClosed: boolean
}

/** Time between two looks at which heartbeats are due. */
const lookIntervalMs = serverLimits.heartbeatIntervalMs / 5

/** Enters a stream before it is begun. */
export function enter(hub: Hub, caller: ResourceCaller): Member {
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
  const channel = hub.channels.get(resourceId) ?? createChannel(hub)
  hub.channels.set(resourceId, channel)
  channel.members.add(member)
  hub.count += 1
  hub.beat ??= setInterval(hub.look, lookIntervalMs).unref()
  return member
}

function createChannel(hub: Hub): Channel {
  return { members: new Set(), pending: [], writtenSeq: 0, beatenAtMs: hub.monotonicNow() }
}

/** Takes a stream out that is over. */
export function leave(hub: Hub, member: Member): void {
  if (member.isOver) return
  member.isOver = true
  member.letGo()
  const channel = hub.channels.get(member.resourceId)
  channel?.members.delete(member)
  if (channel?.members.size === 0) {
    hub.channels.delete(member.resourceId)
    hub.busy.delete(channel)
  }
  hub.count -= 1
  if (hub.count > 0) return
  clearInterval(hub.beat)
  hub.beat = undefined
}

/** Ends a stream. */
export function end(hub: Hub, member: Member): void {
  leave(hub, member)
  member.stream?.end()
}

/** Ends all of them. */
export function endAll(hub: Hub): void {
  for (const member of membersOf(hub)) end(hub, member)
}

/** All of them, whether begun or not. */
export function membersOf(hub: Hub): readonly Member[] {
  return [...hub.channels.values()].flatMap(({ members }) => [...members])
}
