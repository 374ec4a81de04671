/** The fields of chat on the wire: what bodies hold, and what replies have. */
import { type TSchema, Type } from '@sinclair/typebox'
import { absentable, instantSchema } from '../contract/fields.ts'
import type { ServiceVersions } from '../contract/versions.ts'
import { sentKinds } from './messages.ts'

/** Every version of chat. */
export const everyVersion = { service: 'chat', since: '2021-03-07' } as const
/** Versions with metadata of messages and a body of typing. */
export const secondVersion = { service: 'chat', since: '2021-09-07' } as const
const thirdVersion = { service: 'chat', since: '2023-11-07' } as const
const fourthVersion = { service: 'chat', since: '2024-03-07' } as const
/** Versions with retention policies, and metadata of threads and participants. */
export const fifthVersion = { service: 'chat', since: '2025-03-15' } as const

const text = Type.String()
const cloud = Type.Optional(Type.String({ enum: ['public', 'dod', 'gcch'] }))

/** Kinds of people; those that chat does not know are refused one by one and not as a body. */
const others = {
  phoneNumber: Type.Object({
    value: text,
    isAnonymous: Type.Optional(Type.Boolean()),
    assertedId: Type.Optional(text),
  }),
  microsoftTeamsUser: Type.Object({
    userId: text,
    isAnonymous: Type.Optional(Type.Boolean()),
    cloud,
  }),
  microsoftTeamsApp: Type.Object({ appId: text, cloud }),
  teamsExtensionUser: Type.Object({
    ...{ userId: text, tenantId: text, resourceId: text },
    cloud,
  }),
}

const kind = Type.String()

/** Somebody, as requests say it. */
export const askedIdentifierSchema = Type.Object({
  kind: absentable(kind),
  rawId: absentable(text),
  communicationUser: absentable(Type.Object({ id: text })),
  phoneNumber: absentable(others.phoneNumber),
  microsoftTeamsUser: absentable(others.microsoftTeamsUser),
  microsoftTeamsApp: absentable(others.microsoftTeamsApp),
  teamsExtensionUser: absentable(others.teamsExtensionUser),
})

/** Somebody, as replies say it: never with a kind, which older clients take for a mistake. */
const identifierSchema = Type.Object({
  rawId: Type.Optional(text),
  communicationUser: Type.Optional(Type.Object({ id: text })),
})

const metadata = Type.Record(Type.String(), Type.String())
/** Metadata in a request. */
export const askedMetadata = absentable(metadata)
/** Metadata in a merge patch. */
export const patchedMetadataSchema = absentable(
  Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()])),
)

const retentionKind = Type.String({ enum: ['threadCreationDate', 'none'] })

/** A retention policy; the days are there with the kind that has them. */
export const retentionSchema = Type.Object({
  kind: retentionKind,
  deleteThreadAfterDays: absentable(Type.Integer()),
})

/** A participant in a request. */
export const askedParticipantSchema = Type.Object({
  communicationIdentifier: askedIdentifierSchema,
  displayName: absentable(text),
  shareHistoryTime: absentable(instantSchema),
  metadata: askedMetadata,
})

const participantSchema = Type.Object({
  communicationIdentifier: identifierSchema,
  displayName: Type.Optional(text),
  shareHistoryTime: Type.Optional(instantSchema),
  metadata: Type.Optional(metadata),
})

const errorSchema = Type.Object({
  code: text,
  message: text,
  target: Type.Optional(text),
})

/** A thread in a reply. */
export const threadSchema = Type.Object({
  id: text,
  topic: text,
  createdOn: instantSchema,
  createdByCommunicationIdentifier: identifierSchema,
  deletedOn: Type.Optional(instantSchema),
  metadata: Type.Optional(metadata),
  retentionPolicy: Type.Optional(
    Type.Object({ kind: retentionKind, deleteThreadAfterDays: Type.Optional(Type.Integer()) }),
  ),
})

/** What the creation of a thread gives. */
export const createdThreadSchema = Type.Object({
  chatThread: Type.Optional(threadSchema),
  invalidParticipants: Type.Optional(Type.Array(errorSchema)),
})

/** What adding participants gives. */
export const addedSchema = Type.Object({
  invalidParticipants: Type.Optional(Type.Array(errorSchema)),
})

const threadItemSchema = Type.Object({
  id: text,
  topic: text,
  deletedOn: Type.Optional(instantSchema),
  lastMessageReceivedOn: Type.Optional(instantSchema),
})

/** A message in a reply. */
export const messageSchema = Type.Object({
  id: text,
  type: Type.String({
    enum: [...sentKinds, 'topicUpdated', 'participantAdded', 'participantRemoved'],
  }),
  sequenceId: text,
  version: text,
  content: Type.Optional(
    Type.Object({
      message: Type.Optional(text),
      topic: Type.Optional(text),
      participants: Type.Optional(Type.Array(participantSchema)),
      initiatorCommunicationIdentifier: Type.Optional(identifierSchema),
    }),
  ),
  senderDisplayName: Type.Optional(text),
  createdOn: instantSchema,
  senderCommunicationIdentifier: Type.Optional(identifierSchema),
  deletedOn: Type.Optional(instantSchema),
  editedOn: Type.Optional(instantSchema),
  metadata: Type.Optional(metadata),
})

const receiptSchema = Type.Object({
  senderCommunicationIdentifier: identifierSchema,
  chatMessageId: text,
  readOn: instantSchema,
})

function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({ value: Type.Array(item), nextLink: Type.Optional(text) })
}

/** The pages of the four lists. */
export const pageSchemas = {
  threads: pageOf(threadItemSchema),
  messages: pageOf(messageSchema),
  participants: pageOf(participantSchema),
  receipts: pageOf(receiptSchema),
}

/** What stands in the query of lists; it is read by hand, because its answers have other words. */
export const queryFields = {
  maxPageSize: Type.Integer({ minimum: 1 }),
  skip: Type.Integer({ minimum: 0 }),
  startTime: instantSchema,
}

/** Fields of somebody in a body, by the place where it stands, that some versions have only. */
export function identifierVersions(place: string): Readonly<Record<string, ServiceVersions>> {
  return {
    [`${place}kind`]: thirdVersion,
    [`${place}microsoftTeamsApp`]: fourthVersion,
    [`${place}teamsExtensionUser`]: fifthVersion,
    [`${place}phoneNumber.isAnonymous`]: fifthVersion,
    [`${place}phoneNumber.assertedId`]: fifthVersion,
  }
}
