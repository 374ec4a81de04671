/** A kamailio of a test's own, with the configuration that `docs/guides/phones.md` shows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../server-process.ts'
import { namespaceAddress } from '../tiers/namespace.ts'
import { type Daemon, newFolder, startDaemon } from './daemons.ts'

/** Where it listens; the network is the tier's own. */
export const edgePort = 5060

/** The account of the server there. */
export const edgeAccount = { user: 'parley', password: 'an-edge-password' }

/** Starts it before these trunks. */
export async function startKamailio(trunks: readonly string[]): Promise<Daemon> {
  const folder = newFolder('kamailio')
  const file = join(folder, 'kamailio.cfg')
  writeFileSync(file, configuration(trunks))
  const daemon = await startDaemon({
    program: 'kamailio',
    given: ['-f', file, '-DD', '-E', '-n', '1', '-m', '16', '-Y', folder, '-w', folder],
    ready: /SO_RCVBUF is finally/,
    folder,
  })
  return { ...daemon, kill: () => end(daemon) }
}

/** Asked to end, it ends its processes too; killed, it leaves them behind. */
async function end(daemon: Daemon): Promise<void> {
  process.kill(daemon.pid, 'SIGTERM')
  await daemon.says(/nothing that it says/).catch(() => undefined)
  await daemon.kill()
}

/** The block of the guide, with the addresses of the test in the places of its own. */
function configuration(trunks: readonly string[]): string {
  const guide = readFileSync(join(repositoryRoot, 'docs', 'guides', 'phones.md'), 'utf8')
  const [, block = ''] = /```kamailio\n([\s\S]*?)```/.exec(guide) ?? []
  const listed = trunks.map((trunk) => `  $sht(trunks=>${trunk}) = 1;\n`)
  return (
    block
      .replaceAll('192.0.2.10', namespaceAddress)
      // That it is ready it says only to those who want to know more.
      .replace('debug=1', 'debug=2')
      .replaceAll('a-long-secret', edgeAccount.password)
      .replace(/( {2}\$sht\(trunks=>.*\n)+/, listed.join(''))
  )
}
