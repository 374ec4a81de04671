/**
 * What calls are made of, in the words of both ends of `/calling/ws`; `calling-frames.ts` has the
 * frames.
 */

/** The subprotocol of WebSocket (`Sec-WebSocket-Protocol`). */
export const callingSubprotocol = 'parley.voip.v1'

/** The path of the WebSocket below the endpoint. */
export const callingPath = '/calling/ws'

/** Numbers with which the server closes a socket, and what a client does then. */
export const callingCloseCodes = {
  /** The server stops, or gives the socket up: come again, and resume. */
  goingAway: 1001,
  /** A frame was not understood, or came before `auth`: a fault of the client. */
  protocolError: 4400,
  /** The token was revoked, or is none: calls have ended; come again with another one. */
  tokenRevoked: 4401,
  /** The token lives and opens no calls. */
  scopeForbidden: 4403,
  /** The token has expired without another one in its place. */
  tokenExpired: 4408,
  /** The device came again elsewhere, and this socket is the former one. */
  replaced: 4409,
  /** Too many devices, or frames faster than allowed. */
  tooMany: 4429,
  /** The server cannot tell at present whether tokens are good: come again in a second. */
  unavailable: 4503,
} as const

/** What people send each other. */
export type CallMedia = 'audio' | 'video'

/** What somebody may do in the call of a room; of other calls all are presenters. */
export type CallRole = 'Presenter' | 'Attendee' | 'Consumer' | 'Collaborator'

/** A leg: one device in one call. */
export interface CallPeer {
  readonly legId: string
  /** Raw id, `8:acs:...`; of a phone `4:+...`. */
  readonly identity: string
  readonly deviceId: string
  readonly role: CallRole
  readonly isMuted: boolean
}

/** A STUN or TURN server as `RTCPeerConnection` takes it. */
export interface IceServer {
  readonly urls: readonly string[]
  readonly username?: string
  readonly credential?: string
}

/** How the media of a leg go. */
export type MediaWay =
  /** From peer to peer: `signal` with `to` a leg. */
  | { readonly mode: 'p2p' }
  /**
   * To a media server behind this one: `signal` without `to`; it answers as `engine`. The client
   * offers what it sends; what it receives, it is offered, each stream with the name of a leg, or
   * gets back as one mix on the connection on which it sends. A candidate has its
   * `usernameFragment`, which says of the two connections which.
   */
  | {
      readonly mode: 'sdp'
      /** Names the media of this leg; where it is another than before, they begin anew. */
      readonly session: string
      /** Absent: the client offers. `engine`: it is offered, and answers with what it sends. */
      readonly offerer?: 'engine'
    }
  /** To a media server that clients reach themselves. */
  | { readonly mode: 'external'; readonly url: string; readonly token: string }

/** A call and the place of a device in it. */
export interface JoinedCall {
  readonly callId: string
  readonly legId: string
  readonly media: CallMedia
  readonly role: CallRole
  readonly isMuted: boolean
  /** Of the call of a room. */
  readonly roomId?: string
  /** `mesh`, `janus` or `livekit`. */
  readonly engine: string
  readonly way: MediaWay
  readonly iceServers: readonly IceServer[]
  readonly iceTransportPolicy: 'all' | 'relay'
  /** Those that were there before. */
  readonly peers: readonly CallPeer[]
}

/** Why a leg ended. */
export type LegEndReason =
  | 'left'
  | 'removed'
  | 'disconnected'
  | 'revoked'
  | 'expired'
  | 'lost'
  | 'ended'
  | 'failed'

/** Why a call ended. */
export type CallEndReason = 'left' | 'rejected' | 'timeout' | 'cancelled' | 'removed' | 'ended'

/** Why a device rings no more. */
export type RingEndReason =
  | 'answeredElsewhere'
  | 'rejectedElsewhere'
  | 'timeout'
  | 'caller'
  | 'revoked'

/** An SDP, or a candidate, of `RTCPeerConnection`. */
export type SignalPayload =
  | { readonly sdp: { readonly type: 'offer' | 'answer' | 'rollback'; readonly sdp: string } }
  | {
      /** `null`: there are no more. */
      readonly candidate: {
        readonly candidate: string
        readonly sdpMid?: string | null
        readonly sdpMLineIndex?: number | null
        readonly usernameFragment?: string | null
      } | null
    }

/** `GET /calling/config`: what a client should know before it opens a socket. */
export interface CallingConfig {
  readonly subprotocol: string
  readonly path: string
  readonly pingEveryMs: number
  readonly ringForMs: number
  readonly resumeWithinMs: number
  readonly frameBytesMax: number
  /** Legs in a call, by its media. */
  readonly legsMax: { readonly audio: number; readonly video: number }
  readonly calleesMax: number
  readonly codecs: { readonly audio: readonly string[]; readonly video: readonly string[] }
  readonly isRelayConfigured: boolean
  readonly arePhonesConfigured: boolean
}
