/** Breaks a rule in a built module while it is loaded; see `mutations.ts`. */
import type { InitializeHook, LoadHook } from 'node:module'
import type { Mutation } from './mutations.ts'

let broken: Mutation | undefined

/** Takes what is to be broken. */
export const initialize: InitializeHook<Mutation> = (mutation) => {
  broken = mutation
}

/** Replaces text in the one module that is meant. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  if (broken === undefined || !url.endsWith(`/server/dist/${broken.module}.js`)) return loaded
  const source = String(loaded.source)
  const parts = source.split(broken.find)
  if (parts.length !== 2) throw new Error(`${broken.rule}: stands ${parts.length - 1} times`)
  return { ...loaded, source: parts.join(broken.replace) }
}
