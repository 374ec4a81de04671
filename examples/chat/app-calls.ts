/** Calls the app's own server. */
export async function callApp<Answer>(
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Answer }> {
  const response = await fetch(path, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json' },
  })
  return { status: response.status, body: (await response.json()) as Answer }
}

/**
 * Whether this browser can reach the service at all. It cannot while it does not trust the
 * certificate for development, and no page is told why: `fetch` fails as if nobody were there.
 */
export async function canReach(endpoint: string): Promise<boolean> {
  try {
    await fetch(`${endpoint}/.well-known/jwks.json`, { mode: 'no-cors', cache: 'no-store' })
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
