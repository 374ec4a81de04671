import type { CallEndReason, CallEvent, LegEndReason } from '@parley/protocol'
import type { AgentEndReason } from './back-off.ts'
import type { CallingError } from './errors.ts'
import type { CommunicationIdentifier } from './identifiers.ts'
import type { LocalVideoStream } from './local-media.ts'
import type { RemoteParticipant } from './remote-participant.ts'

/** How it stands with a call; it never goes back to the left. */
export type CallState =
  | 'None'
  | 'Connecting'
  | 'Ringing'
  | 'Connected'
  | 'Disconnecting'
  | 'Disconnected'

/** Why a call is over for this page. */
export interface CallEnd {
  /** A reason of the service, of the agent, or `error`: this page could not begin it. */
  readonly reason: CallEndReason | LegEndReason | AgentEndReason | 'error'
  readonly error?: CallingError
}

/** A LiveKit that pages reach by its own library, and what lets this one in for half a minute. */
export interface ExternalMedia {
  /** `wss://...` */
  readonly url: string
  readonly token: string
}

/** The events of a {@link Call}. */
export interface CallEvents {
  readonly stateChanged: CallState
  readonly idChanged: string
  readonly isMutedChanged: boolean
  readonly localVideoChanged: LocalVideoStream | undefined
  readonly remoteParticipantsUpdated: {
    readonly added: readonly RemoteParticipant[]
    readonly removed: readonly RemoteParticipant[]
  }
  /** How it stands with somebody who was called. */
  readonly calleeUpdated: {
    readonly identifier: CommunicationIdentifier
    readonly state: Extract<CallEvent, { type: 'callee.updated' }>['state']
  }
  /** There is a place at a media server, or another one. */
  readonly externalMediaChanged: ExternalMedia
  /** Somebody has sent tones. */
  readonly dtmfReceived: {
    readonly sender: RemoteParticipant | undefined
    readonly digits: string
  }
}

/** How one comes into a call. */
export interface CallOptions {
  /** Muted from the start: no microphone is opened before the first `unmute`. */
  readonly audioOptions?: { readonly muted?: boolean }
  /** What is shown from the start. */
  readonly videoOptions?: { readonly localVideoStreams: readonly LocalVideoStream[] }
}
