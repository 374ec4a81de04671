/**
 * What calls and legs are called at a Janus, and the secrets of its rooms.
 *
 * Every node must reach a room that another one has made, and none stores anything for that: names
 * say what they are for, and secrets are derived from the one that all nodes are given.
 */
import { createHmac } from 'node:crypto'
import { isGuid } from '@parley/protocol'
import type { EngineCall, EngineLeg } from '../media-engine.ts'

/** Names the room of a call. */
export function roomFor({ resourceId, callId }: EngineCall): string {
  return `${resourceId}.${callId}`
}

/** Reads the call of a room; `undefined` for rooms that are none of ours. */
export function parseRoom(room: unknown): EngineCall | undefined {
  const [resourceId = '', callId = '', ...rest] = String(room).split('.')
  const isOurs = isGuid(resourceId) && isGuid(callId) && rest.length === 0
  return isOurs ? { resourceId, callId } : undefined
}

/** Says what a handle is for, to the administration of Janus. */
export function opaqueIdFor(leg: EngineLeg): string {
  return `${roomFor(leg)}.${leg.legId}`
}

/** Reads for which leg a handle is; `undefined` for what carries none. */
export function parseOpaqueId(text: string): EngineLeg | undefined {
  const end = text.lastIndexOf('.')
  return legIn(text.slice(0, end), text.slice(end + 1))
}

/** The leg that a participant of a room is. */
export function legIn(room: unknown, id: unknown): EngineLeg | undefined {
  const call = parseRoom(room)
  const legId = String(id)
  return call !== undefined && isGuid(legId) ? { ...call, legId } : undefined
}

/** The secret that is wanted of who changes a room. */
export function roomSecretFor(apiSecret: string, call: EngineCall): string {
  return derive(apiSecret, `room ${roomFor(call)}`)
}

/** The token with which a leg comes into its room. */
export function tokenFor(apiSecret: string, leg: EngineLeg): string {
  return derive(apiSecret, `leg ${opaqueIdFor(leg)}`)
}

function derive(apiSecret: string, purpose: string): string {
  return createHmac('sha256', apiSecret).update(`parley ${purpose}`).digest('base64url')
}
