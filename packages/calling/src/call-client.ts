import { CallAgent } from './call-agent.ts'
import { DeviceManager } from './devices.ts'
import { browserPlatform, type Platform } from './platform.ts'
import type { TokenCredential } from './signalling.ts'

/** Where calls begin: it makes agents, which share its devices. */
export class CallClient {
  readonly #endpoint: string
  readonly #platform: Platform
  #devices: DeviceManager | undefined

  /**
   * @param options.endpoint - of the resource, as in its connection string.
   * @param options.platform - for tests; what else than the browser to use.
   */
  constructor(options: { readonly endpoint: string; readonly platform?: Platform }) {
    this.#endpoint = options.endpoint
    this.#platform = options.platform ?? browserPlatform
  }

  /** Cameras, microphones and speakers; the same at every call. */
  async getDeviceManager(): Promise<DeviceManager> {
    return this.#sharedDevices()
  }

  /**
   * Connects as the identity of a token; once it resolves the device rings when it is called.
   *
   * @throws CallingError `no-token`, `unreachable`; `refused` with `tokenRevoked`,
   *   `scopeForbidden` or `tokenExpired` as its `serviceCode`.
   */
  async createCallAgent(credential: TokenCredential): Promise<CallAgent> {
    const shared = { endpoint: this.#endpoint, platform: this.#platform, credential }
    const agent = new CallAgent({ ...shared, devices: this.#sharedDevices() })
    await agent.start()
    return agent
  }

  /** Lets go of what it listens to; its agents are disposed of one by one. */
  dispose(): void {
    this.#devices?.dispose()
  }

  #sharedDevices(): DeviceManager {
    this.#devices ??= new DeviceManager(this.#platform)
    return this.#devices
  }
}
