import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connectDatabase, type Database } from './connect.ts'
import { startTemporaryPostgres, type TemporaryPostgres } from './embedded/temporary-postgres.ts'

describe('a connection to the database', () => {
  let temporary: TemporaryPostgres
  let sql: Database
  before(async () => {
    temporary = await startTemporaryPostgres()
    sql = temporary.database
  })
  after(() => temporary.close())

  test('brings a bigint as a number where that is exact', async () => {
    const [row] = await sql`select 9007199254740991 as exact, 9007199254740992 as large`
    assert.deepEqual(row, { exact: 9007199254740991, large: 9007199254740992n })
  })

  test('takes plain arrays of strings and numbers, and brings arrays back', async () => {
    const words = ['a', 'b,"c"\\', '', '{}']
    const ids = ['00000000-0000-0000-0000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff']
    const numbers = [1, -2, 9007199254740991]
    for (let round = 0; round < 2; round++) {
      const [row] = await sql`
        select ${words}::text[] as words,
          ${ids}::uuid[] as ids,
          ${numbers}::bigint[] as numbers,
          ${[1, 2]}::smallint[] as small,
          ${[]}::text[] as empty`
      assert.deepEqual(row, { words, ids, numbers, small: [1, 2], empty: [] })
    }
  })

  test('takes arrays of other elements when they are wrapped in their type', async () => {
    const keys = [Buffer.from([0, 255]), null, Buffer.from('"\\')]
    const instants = [new Date('2026-01-02T03:04:05.678Z'), null]
    const flags = [true, null, false]
    const [row] = await sql`
      select ${sql.types.byteaArray(keys)}::bytea[] as keys,
        ${sql.types.timestamptzArray(instants)}::timestamptz[] as instants,
        ${sql.types.booleanArray(flags)}::boolean[] as flags`
    assert.deepEqual(row, { keys, instants, flags })
  })

  test('is known to the database by the name of the application', async () => {
    const [row] = await sql`
      select application_name
      from pg_stat_activity
      where pid = pg_backend_pid()`
    assert.deepEqual(row, { application_name: 'parley-test' })
  })

  test('gives up a statement that takes too long', async () => {
    const { connection } = temporary.postgres
    const address = { kind: 'embedded', connection } as const
    const connected = await connectDatabase({ address, statementTimeoutMs: 50 })
    assert.ok(connected.ok)
    await assert.rejects(connected.value`select pg_sleep(10)`, { code: '57014' })
    await connected.value.end()
  })
})

describe('a connection to a database by URL', () => {
  const secret = 'open-sesame'

  async function refusal(url: string) {
    const connected = await connectDatabase({
      address: { kind: 'url', url },
      connectTimeoutMs: 200,
    })
    assert.ok(!connected.ok)
    assert.ok(!JSON.stringify(connected).includes(secret))
    return connected.fault
  }

  /** Runs `act` with the address of a server that treats every connection alike. */
  async function withServer(server: Server, act: (place: string) => Promise<void>) {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    try {
      await act(`127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      server.close()
    }
  }

  test('says where it was refused, and never the password', async () => {
    let place = ''
    await withServer(createServer(), async (listening) => {
      place = listening
    })
    const fault = await refusal(`postgres://parley:${secret}@${place}/house`)
    assert.equal(fault.kind, 'database-unreachable')
    assert.match(fault.message, new RegExp(`house at ${place}.*ECONNREFUSED`))
  })

  test('gives up a server that never answers', async () => {
    await withServer(createServer(), async (place) => {
      const fault = await refusal(`postgres://parley:${secret}@${place}/house`)
      assert.equal(fault.kind, 'database-unreachable')
      assert.match(fault.message, /no answer within 0\.2 s/)
    })
  })

  test('needs PostgreSQL 15', async () => {
    for (const [versionNumber, version] of [
      ['140012', '14'],
      ['90603', '9'],
    ] as const) {
      await withServer(postgresThatSays(versionNumber), async (place) => {
        const fault = await refusal(`postgres://parley:${secret}@${place}/house`)
        assert.equal(fault.kind, 'database-too-old')
        assert.match(fault.message, new RegExp(`is PostgreSQL ${version}; .* 15 or later`))
      })
    }
    await withServer(postgresThatSays('150000'), async (place) => {
      const url = `postgres://parley:${secret}@${place}/house`
      const connected = await connectDatabase({ address: { kind: 'url', url } })
      assert.ok(connected.ok)
      await connected.value.end({ timeout: 0 })
    })
  })

  const unreadable = [
    '',
    `house:${secret}`,
    `mysql://parley:${secret}@localhost/house`,
    `postgres://parley:${secret}@@:/:`,
    `postgres://parley:${secret}%@localhost/house`,
  ]
  for (const url of unreadable) {
    test(`refuses ${JSON.stringify(url)} without repeating it`, async () => {
      assert.equal((await refusal(url)).kind, 'database-url-invalid')
    })
  }
})

/** A server that speaks as much of the protocol as it takes to state a version. */
function postgresThatSays(versionNumber: string): Server {
  const message = (type: string, ...parts: readonly Buffer[]) => {
    const body = Buffer.concat(parts)
    const head = Buffer.alloc(5)
    head.write(type)
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const ready = message('Z', Buffer.from('I'))
  const column = Buffer.concat([Buffer.from('server_version_num\0'), Buffer.alloc(18)])
  const value = Buffer.from(versionNumber)
  const answer = [
    message('T', Buffer.from([0, 1]), column),
    message('D', Buffer.from([0, 1, 0, 0, 0, value.length]), value),
    message('C', Buffer.from('SHOW\0')),
    ready,
  ]
  return createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]))
      socket.on('data', (asked) => {
        if (asked.toString('latin1', 0, 1) === 'Q') socket.write(Buffer.concat(answer))
      })
    })
  })
}
