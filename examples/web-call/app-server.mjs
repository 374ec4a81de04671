/**
 * What an app's own server does for calls: it knows people, and asks Parley for their tokens.
 *
 * Names stand in for accounts here. Each window has a session of its own, in its memory and not in
 * a cookie, so that one browser can be several people.
 * See @parley/trusted-service for a mapping in a database and a token endpoint that is ready.
 */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'

const types = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const peopleMax = 100
const bodyBytesMax = 1000

/**
 * Makes the server; it does not listen yet.
 *
 * @param identity - a `CommunicationIdentityClient`.
 * @param endpoint - of Parley, as browsers reach it.
 * @param files - paths of the page's files, by the paths in their addresses.
 */
export function createAppServer({ identity, endpoint, files }) {
  const people = new Map()
  const sessions = new Map()
  const personOf = ({ headers }) =>
    people.get(sessions.get(headers.authorization?.replace('Bearer ', '')))

  const signIn = async (request) => {
    const { name } = JSON.parse(await bodyOf(request))
    const isName = typeof name === 'string' && name.trim() !== '' && name.length <= 30
    if (!isName || (people.size >= peopleMax && !people.has(name.trim()))) return 400
    const person = { name: name.trim(), id: '' }
    const known = people.get(person.name)
    // Set before the wait: who signs in twice at once is one person.
    if (known === undefined) {
      people.set(person.name, person)
      person.created = identity.createUser().then(({ communicationUserId }) => {
        person.id = communicationUserId
      })
    }
    const { created, name: owner } = known ?? person
    await created
    const session = randomUUID()
    sessions.set(session, owner)
    const { id } = people.get(owner)
    return { name: owner, id, endpoint, session }
  }

  const issueToken = async (request) => {
    const person = personOf(request)
    if (person === undefined) return 401
    const { token } = await identity.getToken({ communicationUserId: person.id }, ['voip'])
    return { token }
  }

  const listPeople = async (request) => {
    if (personOf(request) === undefined) return 401
    return [...people.values()].filter(({ id }) => id !== '').map(({ name, id }) => ({ name, id }))
  }

  const routes = {
    'POST /api/sign-in': signIn,
    'POST /api/token': issueToken,
    'GET /api/people': listPeople,
  }

  return createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const route = routes[`${request.method} ${pathname}`]
    try {
      if (route !== undefined) {
        const answer = await route(request)
        const status = typeof answer === 'number' ? answer : 200
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(typeof answer === 'number' ? '{}' : JSON.stringify(answer))
        return
      }
      const file = files[pathname]
      if (file === undefined) return void response.writeHead(404).end()
      const bytes = await readFile(file)
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(bytes)
    } catch (error) {
      console.error(error)
      response.writeHead(500).end()
    }
  })
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > bodyBytesMax) throw new Error('the body is too long')
  }
  return text
}
