/**
 * What carries the media of calls, as the calls see it. A call and its legs are ours: the engine is
 * told who is let in and who is out, and decides nothing about people.
 *
 * Every verb may be repeated, and each settles within the time that it is given: whoever removes a
 * Every verb may be repeated, and each settles within a time of its own: whoever removes a
 * engine has and the calls do not is removed, and a leg that the engine has lost is ended.
 *
 * `tests/media-engine.ts` is what an engine must pass.
 */
import type { CallMedia, MediaWay, Result, SignalPayload } from '@parley/protocol'
import type { LegPermissions } from './permissions.ts'

/** A call, by name. */
export interface EngineCall {
  readonly resourceId: string
  readonly callId: string
}

/** A leg, by name. */
export interface EngineLeg extends EngineCall {
  readonly legId: string
}

/** What an engine cannot do, or has failed at. */
export interface EngineFault {
  /** `refused` - there is no such call or leg, or it is full; `unable` - it has no such thing. */
  readonly kind: 'refused' | 'unable' | 'unreachable'
  readonly detail: string
}

/** What an engine tells of its own. */
export type EngineEvent =
  | { readonly kind: 'connected' | 'media-lost' | 'disconnected'; readonly leg: EngineLeg }
  /** For the client of a leg. */
  | { readonly kind: 'signal'; readonly leg: EngineLeg; readonly signal: SignalPayload }
  /** The media of a call are gone; its clients come again. */
  | { readonly kind: 'failed'; readonly call: EngineCall }

/** Carries the media of calls. */
export interface MediaEngine {
  readonly name: 'mesh' | 'janus' | 'livekit'
  /** Most legs of a call. */
  readonly legsMax: (media: CallMedia) => number
  /** Makes room for a call. */
  readonly open: (
    call: EngineCall & { readonly media: CallMedia },
  ) => Promise<Result<undefined, EngineFault>>
  /** Lets a leg of an open call in, and says how its media go. */
  readonly admit: (
    leg: EngineLeg & { readonly identity: string; readonly deviceId: string },
    permissions: LegPermissions,
  ) => Promise<Result<MediaWay, EngineFault>>
  /** Takes what a client says to the engine itself. */
  readonly signal: (
    leg: EngineLeg,
    signal: SignalPayload,
  ) => Promise<Result<undefined, EngineFault>>
  readonly setPermissions: (
    leg: EngineLeg,
    permissions: LegPermissions,
  ) => Promise<Result<undefined, EngineFault>>
  /** Calls a phone into a call. */
  readonly dial: (
    leg: EngineLeg,
    phone: { readonly number: string; readonly callerId: string | undefined },
  ) => Promise<Result<undefined, EngineFault>>
  /** Cuts a leg out, whatever its client does. */
  readonly remove: (leg: EngineLeg) => Promise<void>
  /** Cuts all legs out and forgets the call. */
  readonly close: (call: EngineCall) => Promise<void>
  /** Lists the legs that it has. */
  readonly reconcile: () => Promise<readonly EngineLeg[]>
  /** Calls back with what it tells, until the end of the process. */
  readonly follow: (listener: (event: EngineEvent) => void) => void
}
