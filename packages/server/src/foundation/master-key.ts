import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, type Result } from '@parley/protocol'
import type { Platform } from './platform.ts'
import { masterKeyBytes } from './seal.ts'

/** The configured master key is not 32 bytes of base64. */
export interface MasterKeyMalformed {
  readonly kind: 'master-key-malformed'
  readonly message: string
}

/**
 * Finds the key under which secrets are sealed: the configured one, else the file `master.key` of
 * the data directory, which a first start makes (mode 0600).
 *
 * @param options.configured - base64 of 32 bytes, from `PARLEY_MASTER_KEY`.
 * @faults `master-key-malformed` - of another length or not base64.
 */
export async function loadMasterKey(options: {
  readonly configured: string | undefined
  readonly dataDir: string
  readonly platform: Platform
}): Promise<Result<Buffer, MasterKeyMalformed>> {
  const { configured, dataDir, platform } = options
  if (configured !== undefined) return decodeMasterKey(configured, 'PARLEY_MASTER_KEY')
  const path = join(dataDir, 'master.key')
  const made = platform.randomBytes(masterKeyBytes).toString('base64')
  try {
    await writeFile(path, `${made}\n`, { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return decodeMasterKey((await readFile(path, 'utf8')).trim(), path)
}

function decodeMasterKey(text: string, source: string): Result<Buffer, MasterKeyMalformed> {
  const bytes = Buffer.from(text, 'base64')
  const isExact = bytes.length === masterKeyBytes && bytes.toString('base64') === text
  const message = `${source} must hold base64 of exactly ${masterKeyBytes} bytes.`
  return isExact ? ok(bytes) : fail({ kind: 'master-key-malformed', message })
}
