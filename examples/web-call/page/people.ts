/** Somebody who has signed in, as the app's server knows them. */
export interface Person {
  readonly name: string
  /** Raw id of their identity. */
  readonly id: string
}

/** Who is signed in here. */
export interface Me extends Person {
  /** Where Parley is. */
  readonly endpoint: string
}

let session = ''

/** Signs in by a name. */
export async function signIn(name: string): Promise<Me> {
  const answer = await ask<Me & { session: string }>('POST', '/app/sign-in', { name })
  session = answer.session
  return answer
}

/** Asks for a token; the server knows by the session for whom. */
export async function fetchToken(): Promise<{ readonly token: string }> {
  return ask('POST', '/app/token', {})
}

let known: readonly Person[] = []

/** Asks who has signed in. */
export async function listPeople(): Promise<readonly Person[]> {
  known = await ask('GET', '/app/people')
  return known
}

/** The name of whoever has an identity; a phone's is its number. */
export function nameOf(rawId: string): string {
  if (rawId.startsWith('4:')) return rawId.slice(2)
  return known.find(({ id }) => id === rawId)?.name ?? 'Somebody'
}

async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${session}` }
  const init = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await fetch(path, { method, headers, ...init })
  if (!answer.ok) throw new Error(`The app's server answered ${answer.status}.`)
  return (await answer.json()) as Answer
}
