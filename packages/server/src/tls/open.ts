import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { fail, ok, type Result } from '@parley/protocol'
import { developmentCertificate } from './development-certificate.ts'
import type { HostNameInvalid } from './host-names.ts'

/** What the https listener shows, and the CA that vouches for it where that is ours. */
export interface Tls {
  /** PEM. */
  readonly certificate: string
  /** PEM. */
  readonly privateKey: string
  /** PEM file of the development CA; `undefined` with an operator's own certificate. */
  readonly caFile: string | undefined
}

/** A configured certificate or key cannot be read, is none, or does not fit the other. */
export interface TlsFilesUnreadable {
  readonly kind: 'tls-files-unreadable'
  readonly message: string
}

/**
 * Finds the certificate: the operator's, else one made for development in the data directory.
 *
 * @param options.hostNames - names for the development certificate, besides those of loopback.
 * @faults `tls-files-unreadable`.
 */
export async function openTls(options: {
  readonly certificateFile: string | undefined
  readonly keyFile: string | undefined
  readonly dataDir: string
  readonly hostNames: readonly string[]
  readonly nowMs: number
}): Promise<Result<Tls, TlsFilesUnreadable | HostNameInvalid>> {
  const { certificateFile, keyFile } = options
  if (certificateFile === undefined || keyFile === undefined) {
    const dir = join(options.dataDir, 'tls')
    const { hostNames, nowMs } = options
    return developmentCertificate({ dir, hostNames, nowMs })
  }
  try {
    const certificate = await readFile(certificateFile, 'utf8')
    const privateKey = await readFile(keyFile, 'utf8')
    // Throws, with a code, for what is no PEM and for a key of another certificate.
    createSecureContext({ cert: certificate, key: privateKey })
    return ok({ certificate, privateKey, caFile: undefined })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const message = `PARLEY_TLS_CERTIFICATE or PARLEY_TLS_KEY cannot be used: ${error.message}.`
    return fail({ kind: 'tls-files-unreadable', message })
  }
}
