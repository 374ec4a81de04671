import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { systemNow, systemRandom, systemSleep } from '../platform.ts'
import { type IdentityService, serviceTimeoutMs } from '../service.ts'
import { type Links, linksInColumn, linksInTable } from './links.ts'
import { checkColumn } from './migrations.ts'
import { type Pattern, patternRules } from './model.ts'
import type { Dialect, UsersColumn } from './tables.ts'
import { asParleyTables, type TransactionContext } from './transactions.ts'

/** What a mapping needs to know. */
export interface MappingOptions<Tables> {
  /** The app's database. Not a transaction: the mapping begins its own. */
  readonly db: Kysely<Tables>
  /** The same as the migration was written for. */
  readonly dialect: Dialect
  /** The same as the migration was written for. */
  readonly pattern: Pattern
  /** A client of the service, such as `CommunicationIdentityClient`. */
  readonly service: IdentityService
  /** Where the link stands, if in a table of the app's own. Default: `parley_link`. */
  readonly column?: UsersColumn
  /**
   * Whether creating carries a `customId`, so that it can be repeated after a crash. Takes a client
   * with `customIdPolicy`, and a service that knows it. Default false.
   */
  readonly customIds?: boolean
  /** Told of every identity whose tokens are over; `cache.forgetIdentity` belongs here. */
  readonly onVoided?: (identity: string) => Promise<void>
  /**
   * How long who reserved a place may take to create the identity before another caller takes
   * over, milliseconds, 20,000..600,000. Default 30,000.
   */
  readonly claimMs?: number
  /** The wall clock, milliseconds since the Unix epoch. Default: that of the platform. */
  readonly now?: () => number
  /** Default: a timer of the platform. */
  readonly sleep?: (ms: number) => Promise<void>
  /** A number in [0, 1) for pauses. Default: that of the platform. */
  readonly random?: () => number
}

/** Everything that the parts of a mapping share. */
export interface MappingContext extends TransactionContext {
  readonly pattern: Pattern
  readonly service: IdentityService
  readonly links: Links
  readonly customIds: boolean
  readonly onVoided: (identity: string) => Promise<void>
  readonly claimMs: number
  readonly now: () => number
  readonly uuid: () => string
  /** Identities that were made and could not be written down because the database was away. */
  readonly homeless: Set<string>
}

const claimMsMin = 20_000
const claimMsMax = 600_000

/**
 * Checks options and fills in the defaults.
 *
 * @throws TypeError for options that no correct program passes; the message names the option.
 */
export function mappingContext<Tables>(options: MappingOptions<Tables>): MappingContext {
  const { dialect, pattern, column, claimMs = 30_000 } = options
  patternRules(pattern)
  checkColumn(pattern, column)
  if (!['postgresql', 'mysql', 'sqlite'].includes(dialect)) {
    throw new TypeError('dialect: expected postgresql | mysql | sqlite')
  }
  // Shorter than a call of the service may take, it would be taken over while it is made use of.
  if (!(claimMs >= Math.max(claimMsMin, serviceTimeoutMs) && claimMs <= claimMsMax)) {
    throw new TypeError(`claimMs: expected ${claimMsMin}..${claimMsMax}`)
  }
  return {
    db: asParleyTables(options.db),
    dialect,
    pattern,
    service: options.service,
    links: column === undefined ? linksInTable(dialect) : linksInColumn(column, dialect),
    customIds: options.customIds ?? false,
    onVoided: options.onVoided ?? (async () => undefined),
    claimMs,
    now: options.now ?? systemNow,
    sleep: options.sleep ?? systemSleep,
    random: options.random ?? systemRandom,
    uuid: randomUUID,
    homeless: new Set(),
  }
}
