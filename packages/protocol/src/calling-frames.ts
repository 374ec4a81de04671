/**
 * The frames of calls, as both ends of `/calling/ws` speak them: JSON texts, one object each.
 *
 * A client's first frame is `auth`. Every frame of a client may have an `id`; its answer says it
 * again as `re`: `ready`, `call.joined`, `done`, `pong`, or `error`. What happens by others comes
 * without `re` and with a `seq`, which grows by one from frame to frame of a device, gaps where
 * something was erased; a client that comes back says how far it has heard.
 *
 * Whoever comes into a call offers to each of the `peers` that it finds there; those wait for its
 * offer. So two never offer to each other at once.
 */
import type {
  CallEndReason,
  CallMedia,
  CallPeer,
  JoinedCall,
  LegEndReason,
  RingEndReason,
  SignalPayload,
} from './calling.ts'
import type { Scope } from './scopes.ts'

/** A frame of a client, without its `id`. */
export type ClientCallFrame =
  /**
   * Who comes; sent again with a new token before the old one ends. `resume`, from `ready`, takes
   * the place of a socket that was lost, with `heard` the last `seq` that the client has seen.
   */
  | {
      readonly type: 'auth'
      readonly token: string
      readonly resume?: string
      readonly heard?: number
    }
  /**
   * Rings identities (raw ids) and phones (`4:+...`); answered by `call.joined`. In a joinable call
   * any identity of the resource that knows its id may come in; only such a one may ring nobody.
   */
  | {
      readonly type: 'call.start'
      readonly to: readonly string[]
      readonly media: CallMedia
      readonly callerId?: string
      readonly isJoinable?: boolean
    }
  /** Answered by `call.joined`. */
  | { readonly type: 'call.accept'; readonly callId: string }
  /** Answered by `done`, as are all that follow and say nothing else. */
  | { readonly type: 'call.reject'; readonly callId: string }
  /** Ends a call that nobody has accepted; of the one who started it. */
  | { readonly type: 'call.cancel'; readonly callId: string }
  /** Answered by `call.joined`; of a device that is in it: by its place as it is now. */
  | { readonly type: 'call.join'; readonly callId: string }
  /** Joins the call of a room, or starts it; answered by `call.joined`. */
  | { readonly type: 'room.join'; readonly roomId: string; readonly media?: CallMedia }
  | ({
      readonly type: 'signal'
      readonly callId: string
      /** A leg; absent: the engine. */
      readonly to?: string
    } & SignalPayload)
  /** Rings one more, who may be a phone. */
  | { readonly type: 'call.add'; readonly callId: string; readonly rawId: string }
  | { readonly type: 'call.remove'; readonly callId: string; readonly legId: string }
  | { readonly type: 'call.leave'; readonly callId: string }
  | { readonly type: 'mute'; readonly callId: string; readonly isMuted: boolean }
  /** Digits `0-9*#A-D`, 32 at most; absent `to`: to all. */
  | {
      readonly type: 'dtmf'
      readonly callId: string
      readonly digits: string
      readonly to?: string
    }
  | { readonly type: 'ping' }

/** A frame of a client as it is sent. */
export type ClientCallMessage = ClientCallFrame & { readonly id?: number | string }

/** Why something asked for was not done. */
export type CallErrorCode =
  /** Not understood; the field at fault is in `detail`. */
  | 'FrameMalformed'
  /** The new token is not live, or another identity's; the old one counts on. */
  | 'TokenRefused'
  /** The scopes of the token do not allow it. */
  | 'ScopeForbidden'
  /** There is no such call, or it is none of this identity's. */
  | 'CallNotFound'
  /** It does not ring any more: accepted by another device, rejected, over. */
  | 'CallNotRinging'
  /** This device is not in the call, or the leg is not. */
  | 'LegNotFound'
  /** The device is in the call already. */
  | 'AlreadyJoined'
  /** There is no such identity in the resource. */
  | 'IdentityNotFound'
  /** There is no such room, or this identity is not on its list. */
  | 'RoomNotFound'
  /** Outside of the window of the room. */
  | 'RoomNotOpen'
  /** The role in the room does not allow it. */
  | 'RoleForbidden'
  /** The call is full for its media. */
  | 'CallFull'
  /** Too many calls, callees or devices; or too many frames in a second. */
  | 'TooMany'
  /** Phones cannot be called here, or not in such a call; why is in `detail`. */
  | 'PhoneUnavailable'
  /** This phone may not be called; which guard refuses it is in `detail`. */
  | 'PhoneForbidden'
  /** What the engine cannot do, or has failed at. */
  | 'EngineFailed'
  /** Something inside went wrong; try again. */
  | 'Unavailable'

/** What answers a frame of a client; `re` is its `id`, absent where it had none. */
export type CallAnswer = { readonly re?: number | string } & (
  | {
      readonly type: 'ready'
      readonly deviceId: string
      readonly identity: string
      readonly scopes: readonly Scope[]
      /** When the token ends, ISO 8601. */
      readonly expiresAt: string
      /** Takes the place of this socket, within 10 s of its loss. A secret. */
      readonly resume: string
      /** Whether the calls of the former socket go on: they are in `calls`. */
      readonly isResumed: boolean
      readonly calls: readonly JoinedCall[]
      /** Send a `ping` as often as this; without a frame for three times as long it is lost. */
      readonly pingEveryMs: number
    }
  | ({ readonly type: 'call.joined' } & JoinedCall)
  | { readonly type: 'done' }
  | { readonly type: 'pong' }
  | { readonly type: 'error'; readonly code: CallErrorCode; readonly detail?: string }
)

/** What happens by others. */
export type CallEvent =
  | {
      readonly type: 'call.incoming'
      readonly callId: string
      /** Raw id. */
      readonly from: string
      readonly media: CallMedia
      /** When it stops to ring, ISO 8601. */
      readonly expiresAt: string
    }
  | {
      readonly type: 'call.cancelled'
      readonly callId: string
      readonly reason: RingEndReason
    }
  /** How it stands with somebody who is called; told to those in the call. */
  | {
      readonly type: 'callee.updated'
      readonly callId: string
      readonly identity: string
      readonly state: 'ringing' | 'accepted' | 'rejected' | 'timeout' | 'cancelled'
    }
  | {
      readonly type: 'participant.joined'
      readonly callId: string
      readonly peer: CallPeer
    }
  /** How it stands with a leg: muted or not, its role. */
  | {
      readonly type: 'participant.updated'
      readonly callId: string
      readonly peer: CallPeer
    }
  /** Close the connection to this peer, whatever it still sends. */
  | {
      readonly type: 'participant.left'
      readonly callId: string
      readonly legId: string
      /** Raw id; absent where the identity is deleted. */
      readonly identity?: string
      readonly reason: LegEndReason
    }
  | ({
      readonly type: 'signal'
      readonly callId: string
      /** A leg, or `engine`. */
      readonly from: string
    } & SignalPayload)
  | {
      readonly type: 'dtmf'
      readonly callId: string
      readonly from: string
      readonly digits: string
    }
  /** The media are lost, here or for all: `call.join` again; the leg goes on by another way. */
  | { readonly type: 'call.rejoin'; readonly callId: string }
  /** The call, or this device's part in it, is over. */
  | {
      readonly type: 'call.ended'
      readonly callId: string
      /** The leg that is over; absent: the call is. */
      readonly legId?: string
      readonly reason: CallEndReason | LegEndReason
    }

/** A frame of the server. */
export type ServerCallFrame = CallAnswer | (CallEvent & { readonly seq: number })
