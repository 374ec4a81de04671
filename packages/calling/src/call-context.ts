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
}
