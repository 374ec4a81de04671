/** Calls by the administrator of a server, with the static token of `parley.env`. */
import { readFileSync } from 'node:fs'
import { parseEnvironmentFile } from '@parley/server/admin/environment-file'
import { type Answer, send, type TestRequest, type World } from './world.ts'

/** What stands in `parley.env`. */
export function environmentOf(world: World): Readonly<Record<string, string>> {
  return parseEnvironmentFile(readFileSync(world.parley.environmentFile, 'utf8'))
}

/** Sends a request with the administrator's token, unless its headers say otherwise. */
export function callAdmin(world: World, request: TestRequest): Promise<Answer> {
  const type = request.body === undefined ? {} : { 'content-type': 'application/json' }
  const authorization = `Bearer ${environmentOf(world)['PARLEY_ADMIN_TOKEN']}`
  const headers = { authorization, ...type, ...request.headers }
  return send(world.origin, { ...request, headers })
}
