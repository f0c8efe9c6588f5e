// What the flows share: where everything is, as the runner says (see system.environment there), and how they end.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as jose from 'jose'
import * as undici from 'undici'

export const issuer = process.env.INTEROP_ISSUER
export const tokenEndpoint = `${issuer}/token`
export const api = process.env.INTEROP_API
export const awkwardClient = process.env.INTEROP_AWKWARD_CLIENT
export const fapiIssuer = process.env.INTEROP_FAPI_ISSUER
export const fapiTokenEndpoint = `${fapiIssuer}/token`
export const fapiAPI = process.env.INTEROP_FAPI_API
export const read = 'stock.read'
export const write = 'stock.write'
export const clientAssertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

export const file = (name) => readFileSync(join(process.env.INTEROP_KEYS, ...name.split('/')), 'utf8')

// certificate returns, as Node.js takes them, the CA of the servers over TLS, and the certificate of this name with its key.
export const certificate = (name) => ({
  ca: readFileSync(process.env.INTEROP_FAPI_CA, 'utf8'),
  ...name && { cert: file(`${name}.crt.pem`), key: file(`${name}.pem`) },
})

// fetchWith returns a fetch that shows this certificate to a server that asks for one; none: it has none. Node's own takes
// neither a CA nor a certificate.
export function fetchWith(name) {
  const dispatcher = new undici.Agent({ connect: certificate(name) })
  return (url, options) => undici.fetch(url, { ...options, dispatcher })
}

// privateKey reads a private key with jose.
export const privateKey = (name, algorithm) => jose.importPKCS8(file(`${name}.pem`), algorithm)

// library returns the name of a package with its version.
export function library(name) {
  const manifest = createRequire(import.meta.url).resolve.paths(name)
    .map((folder) => join(folder, name, 'package.json'))
    .map((path) => { try { return JSON.parse(readFileSync(path, 'utf8')) } catch { return undefined } })
    .find((found) => found)
  return `${name} ${manifest.version}`
}

// checkCall checks the answer of the protected API: on whose behalf was it called.
export function checkCall(status, greeting, subject) {
  if (status !== 200 || greeting.sub !== subject) {
    throw new Error(`the API says ${status} ${JSON.stringify(greeting)}; want 200 for ${subject}`)
  }
}

// call calls the protected API with a token.
export async function call(token, method, subject) {
  const answer = await fetch(`${api}/`, { method, headers: { authorization: `Bearer ${token}` } })
  checkCall(answer.status, await answer.json(), subject)
}

// refused turns the error that must not be missing into success.
export async function refused(attempt, isRight) {
  let error
  try {
    await attempt()
  } catch (thrown) {
    error = thrown
  }
  if (!error) throw new Error('it has got a token')
  if (!await isRight(error)) throw new Error('it fails in another way than it should', { cause: error })
}
