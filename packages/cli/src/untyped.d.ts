// The driver has no types of its own, and one class of it is used.
declare module 'pg' {
  import type { PostgresPool } from 'kysely'

  export const Pool: new (options: {
    readonly connectionString: string
    readonly max: number
  }) => PostgresPool
}
