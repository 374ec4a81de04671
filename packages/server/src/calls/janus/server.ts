/** One Janus as a node sees it: the session there, its rooms, and its administration. */
import type { Log } from '../../foundation/log.ts'
import { administerJanus, type JanusAdministration } from './administration.ts'
import { connectJanus, type JanusConnection } from './connection.ts'
import { createRooms, type JanusRooms, type RoomSecrets } from './rooms.ts'

/** One Janus. */
export interface JanusServer {
  readonly url: string
  readonly secrets: RoomSecrets
  readonly connection: JanusConnection
  readonly rooms: JanusRooms
  /** `undefined`: not to be had; what others left behind is then seen less well. */
  readonly administration: JanusAdministration | undefined
  readonly close: () => Promise<void>
}

/** Where a Janus is, and what it wants to be told. */
export interface JanusAddress {
  /** `ws://` or `wss://`. */
  readonly url: string
  readonly adminUrl: string | undefined
}

/** The secrets of all Januses. */
export interface JanusSecrets extends RoomSecrets {
  readonly adminSecret: string | undefined
}

/** Opens the session at a Janus, and keeps one open. */
export function openJanusServer(
  { url, adminUrl }: JanusAddress,
  secrets: JanusSecrets,
  log: Pick<Log, 'warn' | 'info'>,
): JanusServer {
  const { apiSecret, adminSecret } = secrets
  const connection = connectJanus({ url, apiSecret, log })
  const isAdministered = adminUrl !== undefined && adminSecret !== undefined
  const administration = isAdministered
    ? administerJanus({ url: adminUrl, adminSecret, log })
    : undefined
  return {
    ...{ url, secrets, connection, administration },
    rooms: createRooms(connection, secrets),
    async close() {
      administration?.close()
      await connection.close()
    },
  }
}
