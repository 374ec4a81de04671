import type { RevocationEvent } from '@parley/protocol'
import { serverLimits } from '../contract/limits.ts'
import { type Channel, end, type Hub, type Member } from './stream-hub.ts'
import { printCutOff, printHeartbeat } from './stream-messages.ts'

const times = {
  /** Age of the last heartbeat from which on one goes with cut-offs. */
  earlyBeatMs: serverLimits.heartbeatIntervalMs * 0.7,
  /** The same for one that is written alone: looks are a little early or late. */
  lateBeatMs: serverLimits.heartbeatIntervalMs * 0.9,
}

/** Writes what a stream does not have yet of some events. */
export function writeEvents(member: Member, events: readonly RevocationEvent[]): void {
  let text = ''
  for (const event of events) {
    if (event.seq <= member.position) continue
    text += printCutOff(event, member.position)
    member.position = event.seq
  }
  if (text !== '') member.stream?.write(text)
}

/** Writes what is pending. */
export function flush(hub: Hub): void {
  for (const channel of [...hub.busy]) writeToAll(hub, channel, times.earlyBeatMs)
}

/** Writes the heartbeats that are due. */
export function beatAll(hub: Hub): void {
  const nowMs = hub.monotonicNow()
  for (const channel of [...hub.channels.values()]) {
    const isDue = nowMs - channel.beatenAtMs >= times.lateBeatMs
    if (isDue) writeToAll(hub, channel, times.lateBeatMs)
  }
}

/** Writes what is pending, and a heartbeat where the last one is so old. */
function writeToAll(hub: Hub, channel: Channel, beatAgeMs: number): void {
  const { pending: events } = channel
  channel.pending = []
  hub.busy.delete(channel)
  const atMs = hub.monotonicNow()
  const isBeat = atMs - channel.beatenAtMs >= beatAgeMs
  const isHeartbeat = isBeat && hub.isCurrent()
  const bytes = Buffer.from(
    printAll(channel, events, isHeartbeat ? { seq: hub.seenSeq, atMs } : undefined),
  )
  const firstSeq = events[0]?.seq ?? hub.seenSeq + 1
  for (const member of [...channel.members]) {
    if (member.stream === undefined) hold(hub, member, events)
    else if (member.position < firstSeq) {
      if (bytes.length > 0) member.stream.write(bytes)
      member.position = channel.writtenSeq
    } else {
      writeEvents(member, events)
      // Whoever is further than the others needs to be as far as they are from here on.
      member.position = Math.max(member.position, channel.writtenSeq)
      if (isHeartbeat) beatOne(hub, member)
    }
    if (isBeat && isOver(hub, member)) end(hub, member)
  }
  if (isHeartbeat) channel.beatenAtMs = atMs
}

/** The text for all who are as far as the channel is, and the channel is further then. */
function printAll(
  channel: Channel,
  events: readonly RevocationEvent[],
  heartbeat: { readonly seq: number; readonly atMs: number } | undefined,
): string {
  let text = ''
  for (const event of events) {
    text += printCutOff(event, channel.writtenSeq)
    channel.writtenSeq = event.seq
  }
  if (heartbeat === undefined) return text
  channel.writtenSeq = Math.max(channel.writtenSeq, heartbeat.seq)
  return text + printHeartbeat(heartbeat)
}

/** Keeps cut-offs for a stream that was not begun. */
function hold(hub: Hub, member: Member, events: readonly RevocationEvent[]): void {
  member.waiting?.push(...events)
  if ((member.waiting?.length ?? 0) > serverLimits.resumedCutOffsMax) end(hub, member)
}

function isOver(hub: Hub, { openedAtMs, endsAtMs }: Member): boolean {
  const isOld = hub.monotonicNow() - openedAtMs >= serverLimits.streamMsMax
  return isOld || hub.now() >= endsAtMs
}

/** The first heartbeat of a stream, and those of one that has read further than the tail. */
export function beatOne(hub: Hub, member: Member): void {
  member.stream?.write(printHeartbeat({ seq: member.position, atMs: hub.monotonicNow() }))
}
