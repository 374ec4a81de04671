/** The session of a node at a real Janus. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  administerJanus,
  type JanusAdministration,
} from '@parley/server/calls/janus/administration'
import {
  connectJanus,
  type JanusConnection,
  type JanusEvent,
  type JanusHandle,
} from '@parley/server/calls/janus/connection'
import { lacks } from './daemons.ts'
import { type JanusProcess, janusSecrets, startJanus } from './janus-process.ts'

const log = { warn: () => undefined, info: () => undefined }

describe('a session at a Janus', { skip: lacks('sessions at a Janus', 'janus') }, () => {
  let janus: JanusProcess
  let connection: JanusConnection
  let administration: JanusAdministration

  before(async () => {
    janus = await startJanus()
    connection = connectJanus({ url: janus.url, apiSecret: janusSecrets.api, log })
    const { adminUrl: url } = janus
    administration = administerJanus({ url, adminSecret: janusSecrets.admin, log })
    assert.equal(await connection.whenUp(5000), true)
  })

  after(async () => {
    administration?.close()
    await connection?.close()
    await janus?.kill()
  })

  /** A handle, and what it is told. */
  async function attached(opaqueId = 'a test') {
    const told: JanusEvent[] = []
    let go: () => void
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    const handle = await connection.attach('audiobridge', opaqueId, (event) => {
      told.push(event)
      if (event.kind === 'gone') go()
    })
    assert.ok(handle.ok)
    return { handle: handle.value, told, gone }
  }

  const room = (name: string) => ({ request: 'create', room: name, admin_key: janusSecrets.room })

  async function code(asked: ReturnType<JanusHandle['ask']>): Promise<number | string> {
    const answer = await asked
    if (answer.ok) return 'done'
    return answer.fault.kind === 'refused' ? answer.fault.code : answer.fault.kind
  }

  test('reads the files it is told to, and none of the machine', () => {
    assert.doesNotMatch(janus.daemon().said(), /\/etc\/janus/)
  })

  test('asks a plugin, and is told what the plugin refuses', async () => {
    const { handle } = await attached()
    assert.equal(await code(handle.ask(room('one'))), 'done')
    assert.equal(await code(handle.ask(room('one'))), 486)
    assert.equal(await code(handle.ask({ ...room('two'), admin_key: 'none' })), 489)
    assert.equal((await handle.detach()).ok, true)
    assert.equal(await code(handle.ask(room('three'))), 459)
  })

  test('waits for answers that come after an acknowledgement', async () => {
    const { handle } = await attached()
    await handle.ask(room('waiting'))
    const joined = await handle.ask({ request: 'join', room: 'waiting', id: 'ann' })
    assert.ok(joined.ok)
    assert.deepEqual([joined.value.data['audiobridge'], joined.value.data['id']], ['joined', 'ann'])
  })

  test('is told what others do to its handles', async () => {
    const { handle, gone } = await attached('told')
    await handle.ask(room('telling'))
    await handle.ask({ request: 'join', room: 'telling', id: 'ann' })
    const listed = await administration.listHandles()
    const own = listed?.find(({ handleId }) => handleId === handle.id)
    assert.equal(own?.opaqueId, 'told')
    assert.deepEqual([own?.specific['room'], own?.specific['id']], ['telling', 'ann'])
    const { sessionId, id: handleId } = handle
    assert.equal((await administration.detach({ sessionId, handleId })).ok, true)
    await gone
  })

  test('is refused with another secret', async () => {
    const refusals: unknown[] = []
    const complain = (about: unknown) => void refusals.push(about)
    const stranger = connectJanus({
      ...{ url: janus.url, apiSecret: 'another' },
      log: { info: () => undefined, warn: complain as typeof log.warn },
    })
    assert.equal(await stranger.whenUp(500), false)
    await stranger.close()
    assert.equal((refusals[0] as { readonly fault: { readonly code: number } }).fault.code, 403)
  })

  test('is lost with Janus, with all its handles, and another comes with the next', async () => {
    const { handle, told } = await attached()
    const lost = new Promise((resolve) => connection.follow(resolve))
    await janus.kill()
    assert.equal(await lost, false)
    assert.equal(connection.isUp(), false)
    assert.deepEqual(told, [{ kind: 'gone' }])
    assert.equal(await code(handle.ask(room('later'))), 'unreachable')
    await janus.start()
    assert.equal(await connection.whenUp(8000), true)
    const { handle: next } = await attached()
    assert.equal(await code(next.ask(room('one'))), 'done')
  })
})
