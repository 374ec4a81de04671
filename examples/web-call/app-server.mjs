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

  const createPerson = async (name) => {
    const { communicationUserId: id } = await identity.createUser()
    return { name, id }
  }

  const signIn = async (request) => {
    const { name: given } = JSON.parse(await bodyOf(request))
    const name = String(given ?? '').trim()
    const isFull = people.size >= peopleMax && !people.has(name)
    if (name === '' || name.length > 30 || isFull) return 400
    // The promise is kept, not the id: who signs in twice at once is one person.
    if (!people.has(name)) people.set(name, createPerson(name))
    const { id } = await people.get(name)
    const session = randomUUID()
    sessions.set(session, name)
    return { name, id, endpoint, session }
  }

  const issueToken = async (request) => {
    const person = await personOf(request)
    if (person === undefined) return 401
    const { token } = await identity.getToken({ communicationUserId: person.id }, ['voip'])
    return { token }
  }

  const listPeople = async (request) => {
    return (await personOf(request)) === undefined ? 401 : Promise.all(people.values())
  }

  const routes = {
    'POST /api/sign-in': signIn,
    'POST /api/token': issueToken,
    'GET /api/people': listPeople,
  }

  return createServer((request, response) => {
    answer(request, response, { routes, files }).catch((error) => {
      console.error(error)
      response.writeHead(500).end()
    })
  })
}

async function answer(request, response, { routes, files }) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const route = routes[`${request.method} ${pathname}`]
  if (route !== undefined) {
    const outcome = await route(request)
    const isRefused = typeof outcome === 'number'
    response.writeHead(isRefused ? outcome : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isRefused ? {} : outcome))
    return
  }
  const file = files[pathname]
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  const bytes = await readFile(file)
  response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(bytes)
}

async function bodyOf(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > bodyBytesMax) throw new Error('the body is too long')
  }
  return text
}
