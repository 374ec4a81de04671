/**
 * A Janus of a test's own, with the files that `docs/guides/group-calls.md` shows, and a plugin
 * more, for phones.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fencesOf, readPage } from '../documents/markdown.ts'
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

/** The settings of a server that has these Januses. */
export function janusSettings(
  ...januses: readonly Pick<JanusProcess, 'url' | 'adminUrl'>[]
): Readonly<Record<string, string>> {
  return {
    PARLEY_JANUS_URLS: januses.map(({ url }) => url).join(','),
    PARLEY_JANUS_ADMIN_URLS: januses.map(({ adminUrl }) => adminUrl).join(','),
    PARLEY_JANUS_API_SECRET: janusSecrets.api,
    PARLEY_JANUS_ADMIN_SECRET: janusSecrets.admin,
    PARLEY_JANUS_ADMIN_KEY: janusSecrets.room,
  }
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

/** The files of the guide, with the addresses, ports and secrets of a test. */
function writeConfiguration(
  folder: string,
  { port, adminPort }: { readonly port: number; readonly adminPort: number },
): void {
  const write = (name: string, text: string) => writeFileSync(join(folder, `${name}.jcfg`), text)
  linkOnly(folder, 'plugins', plugins)
  linkOnly(folder, 'transports', ['websockets'])
  mkdirSync(join(folder, 'none'))
  const ours: readonly (readonly [RegExp, string])[] = [
    [/\/etc\/parley-janus/g, folder],
    [/<secret of the API>/g, janusSecrets.api],
    [/<secret of the administration>/g, janusSecrets.admin],
    [/<key of the rooms>/g, janusSecrets.room],
    [/203\.0\.113\.10/g, namespaceAddress],
    [/10\.0\.0\.5/g, '127.0.0.1'],
    [/\b8188\b/g, String(port)],
    [/\b7188\b/g, String(adminPort)],
  ]
  const [main = '', socket = '', rooms = '', ...rest] = fencesOf(readPage(guide))
    .filter(({ language }) => language === 'jcfg')
    .map(({ code }) => ours.reduce((text, [theirs, our]) => text.replace(theirs, our), code))
  assert.deepEqual(rest, [], 'the guide has a file that no test starts Janus with')
  write('janus', main)
  write('janus.transport.websockets', socket)
  write('janus.plugin.audiobridge', rooms)
  write('janus.plugin.videoroom', rooms)
  write('janus.plugin.sip', sipConfiguration)
}

const guide = 'docs/guides/group-calls.md'

const sipConfiguration = `general: {
  local_ip = "${namespaceAddress}"
  rtp_port_range = "31000-31999"
  register_ttl = 600
}
`

/** A folder with these modules alone: what Janus does not find it does not load. */
function linkOnly(folder: string, kind: string, names: readonly string[]): void {
  const architecture = readdirSync(library).find((name) => name.endsWith('-linux-gnu')) ?? ''
  mkdirSync(join(folder, kind))
  for (const name of names) {
    const file = `libjanus_${name}.so`
    symlinkSync(join(library, architecture, 'janus', kind, file), join(folder, kind, file))
  }
}
