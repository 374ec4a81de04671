/** Why a request was not answered with what it asked for. */
export type RefusalReason =
  | 'not-found'
  | 'method-not-allowed'
  | 'foreign-origin'
  | 'too-many-requests'
  | 'not-authenticated'
  | 'not-allowed'
  | 'no-identity'
  | 'identity-gone'
  | 'service-unavailable'
  | 'internal'

/** An answer before it becomes a `Response`. */
export interface Answer {
  readonly status: number
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly reason?: RefusalReason
}

/** Status and words of each refusal. They say what to do, and nothing about others. */
const refusals: Readonly<Record<RefusalReason, readonly [status: number, message: string]>> = {
  'not-found': [404, 'There is no such route.'],
  'method-not-allowed': [405, 'This route has no such method.'],
  'foreign-origin': [
    403,
    'The request does not come from a page that may ask. Programs send "x-parley-request: 1".',
  ],
  'too-many-requests': [429, 'Too many requests. Come again after Retry-After seconds.'],
  'not-authenticated': [401, 'Sign in first.'],
  'not-allowed': [403, 'You may not have a token.'],
  'no-identity': [404, 'You have no identity. Create it with POST.'],
  'identity-gone': [409, 'Your identity is not at the service any more.'],
  'service-unavailable': [503, 'The identity service cannot be reached. Come again.'],
  internal: [500, 'Something went wrong here.'],
}

/** The answer for a refusal; in the shape of Azure's sample, with the reason beside it. */
export function refuse(
  reason: RefusalReason,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const [status, message] = refusals[reason]
  return { status, reason, headers, body: { code: status, message, reason } }
}

/** Prints an answer. Nothing on the way may keep it, guess its type or tell where it was asked. */
export function printAnswer(answer: Answer, cors: Readonly<Record<string, string>>): Response {
  const { status, body, headers = {} } = answer
  const text = body === undefined ? null : JSON.stringify(body)
  return new Response(text, {
    status,
    headers: {
      'cache-control': 'no-store',
      pragma: 'no-cache',
      vary: 'origin, sec-fetch-site',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      ...(body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
      ...cors,
      ...headers,
    },
  })
}
