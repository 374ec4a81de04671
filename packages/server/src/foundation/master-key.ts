import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, type Result } from '@parley/protocol'
import type { Platform } from './platform.ts'
import { createSealer, masterKeyBytes, type Sealer } from './seal.ts'

/** The configured master key is not 32 bytes of base64. */
export interface MasterKeyMalformed {
  readonly kind: 'master-key-malformed'
  readonly message: string
}

/** What secrets are sealed with, and what a former master key has sealed. */
export interface Sealers {
  readonly sealer: Sealer
  readonly formerSealer: Sealer | undefined
}

/**
 * Creates the sealers of the master key and of the one that it replaces, if any; the keys
 * themselves are wiped.
 *
 * @param options.masterKey - configured, as is `masterKeyFormer`; absent: see `loadMasterKey`.
 * @faults `master-key-malformed`.
 */
export async function openSealers(options: {
  readonly masterKey: string | undefined
  readonly masterKeyFormer: string | undefined
  readonly dataDir: string
  readonly platform: Platform
}): Promise<Result<Sealers, MasterKeyMalformed>> {
  const { masterKey: configured, masterKeyFormer, dataDir, platform } = options
  // First: a file that cannot be read must not leave a new master key behind.
  const former = await loadFormerMasterKey({ configured: masterKeyFormer, dataDir })
  if (!former.ok) return former
  const present = await loadMasterKey({ configured, dataDir, platform })
  if (!present.ok) return present
  const formerSealer = former.value && createSealer(former.value, platform)
  const sealer = createSealer(present.value, platform)
  present.value.fill(0)
  former.value?.fill(0)
  return ok({ sealer, formerSealer })
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
    await flushDirectory(dataDir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return decodeMasterKey((await readFile(path, 'utf8')).trim(), path)
}

/** The name of a new file is in its directory: secrets must not be sealed before that is safe. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * Finds the key that the master key replaces: the configured one, else the file `master.key.former`
 * of the data directory; `undefined` when there is neither.
 *
 * @param options.configured - base64 of 32 bytes, from `PARLEY_MASTER_KEY_FORMER`.
 * @faults `master-key-malformed` - of another length or not base64.
 */
async function loadFormerMasterKey(options: {
  readonly configured: string | undefined
  readonly dataDir: string
}): Promise<Result<Buffer | undefined, MasterKeyMalformed>> {
  const { configured, dataDir } = options
  if (configured !== undefined) return decodeMasterKey(configured, 'PARLEY_MASTER_KEY_FORMER')
  const path = join(dataDir, 'master.key.former')
  try {
    return decodeMasterKey((await readFile(path, 'utf8')).trim(), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok(undefined)
    throw error
  }
}

function decodeMasterKey(text: string, source: string): Result<Buffer, MasterKeyMalformed> {
  const bytes = Buffer.from(text, 'base64')
  const isExact = bytes.length === masterKeyBytes && bytes.toString('base64') === text
  const message = `${source} must hold base64 of exactly ${masterKeyBytes} bytes.`
  return isExact ? ok(bytes) : fail({ kind: 'master-key-malformed', message })
}
