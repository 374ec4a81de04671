import assert from 'node:assert/strict'
import { postToken } from '../calls.ts'
import type { Tenant } from '../world.ts'

/** A token with which an identity may call. */
export async function issuedToken(
  tenant: Tenant,
  identity: string,
  scope = 'voip',
): Promise<string> {
  const { status, body } = await postToken(tenant, identity, { scopes: [scope] })
  assert.equal(status, 200)
  return body.token
}
