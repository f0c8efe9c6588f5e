// jose makes the assertions, fetch sends them, and jose verifies what comes back.

import * as jose from 'jose'
import { api, call, clientAssertionType, file, issuer, library, privateKey, read, refused, tokenEndpoint } from './common.mjs'

const name = library('jose')
const id = 'jose-key'

const assertion = async (algorithm, key) => new jose.SignJWT()
  .setProtectedHeader({ alg: algorithm, typ: 'JWT' }).setIssuer(id).setSubject(id).setAudience(issuer)
  .setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(await privateKey(key, algorithm))

async function token(algorithm, key = algorithm.toLowerCase()) {
  const answer = await fetch(tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: clientAssertionType,
      client_assertion: await assertion(algorithm, key),
    }),
  })
  const body = await answer.json()
  if (answer.status !== 200) throw Object.assign(new Error(body.error_description), { code: body.error })
  return body.access_token
}

// verified takes the keys from where the server's metadata says that they are.
async function verified(text, options) {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
  const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri))
  return jose.jwtVerify(text, keys, { issuer: metadata.issuer, audience: api, typ: 'at+jwt', requiredClaims: ['client_id', 'jti'], ...options })
}

export const joseFlows = [
  ...['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'].map((algorithm) =>
    [`private_key_jwt, ${algorithm}`, async () => call(await token(algorithm), 'GET', id)]),
  ['a key that is not registered is invalid_client', () =>
    refused(() => token('ES256', 'stranger-es256'), (error) => error.code === 'invalid_client')],

  ['an access token, by metadata and JWKS', async () => {
    const { payload, protectedHeader, key } = await verified(await token('ES256'))
    if (payload.sub !== id || payload.client_id !== id || payload.scope !== read) throw new Error(JSON.stringify(payload))
    if (!protectedHeader.kid || !key) throw new Error('the token names no key')
    const published = await (await fetch(`${issuer}/.well-known/jwks.json`)).json()
    const signedWith = published.keys.find((candidate) => candidate.kid === protectedHeader.kid)
    if (await jose.calculateJwkThumbprint(signedWith) !== protectedHeader.kid) throw new Error('kid is not the thumbprint')
  }],
  ['an access token for another API is refused', () =>
    refused(async () => verified(await token('ES256'), { audience: 'https://elsewhere.example' }), (error) =>
      error instanceof jose.errors.JWTClaimValidationFailed && error.claim === 'aud')],
  ['an access token does not pass for an ID token', () =>
    refused(async () => verified(await token('ES256'), { typ: 'JWT' }), (error) =>
      error instanceof jose.errors.JWTClaimValidationFailed && error.claim === 'typ')],
  ['a client assertion does not pass for an access token', async () => {
    const presented = await assertion('ES256', 'es256')
    const answer = await fetch(`${api}/`, { headers: { authorization: `Bearer ${presented}` } })
    if (answer.status !== 401) throw new Error(`the API says ${answer.status}`)
  }],
  ['an access token with a changed signature is refused', () =>
    refused(async () => {
      const [header, payload, signature] = (await token('ES256')).split('.')
      return verified([header, payload, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.'))
    }, (error) => error instanceof jose.errors.JWSSignatureVerificationFailed)],
  ['no private key is published', async () => {
    const { keys } = await (await fetch(`${issuer}/.well-known/jwks.json`)).json()
    const owned = JSON.parse(file('all.jwks.json')).keys.map((key) => key.kid)
    if (keys.length === 0 || keys.some((key) => 'd' in key || 'k' in key || owned.includes(key.kid))) throw new Error(JSON.stringify(keys))
  }],
].map(([flow, attempt]) => [name, flow, attempt])
