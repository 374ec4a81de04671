/** Chat as people in tests use it: a resource, its users, and one line for each call. */
import assert from 'node:assert/strict'
import type { Scope } from '@parley/protocol'
import { createIdentity, postToken } from './calls.ts'
import { type Answer, send, type Tenant, type World } from './world.ts'

/** The newest api-version of chat. */
export const chatVersion = '2025-03-15'

/** Somebody with an access token. */
export interface User {
  /** The raw id. */
  readonly id: string
  readonly token: string
  readonly call: (method: string, path: string, asked?: Asked) => Promise<ChatAnswer>
}

/** What a call sends besides its path. */
export interface Asked {
  readonly body?: object | string
  readonly headers?: Readonly<Record<string, string>>
  readonly version?: string
  /** Another token than the user's. */
  readonly token?: string
}

/** Everything that some answer of chat or other has. */
export interface ChatBody {
  readonly id: string
  readonly topic: string
  readonly chatThread: ThreadBody
  readonly invalidParticipants?: readonly unknown[]
  readonly value: readonly MessageBody[]
  readonly nextLink?: string
  readonly error: { readonly code: string; readonly message: string; readonly target?: string }
}

/** A thread in an answer. */
export interface ThreadBody {
  readonly id: string
  readonly topic: string
  readonly createdOn: string
  readonly metadata?: object
  readonly retentionPolicy?: object
}

/** A message, or another entry of a page. */
export interface MessageBody {
  readonly id: string
  readonly type: string
  readonly sequenceId: string
  readonly version: string
  readonly content?: {
    readonly message?: string
    readonly topic?: string
    readonly participants?: readonly { readonly displayName: string }[]
    readonly initiatorCommunicationIdentifier?: object
  }
  readonly topic: string
  readonly createdOn: string
  readonly senderDisplayName: string
  readonly senderCommunicationIdentifier?: { readonly rawId: string }
  readonly communicationIdentifier: { readonly rawId: string }
  readonly displayName: string
  readonly shareHistoryTime: string
  readonly chatMessageId: string
  readonly editedOn?: string
  readonly deletedOn?: string
  readonly metadata?: object
}

/** An answer of chat. */
export interface ChatAnswer extends Omit<Answer, 'body'> {
  readonly body: ChatBody
}

/** Makes users of a resource. */
export async function newUser(
  world: Pick<World, 'origin'>,
  tenant: Pick<Tenant, 'call' | 'host'>,
  scopes: readonly Scope[] = ['chat'],
): Promise<User> {
  const id = await createIdentity(tenant)
  return userOf(world, tenant, { id, scopes })
}

/** Another token of somebody. */
export async function userOf(
  world: Pick<World, 'origin'>,
  tenant: Pick<Tenant, 'call' | 'host'>,
  { id, scopes }: { readonly id: string; readonly scopes: readonly Scope[] },
): Promise<User> {
  const { body } = await postToken(tenant, id, { scopes })
  const { token } = body
  return {
    id,
    token,
    call: (method, path, asked = {}) => {
      const at = path.includes('api-version=') ? '' : `${path.includes('?') ? '&' : '?'}`
      const version = asked.version ?? chatVersion
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
      return send(world.origin, {
        method,
        path: `/chat/threads${path}${at === '' ? '' : `${at}api-version=${version}`}`,
        host: tenant.host,
        headers: {
          authorization: `Bearer ${asked.token ?? token}`,
          ...(asked.body === undefined ? {} : { 'content-type': type }),
          ...asked.headers,
        },
        ...(asked.body === undefined ? {} : { body: asked.body }),
      }) as unknown as Promise<ChatAnswer>
    },
  }
}

/** Somebody as a body names participants. */
export function participant(user: Pick<User, 'id'>, rest: object = {}): object {
  return { communicationIdentifier: { communicationUser: { id: user.id } }, ...rest }
}

/** Creates a thread in which these take part, and gives its path. */
export async function newThread(
  creator: User,
  others: readonly Pick<User, 'id'>[] = [],
  rest: object = {},
): Promise<string> {
  const participants = others.map((one) => participant(one))
  const body = { topic: 'Lunch', participants, ...rest }
  const { status, body: created, text } = await creator.call('POST', '', { body })
  assert.equal(status, 201, text)
  return `/${encodeURIComponent(created.chatThread.id)}`
}

/** Sends a message and gives its id. */
export async function say(user: User, thread: string, content = 'Hello'): Promise<string> {
  const { status, body, text } = await user.call('POST', `${thread}/messages`, {
    body: { content },
  })
  assert.equal(status, 201, text)
  return body.id
}

/** What somebody sees of the messages of a thread on its first page, the newest first. */
export async function seen(user: User, thread: string): Promise<readonly MessageBody[]> {
  const { status, body, text } = await user.call('GET', `${thread}/messages`)
  assert.equal(status, 200, text)
  return body.value
}

/** The same in short: texts, and kinds of what the system says. */
export async function heard(user: User, thread: string): Promise<readonly string[]> {
  return (await seen(user, thread)).map((one) => one.content?.message ?? one.type)
}
