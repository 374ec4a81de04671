/**
 * The administration of a Janus: which handles there are, whoever made them, and the end of one.
 * A handle says what it is for by its opaque id; what a plugin knows of it says where it is.
 */
import type { Log } from '../../foundation/log.ts'
import { type JanusAnswer, type JanusMessage, openJanusSocket } from './socket.ts'

/** A handle of somebody at a Janus. */
export interface ForeignHandle {
  readonly sessionId: number
  readonly handleId: number
  readonly plugin: string
  readonly opaqueId: string
  /** What the plugin says of it. */
  readonly specific: Readonly<Record<string, unknown>>
}

/** Looks at a Janus from above. */
export interface JanusAdministration {
  /**
   * Lists all handles; `undefined` when Janus does not answer.
   *
   * @param butOf - a session whose handles are not looked at.
   */
  readonly listHandles: (butOf?: number) => Promise<readonly ForeignHandle[] | undefined>
  readonly detach: (handle: Pick<ForeignHandle, 'sessionId' | 'handleId'>) => Promise<JanusAnswer>
  readonly close: () => void
}

/** Opens a connection to the administration of a Janus, and keeps it open. */
export function administerJanus(options: {
  readonly url: string
  readonly adminSecret: string
  readonly log: Pick<Log, 'warn' | 'info'>
}): JanusAdministration {
  const { url, adminSecret: admin_secret, log } = options
  const nothing = () => undefined
  const socket = openJanusSocket({
    ...{ url, protocol: 'janus-admin-protocol', log },
    ...{ opened: nothing, lost: nothing, heard: nothing },
  })
  const ask = (request: object) => socket.ask({ ...request, admin_secret })
  const look = async (session_id: number, handle_id: number) => {
    const found = await ask({ janus: 'handle_info', session_id, handle_id, plugin_only: true })
    return found.ok ? parseHandle(found.value, { sessionId: session_id, handleId: handle_id }) : []
  }
  return {
    async listHandles(butOf) {
      const sessions = await ask({ janus: 'list_sessions' })
      if (!sessions.ok) return undefined
      const others = (sessions.value.sessions ?? []).filter((id) => id !== butOf)
      const handles = others.map(async (session_id) => {
        const listed = await ask({ janus: 'list_handles', session_id })
        const ids = listed.ok ? (listed.value.handles ?? []) : []
        return (await Promise.all(ids.map((id) => look(session_id, id)))).flat()
      })
      return (await Promise.all(handles)).flat()
    },
    detach: ({ sessionId, handleId }) =>
      ask({ janus: 'detach_handle', session_id: sessionId, handle_id: handleId }),
    close: socket.close,
  }
}

function parseHandle(
  { info = {} }: JanusMessage,
  at: Pick<ForeignHandle, 'sessionId' | 'handleId'>,
): readonly ForeignHandle[] {
  const { opaque_id: opaqueId = '', plugin = '', plugin_specific: specific } = info
  const isSpecific = typeof specific === 'object' && specific !== null
  return [
    {
      ...at,
      plugin: String(plugin).replace('janus.plugin.', ''),
      opaqueId: String(opaqueId),
      specific: isSpecific ? (specific as Record<string, unknown>) : {},
    },
  ]
}
