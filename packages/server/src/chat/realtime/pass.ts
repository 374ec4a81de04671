import { createHmac, type KeyObject } from 'node:crypto'
import type { Platform } from '../../foundation/platform.ts'
import { createSealer } from '../../foundation/seal.ts'

/** What the holder of a token opens a socket with, at any node. */
export interface Pass {
  /** The access token: whoever opens the pass judges it anew. */
  readonly token: string
  /** What the client calls itself. */
  readonly endpointId: string
  /** Milliseconds since the Unix epoch. */
  readonly issuedAtMs: number
}

/** The parameters that a client keeps and puts into each address, as it knows them. */
export interface ConnectParams {
  readonly sr: string
  readonly issuer: string
  readonly sp: string
  /** When they end: a client that comes back with less than an hour left drops them. */
  readonly se: string
  readonly st: string
  /** The pass. */
  readonly sig: string
}

/** Issues passes and opens them. */
export interface Passes {
  readonly issue: (pass: Pass, expiresAtMs: number) => ConnectParams
  /** The pass of a `sig`; `undefined` for what no node of this installation issued. */
  readonly open: (sig: unknown) => Pass | undefined
}

const purpose = 'chat/pass'

/**
 * Creates the passes of an installation.
 *
 * A browser cannot send a header with a WebSocket, so the address has to say who comes. It carries
 * the token itself, sealed: a signed list of what the token says would have to be judged by rules
 * of its own, where the verifier of the process knows whether the token still counts.
 *
 * @param installationKey - the same at every node; another key is derived from it.
 */
export function createPasses(installationKey: KeyObject, platform: Platform): Passes {
  const key = createHmac('sha256', installationKey).update('parley: passes of chat').digest()
  const sealer = createSealer(key, platform)
  return {
    issue(pass, expiresAtMs) {
      const sealed = sealer.seal(Buffer.from(JSON.stringify(pass)), purpose)
      const [se, st] = [String(expiresAtMs), String(pass.issuedAtMs)]
      return {
        sr: 'parley',
        issuer: 'parley',
        sp: 'connect',
        se,
        st,
        sig: sealed.toString('base64url'),
      }
    },
    open(sig) {
      if (typeof sig !== 'string') return undefined
      const opened = sealer.open(Buffer.from(sig, 'base64url'), purpose)
      return opened === undefined ? undefined : JSON.parse(opened.toString('utf8'))
    },
  }
}
