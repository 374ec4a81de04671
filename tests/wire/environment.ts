import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { developmentCertificate } from '@parley/server/tls/development-certificate'

/** Folder of the server of this tier, within the folder of the tier. */
export const serverFolder = 'server'

/**
 * Makes the development certificate before the process of the tier starts: Node reads
 * `NODE_EXTRA_CA_CERTS` once, at its start. The server finds the authority and keeps it.
 *
 * @param folder - of the tier.
 */
export async function environment(folder: string): Promise<Record<string, string>> {
  const dataDir = join(folder, serverFolder)
  mkdirSync(dataDir)
  chmodSync(dataDir, 0o711)
  const made = await developmentCertificate({
    dir: join(dataDir, 'tls'),
    hostNames: [],
    nowMs: Date.now(),
  })
  if (!made.ok) throw new Error(made.fault.kind)
  return { NODE_EXTRA_CA_CERTS: made.value.caFile }
}
