import type { JoinedCall } from '@parley/protocol'
import type { Call } from './call.ts'
import type { DeviceManager } from './devices.ts'
import type { Platform } from './platform.ts'
import type { Signalling } from './signalling.ts'

/** What an agent hands to its calls. */
export interface CallContext {
  readonly platform: Platform
  readonly devices: DeviceManager
  readonly signalling: Signalling
  /** Called once the service knows the call, and once it is over. */
  readonly joined: (call: Call) => void
  readonly ended: (call: Call) => void
  /** Called when its media were lost, and the service may not know yet. */
  readonly lost: (call: Call) => void
}

/** How connections of a call find their way through the net, as browsers take it. */
export function configurationOf(joined: JoinedCall | undefined): RTCConfiguration {
  const { iceServers = [], iceTransportPolicy = 'all' } = joined ?? {}
  const servers = iceServers.map((server) => ({ ...server, urls: [...server.urls] }))
  return { iceServers: servers, iceTransportPolicy }
}
