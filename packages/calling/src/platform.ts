/** What a signalling connection needs of a WebSocket. */
export interface SocketLike {
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

/** Everything of the browser that this package reaches for; tests pass their own. */
export interface Platform {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
  /** A number in [0, 1), for jitter and for names of requests; nothing secret is made of it. */
  readonly random: () => number
  /** Acts once after `ms`; the function it returns takes that back. */
  readonly after: (ms: number, act: () => void) => () => void
  readonly openSocket: (url: string, protocol: string) => SocketLike
  readonly createPeer: (configuration: RTCConfiguration) => RTCPeerConnection
  /** Cameras and microphones; absent on pages that are not secure. */
  readonly devices: () => MediaDevices | undefined
  /** Plays what is heard; where there is no document, nothing does. */
  readonly createAudio: () => HTMLAudioElement | undefined
  /** Calls `act` whenever the machine is on a network again; the function returned ends that. */
  readonly onOnline: (act: () => void) => () => void
  /** Calls `act` when the person leaves the page; the function returned ends that. */
  readonly onLeave: (act: () => void) => () => void
}

/** The browser this page runs in. */
export const browserPlatform: Platform = {
  now: Date.now,
  random: Math.random,
  after: (ms, act) => {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
  openSocket: (url, protocol) => new WebSocket(url, protocol),
  createPeer: (configuration) => new RTCPeerConnection(configuration),
  devices: () => navigator.mediaDevices,
  createAudio: () => (typeof Audio === 'undefined' ? undefined : new Audio()),
  onOnline: (act) => listen('online', act),
  onLeave: (act) => listen('pagehide', act),
}

function listen(name: string, act: () => void): () => void {
  globalThis.addEventListener?.(name, act)
  return () => globalThis.removeEventListener?.(name, act)
}
