/** The little of packages without types that these tests use. */
declare module 'pg' {
  /** Connections to one database. */
  export class Pool {
    constructor(options: {
      host: string
      port: number
      user: string
      database: string
      max: number
      idleTimeoutMillis: number
    })
    connect(): Promise<import('kysely').PostgresPoolClient>
    query(text: string): Promise<unknown>
    end(): Promise<void>
  }
  const everything: { Pool: typeof Pool }
  export = everything
}
declare module 'express' {
  import type { Server } from 'node:http'
  import type { NodeHandler } from '@parley/trusted-service'

  interface Express {
    use(handler: NodeHandler): void
    listen(port: number, host: string): Server
  }
  function express(): Express
  export = express
}
