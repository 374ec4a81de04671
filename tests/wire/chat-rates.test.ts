/**
 * What the official chat client does where it asks more often than it may.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ChatClient } from '@azure/communication-chat'
import { AzureCommunicationTokenCredential } from '@azure/communication-common'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { type ServerProcess, startServer } from '../server-process.ts'
import { tierFolder } from './the-server.ts'

/** Limits that a person reaches at once and waits a second for. */
const rates = {
  'chat-thread-create-or-delete': [{ per: 'user', max: 2, seconds: 1 }],
  'chat-message-write': [{ per: 'thread', max: 2, seconds: 1 }],
  'chat-message-list': [{ per: 'user-thread', max: 2, seconds: 1 }],
}

describe('a chat client that asks too often', () => {
  let server: ServerProcess
  before(async () => {
    const dataDir = join(tierFolder(), 'chat-rates')
    mkdirSync(dataDir, { mode: 0o711 })
    const settings = { PARLEY_RATE_LIMITS: JSON.stringify(rates) }
    server = await startServer({ dataDir, settings })
  })
  after(async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })

  /** Somebody, and what was told to come again later: of what, and when. */
  async function person() {
    const ca = readFileSync(server.banner.caFile, 'utf8')
    const { connectionString } = server.banner
    const identities = new CommunicationIdentityClient(connectionString, { tlsOptions: { ca } })
    const { token } = await identities.createUserAndToken(['chat'])
    const refusals: { readonly what: string; readonly after: string | undefined }[] = []
    const credential = new AzureCommunicationTokenCredential(token)
    const client = new ChatClient(server.endpoint, credential, {
      tlsOptions: { ca },
      additionalPolicies: [
        {
          position: 'perRetry',
          policy: {
            name: 'watch',
            sendRequest: async (asked, next) => {
              const answer = await next(asked)
              const { pathname } = new URL(asked.url)
              const what = `${asked.method} ${pathname.split('/').at(-1)}`
              if (answer.status === 429)
                refusals.push({ what, after: answer.headers.get('retry-after') })
              return answer
            },
          },
        },
      ],
    })
    return { client, refusals }
  }

  test('creates each thread once, though not at once', async () => {
    const { client, refusals } = await person()
    const ids = new Set<string>()
    for (let count = 0; count < 5; count++) {
      ids.add((await client.createChatThread({ topic: `T${count}` })).chatThread?.id ?? '')
    }
    const listed: string[] = []
    for await (const { id } of client.listChatThreads()) listed.push(id)
    assert.deepEqual(listed.toSorted(), [...ids].toSorted())
    assert.equal(ids.size, 5)
    assert.deepEqual(new Set(refusals.map(({ what }) => what)), new Set(['POST threads']))
    for (const refusal of refusals) assert.match(refusal.after ?? '', /^[12]$/)
  })

  test('says everything once, in its order, and reads all of it', async () => {
    const { client, refusals } = await person()
    const { chatThread } = await client.createChatThread({ topic: 'T' })
    const thread = client.getChatThreadClient(chatThread?.id ?? '')
    const texts = ['one', 'two', 'three', 'four', 'five']
    for (const content of texts) await thread.sendMessage({ content })
    const said: string[] = []
    for await (const { content } of thread.listMessages({ maxPageSize: 1 })) {
      if (content?.message !== undefined) said.push(content.message)
    }
    assert.deepEqual(said, texts.toReversed())
    const refused = new Set(refusals.map(({ what }) => what))
    assert.deepEqual(refused, new Set(['POST messages', 'GET messages']))
    for (const refusal of refusals) assert.match(refusal.after ?? '', /^[12]$/)
  })
})
