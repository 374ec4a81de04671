/**
 * What carries the media of calls, as the calls see it. A call and its legs are ours: the engine is
 * told who is let in and who is out, and decides nothing about people.
 *
 * Every verb may be repeated, and each settles within a time of its own: whoever removes a leg does
 * not wait for a media server that is gone. What was missed is healed when all is compared: what
 * the engine has and the calls do not is removed, and a leg that the engine has lost is ended.
 *
 * Each node has an engine object of its own, which holds the legs of the clients at this node; a
 * media server behind it may be shared. A leg is admitted at the node where its client is. `remove`
 * comes there, and earlier at the node that decided it, where the engine may not hold the leg and
 * does what it can.
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
  /**
   * `connected` - it hears and is heard (of a phone: it was answered), and is charged from here on;
   * `media-lost` - its client comes again; `disconnected` - it has ended (a phone has hung up).
   */
  | { readonly kind: 'connected' | 'media-lost' | 'disconnected'; readonly leg: EngineLeg }
  /** For the client of a leg. */
  | { readonly kind: 'signal'; readonly leg: EngineLeg; readonly signal: SignalPayload }
  /** The media of a call are gone; its clients come again. */
  | { readonly kind: 'failed'; readonly call: EngineCall }

/** A phone that may be dialled, and how. */
export interface DialledPhone {
  /** E.164. */
  readonly number: string
  /** What it shows. */
  readonly callerId: string
  /** In the order in which they are tried. */
  readonly trunks: readonly { readonly host: string; readonly port: number }[]
  /** How long it may be talked to. */
  readonly secondsMax: number
}

/** Carries the media of calls. */
export interface MediaEngine {
  /** `mesh`, `janus` or `livekit`. */
  readonly name: string
  /** Whether it can `dial`. */
  readonly hasPhones: boolean
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
  readonly dial: (leg: EngineLeg, phone: DialledPhone) => Promise<Result<undefined, EngineFault>>
  /** Sends tones on the line of the phone that is in a call with a leg. Absent: it has no lines. */
  readonly sendDigits?: (leg: EngineLeg, digits: string) => Promise<Result<undefined, EngineFault>>
  /** Cuts a leg out, whatever its client does. */
  readonly remove: (leg: EngineLeg) => Promise<void>
  /** Forgets what this node holds of a leg whose client is at another node now; the leg lives. */
  readonly release: (leg: EngineLeg) => Promise<void>
  /** Cuts all legs out and forgets the call. */
  readonly close: (call: EngineCall) => Promise<void>
  /** Lists the legs that this node's engine has. */
  readonly reconcile: () => Promise<readonly EngineLeg[]>
  /** Calls back with what it tells, until the end of the process. */
  readonly follow: (listener: (event: EngineEvent) => void) => void
  /** Ends its connections; nothing is told any more. Legs may go on by another node. */
  readonly stop: () => Promise<void>
}
