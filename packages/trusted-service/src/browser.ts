/**
 * What a bundler for browsers finds under the name of this package: an error, at once.
 *
 * The package holds the connection string's client, the keys of the cache and the app's database.
 * In a browser it would have to have them, too; so the mistake is refused before anything ships.
 */
throw new Error(
  '@parley/trusted-service was imported for a browser. It holds secrets and belongs on your ' +
    'server only; in the browser import @parley/trusted-service/client.',
)

/** There are no exports; this makes the file a module. */
export type Nothing = never
