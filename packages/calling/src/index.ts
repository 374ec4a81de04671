export type { CallEndReason, CallMedia, CallRole, LegEndReason } from '@parley/protocol'
export type { AgentEndReason } from './back-off.ts'
export { Call } from './call.ts'
export {
  CallAgent,
  type CallAgentEvents,
  type CallLocator,
  type ConnectionState,
  type StartCallOptions,
} from './call-agent.ts'
export { CallClient } from './call-client.ts'
export type { CallEnd, CallEvents, CallOptions, CallState, ExternalMedia } from './call-events.ts'
export {
  type AudioDeviceInfo,
  DeviceManager,
  type DeviceManagerEvents,
  type VideoDeviceInfo,
} from './devices.ts'
export { CallingError, type CallingErrorCode } from './errors.ts'
export type {
  CommunicationIdentifier,
  CommunicationUserIdentifier,
  PhoneNumberIdentifier,
} from './identifiers.ts'
export { IncomingCall, type IncomingCallEndReason } from './incoming-call.ts'
export { LocalVideoStream } from './local-media.ts'
export type { Platform, SocketLike } from './platform.ts'
export {
  RemoteParticipant,
  type RemoteParticipantEvents,
  type RemoteParticipantState,
} from './remote-participant.ts'
export type { TokenCredential } from './signalling.ts'
