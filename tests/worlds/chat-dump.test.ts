/**
 * What a dump of the database shows of somebody who was deleted: of the words he wrote, nothing.
 *
 * The embedded database is dumped by `copy` of every table, which is what `pg_dump` does for each:
 * the package it comes in has no `pg_dump`. Debian's is dumped by its own.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import { deleteOldNotices } from '@parley/server/chat/realtime/store'
import { connectDatabase, type Database } from '@parley/server/database/connect'
import { createIdentity, deleteIdentity } from '../calls.ts'
import { type MessageBody, newThread, newUser, participant, seen, type User } from '../chat.ts'
import { connectChat } from '../chat-sockets.ts'
import { lacksDebianPostgres, startDebianPostgres } from '../debian-postgres.ts'
import { findSecrets, type Secrets } from '../secrets.ts'
import { type ServerProcess, startServer } from '../server-process.ts'
import { send } from '../world.ts'
import { newDataDir, openDatabaseOf } from './place.ts'

/** A server, and how its database is looked at. */
interface Place {
  readonly server: ServerProcess
  readonly db: Database
  readonly dump: () => Promise<Buffer>
  readonly stop: () => Promise<void>
}

async function startOnEmbedded(): Promise<Place> {
  const dataDir = newDataDir()
  const server = await startServer({ dataDir })
  const db = await openDatabaseOf(dataDir)
  return {
    server,
    db,
    dump: () => copyAll(db),
    async stop() {
      await db.end()
      await server.stop()
    },
  }
}

async function startOnDebian(): Promise<Place> {
  const dataDir = newDataDir()
  const postgres = await startDebianPostgres(process.env['PARLEY_TEST_FOLDER'] ?? '')
  const settings = { PARLEY_DATABASE_URL: postgres.url }
  const server = await startServer({ dataDir, settings })
  const connected = await connectDatabase({ address: { kind: 'url', url: postgres.url } })
  assert.ok(connected.ok)
  return {
    server,
    db: connected.value,
    dump: () => postgres.dump(),
    async stop() {
      await connected.value.end()
      await server.stop()
      await postgres.stop()
    },
  }
}

