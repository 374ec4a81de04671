import { fail, ok, type Result } from '@parley/protocol'
import { type ConnectFault, connectDatabase, type DatabaseAddress } from './connect.ts'

/** Another server works on this database. */
export interface DatabaseInUse {
  readonly kind: 'database-in-use'
  readonly message: string
}

/** The right to be the server of a database. */
export interface DatabaseHold {
  readonly release: () => Promise<void>
  /** Settles when the connection that holds it ended; the right is gone then. */
  readonly lost: Promise<Error>
}

/** `select hashtext('parley: one server')`, written out so that no version computes another. */
const lockNumber = 1_346_458_700

/**
 * Makes this server the only one of a database.
 *
 * Verdicts live in memory and follow the events of this process. A second process on the same
 * database would go on accepting tokens that this one has voided, so until nodes follow a common
 * feed there must not be one. The lock belongs to one connection: whoever loses it, or is killed,
 * has lost it in the same moment.
 *
 * @faults `database-in-use` - another server holds it.
 */
export async function holdDatabase(
  address: DatabaseAddress,
): Promise<Result<DatabaseHold, DatabaseInUse | ConnectFault>> {
  let announceLoss: (why: Error) => void = () => undefined
  const lost = new Promise<Error>((resolve) => {
    announceLoss = resolve
  })
  const connected = await connectDatabase({
    address,
    connectionsMax: 1,
    applicationName: 'parley hold',
    onClose: () => announceLoss(new Error('the connection that holds the database ended')),
  })
  if (!connected.ok) return connected
  const connection = connected.value
  const [row] = await connection<{ readonly is_held: boolean }[]>`
    select pg_try_advisory_lock(${lockNumber}) as is_held
  `
  const release = () => connection.end({ timeout: 5 })
  if (row?.is_held === true) return ok({ release, lost })
  await release()
  return fail({
    kind: 'database-in-use',
    message: 'Another Parley server works on this database. Stop it, or use another database.',
  })
}
