import type { Kysely } from 'kysely'
import type { Dialect } from '../mapping/tables.ts'
import { asParleyTables } from '../mapping/transactions.ts'
import { systemNow } from '../platform.ts'
import type { EntryAddress, SealedEntry } from './seal.ts'

/** Where sealed tokens lie. It is trusted with nothing. */
export interface SealedStore {
  get(address: EntryAddress): Promise<string | undefined>
  put(entry: SealedEntry): Promise<void>
  /** Deletes everything of one identity. */
  deleteIdentity(identityHash: string): Promise<void>
  /** Deletes one token, wherever it stands. */
  deleteToken(tokenHash: string): Promise<void>
  /** Deletes everything. */
  clear(): Promise<void>
}

/**
 * Sealed tokens in the memory of this process.
 *
 * @param options.entriesMax - whole number from 1, default 10,000; beyond it the oldest goes.
 */
export function memoryStore(
  options: { readonly entriesMax?: number; readonly now?: () => number } = {},
): SealedStore {
  const { entriesMax = 10_000, now = systemNow } = options
  if (!Number.isInteger(entriesMax) || entriesMax < 1) {
    throw new TypeError('entriesMax: expected a whole number from 1')
  }
  // In the order of their writing, which is the order of their end but for the lifetimes.
  const entries = new Map<string, SealedEntry>()
  const deleteWhere = (isMeant: (entry: SealedEntry) => boolean) => {
    for (const [key, entry] of entries) if (isMeant(entry)) entries.delete(key)
  }
  return {
    get: async (address) => {
      const entry = entries.get(address.entryHash)
      return entry !== undefined && entry.expiresAtMs > now() ? entry.sealed : undefined
    },
    put: async (entry) => {
      entries.delete(entry.entryHash)
      entries.set(entry.entryHash, entry)
      if (entries.size <= entriesMax) return
      const [oldest = ''] = entries.keys()
      entries.delete(oldest)
    },
    deleteIdentity: async (hash) => deleteWhere(({ identityHash }) => identityHash === hash),
    deleteToken: async (hash) => deleteWhere(({ tokenHash }) => tokenHash === hash),
    clear: async () => entries.clear(),
  }
}

/** The part of a Redis client that is needed. That of `@redis/client` (and `redis`) is one. */
export interface RedisPort {
  hGet(key: string, field: string): Promise<string | null | undefined>
  get(key: string): Promise<string | null | undefined>
  del(keys: string | string[]): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  scanIterator(options: { MATCH: string; COUNT: number }): AsyncIterable<string | string[]>
}

// One step, so that no entry is left without an end. The keys of an identity live as long as the
// last of its tokens.
const putScript = `
redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
if redis.call('pexpiretime', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('pexpireat', KEYS[1], ARGV[3])
end
redis.call('set', KEYS[2], KEYS[1] .. ' ' .. ARGV[1], 'pxat', ARGV[3])
return 1`

const dropScript = `
local place = redis.call('get', KEYS[1])
if not place then return 0 end
local key, field = string.match(place, '^(%S+) (%S+)$')
redis.call('hdel', key, field)
redis.call('del', KEYS[1])
return 1`

const scanCount = 500

/**
 * Sealed tokens in Redis from version 7. Entries end by themselves with their tokens.
 *
 * @param options.prefix - of all keys, default `parley:token:`. In a cluster it has to hold a hash
 * tag, `{parley}:`, so that all keys lie together.
 */
export function redisStore(options: {
  readonly client: RedisPort
  readonly prefix?: string
}): SealedStore {
  const { client, prefix = 'parley:token:' } = options
  const identityKey = (hash: string) => `${prefix}i:${hash}`
  const tokenKey = (hash: string) => `${prefix}t:${hash}`
  return {
    get: async ({ identityHash, entryHash }) =>
      (await client.hGet(identityKey(identityHash), entryHash)) ?? undefined,
    put: async ({ identityHash, entryHash, tokenHash, sealed, expiresAtMs }) => {
      await client.eval(putScript, {
        keys: [identityKey(identityHash), tokenKey(tokenHash)],
        arguments: [entryHash, sealed, String(expiresAtMs)],
      })
    },
    deleteIdentity: async (hash) => {
      await client.del(identityKey(hash))
    },
    deleteToken: async (hash) => {
      await client.eval(dropScript, { keys: [tokenKey(hash)], arguments: [] })
    },
    clear: async () => {
      for await (const found of client.scanIterator({ MATCH: `${prefix}*`, COUNT: scanCount })) {
        const keys = [found].flat()
        if (keys.length > 0) await client.del(keys)
      }
    },
  }
}

/** Sealed tokens in the app's database, in `parley_token` of the migration. */
export interface SqlStore extends SealedStore {
  /** Removes entries whose tokens have expired; call it now and then. */
  removeExpired(nowMs: number): Promise<number>
}

/** Sealed tokens in the app's database. */
export function sqlStore<Tables>(options: {
  readonly db: Kysely<Tables>
  readonly dialect: Dialect
}): SqlStore {
  const db = asParleyTables(options.db)
  return {
    get: async ({ identityHash, entryHash }) => {
      const row = await db
        .selectFrom('parley_token')
        .select('sealed')
        .where('identity_hash', '=', identityHash)
        .where('entry_hash', '=', entryHash)
        .executeTakeFirst()
      return row?.sealed
    },
    put: async (entry) => {
      const { sealed } = entry
      const changing = { token_hash: entry.tokenHash, sealed, expires_at_ms: entry.expiresAtMs }
      const insert = db.insertInto('parley_token').values({
        identity_hash: entry.identityHash,
        entry_hash: entry.entryHash,
        ...changing,
      })
      const upsert =
        options.dialect === 'mysql'
          ? insert.onDuplicateKeyUpdate(changing)
          : insert.onConflict((conflict) =>
              conflict.columns(['identity_hash', 'entry_hash']).doUpdateSet(changing),
            )
      await upsert.execute()
    },
    deleteIdentity: async (hash) => {
      await db.deleteFrom('parley_token').where('identity_hash', '=', hash).execute()
    },
    deleteToken: async (hash) => {
      await db.deleteFrom('parley_token').where('token_hash', '=', hash).execute()
    },
    clear: async () => {
      await db.deleteFrom('parley_token').execute()
    },
    removeExpired: async (nowMs) => {
      const query = db.deleteFrom('parley_token').where('expires_at_ms', '<=', nowMs)
      return Number((await query.executeTakeFirst()).numDeletedRows)
    },
  }
}
