import { fail } from '@parley/protocol'
import type { Operation } from '../contract/operation.ts'
import { emailVersions, paths } from './paths.ts'

const service = `${paths.inGroup}/emailServices/{emailServiceName}`
const domain = `${service}/domains/{domainName}`
const suppressionList = `${domain}/suppressionLists/{suppressionListName}`
const readWriteDelete = ['GET', 'PUT', 'DELETE'] as const

const email = 'e-mail'
const smtp = 'SMTP users'

const places: readonly (readonly [
  group: string,
  path: string,
  methods: readonly Operation['method'][],
  what: string,
])[] = [
  ['EmailServices', `${paths.inSubscription}/emailServices`, ['GET'], email],
  ['EmailServices', `${paths.inGroup}/emailServices`, ['GET'], email],
  ['EmailServices', service, ['GET', 'PUT', 'PATCH', 'DELETE'], email],
  ['EmailServices', `${paths.inSubscription}/listVerifiedExchangeOnlineDomains`, ['POST'], email],
  ['Domains', `${service}/domains`, ['GET'], email],
  ['Domains', domain, ['GET', 'PUT', 'PATCH', 'DELETE'], email],
  ['Domains', `${domain}/initiateVerification`, ['POST'], email],
  ['Domains', `${domain}/cancelVerification`, ['POST'], email],
  ['SenderUsernames', `${domain}/senderUsernames`, ['GET'], email],
  ['SenderUsernames', `${domain}/senderUsernames/{senderUsername}`, readWriteDelete, email],
  ['SuppressionLists', `${domain}/suppressionLists`, ['GET'], email],
  ['SuppressionLists', suppressionList, readWriteDelete, email],
  ['SuppressionListAddresses', `${suppressionList}/suppressionListAddresses`, ['GET'], email],
  [
    'SuppressionListAddresses',
    `${suppressionList}/suppressionListAddresses/{addressId}`,
    readWriteDelete,
    email,
  ],
  ['SmtpUsernames', `${paths.resource}/smtpUsernames`, ['GET'], smtp],
  ['SmtpUsernames', `${paths.resource}/smtpUsernames/{smtpUsername}`, readWriteDelete, smtp],
]

const verbs: Readonly<Record<Operation['method'], string>> = {
  GET: 'Get',
  PUT: 'CreateOrUpdate',
  PATCH: 'Update',
  DELETE: 'Delete',
  POST: 'Post',
}

/**
 * What the same provider has and this server does not serve: it says so, to anybody, instead of a
 * 404 that would look like a wrong path.
 */
export const notServedOperations: readonly Operation[] = places.flatMap(
  ([group, path, methods, what]) =>
    methods.map(
      (method): Operation => ({
        id: `${group}_${verbs[method]}${lastWord(path)}`,
        summary: 'Not served.',
        method,
        path,
        access: 'public',
        versions: emailVersions,
        reply: { status: 501 },
        handle: () => fail({ kind: 'operation-not-served', what }),
      }),
    ),
)

/** Lists and actions are told apart by what the path ends with. */
function lastWord(path: string): string {
  const word = path.slice(path.lastIndexOf('/') + 1)
  if (word.startsWith('{')) return ''
  const scope = path.includes('{resourceGroupName}') ? '' : 'InSubscription'
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}${scope}`
}