/** Every table that is not PostgreSQL's own, whatever its schema, as `copy` writes it. */
async function copyAll(db: Database): Promise<Buffer> {
  const tables = await db<{ name: string }[]>`
    select format('%I.%I', nspname, relname) as name
    from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'm')
    and nspname not like 'pg\\_%'
    and nspname <> 'information_schema'`
  const chunks: Buffer[] = []
  for (const { name } of tables) {
    const rows = await db.unsafe(`copy ${name} to stdout`).readable()
    chunks.push(Buffer.from(`COPY ${name}\n`))
    for await (const chunk of rows) chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** The tables of a dump, of either kind, in which a text stands; without their schema. */
function tablesWith(dump: Buffer, text: string): readonly string[] {
  const sections = dump.toString().split(/^COPY /m)
  return sections
    .filter((section) => section.includes(text))
    .map((section) => /^(?:\w+\.)?(\w+)/.exec(section)?.[1] ?? '')
    .toSorted()
}

/** Words that stand nowhere else, each by what it is. */
function newWords() {
  const words: Secrets = new Map()
  const word = (name: string): string => {
    const text = `${name.replaceAll(' ', '-')}-${randomBytes(12).toString('hex')}`
    words.set(name, Buffer.from(text))
    return text
  }
  return { words, word }
}

async function done(user: User, method: string, path: string, body?: object): Promise<string> {
  const answer = await user.call(method, path, body === undefined ? {} : { body })
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.body?.id ?? ''
}

type People = Awaited<ReturnType<typeof people>>

async function people({ server }: Place) {
  const origin = server.banner.httpOrigin
  const resource = { call: server.call, host: new URL(origin).host }
  const [ann, bob] = [await newUser({ origin }, resource), await newUser({ origin }, resource)]
  return { origin, resource, ann, bob, somebody: await createIdentity(resource) }
}

/** Everything by which somebody leaves words behind. */
async function leaveTraces({ origin, resource, ann, bob, somebody }: People) {
  const { words, word } = newWords()
  const device = word('name of a device')
  const socket = await connectChat(origin, { token: bob.token, endpointId: device })
  const displayName = word('name of a participant')
  const metadata = { note: word('metadata of a participant') }
  const thread = await newThread(ann, [])
  const who = participant(bob, { displayName, metadata })
  await done(ann, 'POST', `${thread}/participants/:add`, { participants: [who] })
  const messages = `${thread}/messages`
  const first = await done(bob, 'POST', messages, {
    ...{ content: word('text'), senderDisplayName: word('name of a sender') },
    metadata: { [word('name of metadata')]: word('metadata of a message') },
  })
  await done(bob, 'POST', messages, { content: `<p>${word('html')}</p>`, type: 'html' })
  const edited = await done(bob, 'POST', messages, { content: word('text before an edit') })
  const change = { content: word('text after an edit'), metadata: { a: word('later metadata') } }
  await done(bob, 'PATCH', `${messages}/${edited}`, change)
  const gone = await done(bob, 'POST', messages, { content: word('deleted text') })
  await done(bob, 'DELETE', `${messages}/${gone}`)
  await done(bob, 'POST', `${thread}/typing`, { senderDisplayName: word('name while typing') })
  await done(bob, 'POST', `${thread}/readReceipts`, { chatMessageId: first })
  await done(bob, 'PATCH', thread, { topic: 'A topic of Bob' })
  const left = await newThread(bob, [ann, { id: somebody }])
  await done(bob, 'POST', `${left}/messages`, { content: word('text in a thread that he left') })
  await done(bob, 'POST', `${left}/participants/:remove`, { rawId: bob.id })
  await done(ann, 'POST', messages, { content: 'What Ann said remains.' })
  await socket.cut()
  return { resource, ann, bob, thread, left, words }
}

type Traces = Awaited<ReturnType<typeof leaveTraces>>

/** Waits until nothing is left to purge of anybody. */
async function purged({ db }: Place): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  for (;;) {
    if ((await db`select from chat_erasure`).count === 0) return
    assert.ok(performance.now() < deadlineMs, 'the purge ends')
    await db`select pg_sleep(0.01)`
  }
}

/** Minutes go by, in which those who were away come back. */
async function fiveMinutesLater({ db }: Place): Promise<void> {
  await db`update chat_notice set told_at = told_at - interval '6 minutes'`
  await db`update chat_endpoint set seen_at = seen_at - interval '6 minutes'`
  await deleteOldNotices(db)
}

/** The tables in which each word is at first: where it is stored, and where it is told. */
const [stored, told] = ['chat_message', 'chat_notice']
const placesBefore = [
  ['name of a device', ['chat_endpoint']],
  ['name of a participant', ['chat_message_person', told, 'chat_participant']],
  ['metadata of a participant', ['chat_participant']],
  ['text', [stored, told]],
  ['name of a sender', [stored, told]],
  ['name of metadata', [stored, told]],
  ['metadata of a message', [stored, told]],
  ['html', [stored, told]],
  ['text before an edit', [told]],
  ['text after an edit', [stored, told]],
  ['later metadata', [stored, told]],
  ['deleted text', [told]],
  ['name while typing', []],
  ['text in a thread that he left', [stored, told]],
]

/** A server on which people have left their traces. */
interface Scene {
  readonly place: Place
  readonly traces: Traces
}

/** Specifies what each kind of database shows. */
function specify(start: () => Promise<Place>): void {
  let scene: Scene
  before(async () => {
    const place = await start()
    scene = { place, traces: await leaveTraces(await people(place)) }
  })
  after(() => scene.place.stop())
  specifyWords(() => scene)
  specifyRest(() => scene)
}

/** What he wrote, before he is deleted and after. */
function specifyWords(at: () => Scene): void {
  test('has his words where they were stored, and where they are told for minutes', async () => {
    const { place, traces } = at()
    const { words } = traces
    const dump = await place.dump()
    const places = [...words].map(([name, word]) => [name, tablesWith(dump, word.toString())])
    assert.deepEqual(places, placesBefore)
  })

  test('has none of them once he is deleted', async () => {
    const { place, traces } = at()
    const { resource, bob, words } = traces
    assert.equal((await deleteIdentity(resource, bob.id)).status, 204)
    await purged(place)
    // What others did is told for minutes, and Ann has added somebody of that name.
    assert.deepEqual(findSecrets(await place.dump(), words), ['name of a participant, raw'])
    await fiveMinutesLater(place)
    assert.deepEqual(findSecrets(await place.dump(), words), [])
  })
}

/** What is left without him, and then without anybody. */
function specifyRest(at: () => Scene): void {
  test('names him only as who made a thread, and did what the thread says of itself', async () => {
    const { place, traces } = at()
    const { bob } = traces
    const dump = await place.dump()
    const id = bob.id.slice(-36)
    const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
    assert.deepEqual(findSecrets(dump, new Map([['id', bytes]])), [])
    assert.deepEqual(tablesWith(dump, id), ['chat_message', 'chat_thread', 'revocation_event'])
    const rows = await place.db<{ kind: string; content: string | null }[]>`
      select kind, content from chat_message where sender_id = ${id} order by message_id`
    assert.deepEqual(
      rows.map(({ kind, content }) => [kind, content]),
      [
        ['topicUpdated', 'A topic of Bob'],
        ['participantAdded', null],
        ['topicUpdated', 'Lunch'],
        ['participantRemoved', null],
      ],
    )
  })

  test('leaves Ann what is hers, and him out of it', async () => {
    const { ann, bob, thread, left } = at().traces
    const system = ['Lunch', 'participantAdded']
    const all = ['What Ann said remains.', 'A topic of Bob', 'participantAdded', ...system]
    assert.deepEqual((await seen(ann, thread)).map(shownIn), all)
    assert.deepEqual((await seen(ann, left)).map(shownIn), ['participantRemoved', ...system])
    for (const path of ['messages', 'participants', 'readReceipts']) {
      for (const at of [thread, left]) {
        const { status, text } = await ann.call('GET', `${at}/${path}`)
        assert.deepEqual([status, text.includes(bob.id)], [200, false], path)
      }
    }
  })

  test('has nothing of anybody once the resource is deleted', async () => {
    const { place, traces } = at()
    const { ann } = traces
    const words = ['What Ann said remains.', 'A topic of Bob', 'Lunch', ann.id.slice(-36)]
    const find = async () => {
      const dump = await place.dump()
      return words.filter((word) => dump.includes(word))
    }
    assert.deepEqual(await find(), words)
    await deleteResource(place)
    assert.deepEqual(await find(), [])
  })
}

/** Deletes the resource, as its administrator, and waits for the purge. */
async function deleteResource({ server, db }: Place): Promise<void> {
  const file = readFileSync(server.banner.environmentFile, 'utf8')
  const {
    PARLEY_ADMIN_TOKEN: token = '',
    PARLEY_SUBSCRIPTION_ID: subscription = '',
    PARLEY_RESOURCE_GROUP: group = '',
    PARLEY_RESOURCE_NAME: name = '',
  } = parseEnvironmentFile(file)
  const type = 'Microsoft.Communication/communicationServices'
  const path = `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}/${name}`
  const headers = { authorization: `Bearer ${token}` }
  const request = { method: 'DELETE', path: `${path}?api-version=2025-09-01`, headers }
  const { status, text } = await send(server.banner.httpOrigin, request)
  assert.ok(status < 300, text)
  const deadlineMs = performance.now() + 60_000
  while ((await db`select from resource where deleted_at is not null`).count > 0) {
    assert.ok(performance.now() < deadlineMs, 'the purge ends')
    await db`select pg_sleep(0.01)`
  }
}

/** A message in short: its text, its topic, or what kind of news it is. */
const shownIn = ({ type, content }: MessageBody) => content?.message ?? content?.topic ?? type

describe('a dump of the embedded database', () => specify(startOnEmbedded))

if (lacksDebianPostgres !== false) console.log(`skipped: pg_dump (${lacksDebianPostgres})`)

describe('pg_dump of an outside database', { skip: lacksDebianPostgres }, () => {
  specify(startOnDebian)
})
