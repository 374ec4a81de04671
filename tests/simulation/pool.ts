import type { Statement } from './database.ts'
import type { Machine } from './machine.ts'
import type { Connection, Network } from './network.ts'

/** Some connections of a process, opened when they are needed. */
export interface Pool {
  readonly ask: <Answer>(statement: Statement<Answer>) => Promise<Answer>
}

const limits = { connectionsMax: 3, connectTimeoutMs: 10_000 }

/** Creates a pool without a connection. */
export function createPool(machine: Machine, network: Network): Pool {
  let open: Connection[] = []
  const connect = async () => {
    const connection = await network.connect({ machine, timeoutMs: limits.connectTimeoutMs })
    open.push(connection)
    return connection
  }
  return {
    async ask(statement) {
      open = open.filter((connection) => connection.isOpen())
      const idle = open.find((connection) => connection.pendingCount() === 0)
      const isRoom = open.length < limits.connectionsMax
      const least = open.toSorted((one, other) => one.pendingCount() - other.pendingCount())[0]
      const chosen = idle ?? (isRoom ? undefined : least) ?? (await connect())
      return chosen.ask(statement)
    },
  }
}
