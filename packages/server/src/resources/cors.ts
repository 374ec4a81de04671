/**
 * From which web pages the browsers of people may read what a resource answers.
 *
 * A page of an origin that is not allowed can still send some requests; it never sees the answer,
 * and what needs a header of its own, as every credential here does, is not even sent. So origins
 * are no lock: credentials are, and none of ours is one that a browser adds by itself. That is why
 * `*` is a safe default for what is called with access tokens, which were handed to the page, and
 * why it is none for what is called with access keys: a key in a page is a mistake, and a server
 * that lets the browser go on hides it.
 *
 * @source Fetch standard, section 3.2 (CORS protocol); docs/decisions/0025-rates-and-origins.md
 */

/** What the owner of a resource has set; absent: as the server is set. */
export interface CorsRules {
  /** Origins of pages that call with access tokens; `*` alone is every origin. */
  readonly userOrigins: readonly string[] | undefined
  /** Origins of pages that call as the owner of the resource. */
  readonly ownerOrigins: readonly string[] | undefined
}

/** What counts where the owner has set nothing. */
export interface CorsDefaults {
  readonly userOrigins: readonly string[]
  readonly ownerOrigins: readonly string[]
}
