/** The little of packages without types that these tests use. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'

  /** One end of a socket. */
  export class WebSocket extends EventEmitter {
    constructor(url: string, options: { headers: Readonly<Record<string, string>> })
    send(text: string): void
    terminate(): void
  }
}
