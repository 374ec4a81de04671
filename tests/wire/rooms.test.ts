/**
 * The official client for rooms, unmodified: every operation of it.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CommunicationIdentityClient } from '@azure/communication-identity'
import { RoomsClient } from '@azure/communication-rooms'
import { refusalOf, theServer } from './the-server.ts'

describe('the rooms client 1.2.0', () => {
  test('creates, gets, lists, updates and deletes a room', async () => {
    const { banner } = await theServer()
    const client = new RoomsClient(banner.connectionString)
    const validUntil = new Date(Date.now() + 3_600_000)
    const made = await client.createRoom({ validUntil, pstnDialOutEnabled: true })
    assert.equal(made.validUntil.getTime(), validUntil.getTime())
    assert.deepEqual(await client.getRoom(made.id), made)
    const moved = await client.updateRoom(made.id, { pstnDialOutEnabled: false })
    assert.deepEqual(moved, { ...made, pstnDialOutEnabled: false })
    const listed: string[] = []
    for await (const { id } of client.listRooms()) listed.push(id)
    assert.ok(listed.includes(made.id))
    await client.deleteRoom(made.id)
    const { statusCode, code } = await refusalOf(client.getRoom(made.id))
    assert.deepEqual([statusCode, code], [404, 'NotFound'])
  })

  test('adds, changes, lists and removes participants', async () => {
    const { banner } = await theServer()
    const identities = new CommunicationIdentityClient(banner.connectionString)
    const [ann, ben] = await Promise.all([identities.createUser(), identities.createUser()])
    const client = new RoomsClient(banner.connectionString)
    const { id } = await client.createRoom({ participants: [{ id: ann, role: 'Presenter' }] })
    await client.addOrUpdateParticipants(id, [
      { id: ann, role: 'Collaborator' },
      { id: ben, role: 'Attendee' },
    ])
    const roles = new Map<unknown, string>()
    for await (const { id: who, role } of client.listParticipants(id)) {
      assert.ok(who.kind === 'communicationUser')
      roles.set(who.communicationUserId, role)
    }
    assert.deepEqual(
      roles,
      new Map([
        [ann.communicationUserId, 'Collaborator'],
        [ben.communicationUserId, 'Attendee'],
      ]),
    )
    await client.removeParticipants(id, [ann, ben])
    for await (const participant of client.listParticipants(id)) assert.fail(String(participant))
  })
})
