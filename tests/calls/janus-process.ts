/**
 * A Janus of a test's own, as `docs/guides/group-calls.md` says to run one: three plugins, one
 * transport, which only this machine reaches, and secrets.
 */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { namespaceAddress } from '../tiers/namespace.ts'
import { type Daemon, freePort, newFolder, startDaemon } from './daemons.ts'

/** What Janus wants to be told before it does anything. */
export const janusSecrets = { api: 'an-api-secret', admin: 'an-admin-secret', room: 'a-room-key' }

/** A Janus that runs. */
export interface JanusProcess {
  /** Of its WebSocket. */
  readonly url: string
  /** Of the WebSocket of its administration. */
  readonly adminUrl: string
  readonly daemon: () => Daemon
  readonly kill: () => Promise<void>
  /** Starts it anew, at the same addresses. */
  readonly start: () => Promise<void>
}

const plugins = ['audiobridge', 'videoroom', 'sip'] as const

/** Where Debian puts plugins and transports: a folder named by the architecture is above them. */
const library = '/usr/lib'

/** Starts one. */
export async function startJanus(): Promise<JanusProcess> {
  const folder = newFolder('janus')
  const [port, adminPort] = [await freePort(), await freePort()]
  writeConfiguration(folder, { port, adminPort })
  const start = () =>
    startDaemon({
      program: 'janus',
      // Without -F it reads the files in /etc as well.
      given: ['-F', folder, '-C', join(folder, 'janus.jcfg')],
      ready: /WebSockets thread started/,
      folder,
    })
  let daemon = await start()
  return {
    url: `ws://127.0.0.1:${port}`,
    adminUrl: `ws://127.0.0.1:${adminPort}`,
    daemon: () => daemon,
    kill: () => daemon.kill(),
    async start() {
      daemon = await start()
    },
  }
}

function writeConfiguration(
  folder: string,
  { port, adminPort }: { readonly port: number; readonly adminPort: number },
): void {
  const write = (name: string, text: string) => writeFileSync(join(folder, `${name}.jcfg`), text)
  linkOnly(folder, 'plugins', plugins)
  linkOnly(folder, 'transports', ['websockets'])
  for (const empty of ['events', 'loggers']) mkdirSync(join(folder, empty))
  write('janus', mainConfiguration(folder))
  write(
    'janus.transport.websockets',
    `general: { ws = true, ws_port = ${port}, ws_ip = "127.0.0.1", wss = false }
admin: { admin_ws = true, admin_ws_port = ${adminPort}, admin_ws_ip = "127.0.0.1" }
`,
  )
  // Calls and legs are named by texts.
  const room = `general: {
  string_ids = true
  admin_key = "${janusSecrets.room}"
  lock_rtp_forward = true
  lock_play_file = true
}
`
  write('janus.plugin.audiobridge', room)
  write('janus.plugin.videoroom', room)
  write(
    'janus.plugin.sip',
    `general: {
  local_ip = "${namespaceAddress}"
  rtp_port_range = "31000-31999"
  register_ttl = 600
}
`,
  )
}

function mainConfiguration(folder: string): string {
  return `general: {
  configs_folder = "${folder}"
  plugins_folder = "${join(folder, 'plugins')}"
  transports_folder = "${join(folder, 'transports')}"
  events_folder = "${join(folder, 'events')}"
  loggers_folder = "${join(folder, 'loggers')}"
  debug_level = 4
  debug_colors = false
  api_secret = "${janusSecrets.api}"
  admin_secret = "${janusSecrets.admin}"
  server_name = "tests"
}
media: { ipv6 = false, rtp_port_range = "30000-30999" }
nat: { nice_debug = false, ice_enforce_list = "${namespaceAddress}" }
`
}

/** A folder with these modules alone: what Janus does not find it does not load. */
function linkOnly(folder: string, kind: string, names: readonly string[]): void {
  const architecture = readdirSync(library).find((name) => name.endsWith('-linux-gnu')) ?? ''
  mkdirSync(join(folder, kind))
  for (const name of names) {
    const file = `libjanus_${name}.so`
    symlinkSync(join(library, architecture, 'janus', kind, file), join(folder, kind, file))
  }
}
