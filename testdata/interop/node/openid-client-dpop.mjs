// openid-client binds its tokens to a key (DPoP, RFC 9449), with a server that wants nonces and with one that does not.

import * as client from 'openid-client'
import * as jose from 'jose'
import {
  api, checkCall, fapiAPI, fapiIssuer, fetchWith, file, issuer, jwtBearer, library, privateKey, read, refused, write,
} from './common.mjs'

const name = library('openid-client')

// The two services: fetch is what reaches the one over TLS.
const plain = { issuer, api, client: 'dpop-key', execute: [client.allowInsecureRequests] }
const fapi = { issuer: fapiIssuer, api: fapiAPI, client: 'fapi-dpop', fetch: fetchWith() }

const configured = (at, authentication, id = at.client) => client.discovery(new URL(at.issuer), id, undefined, authentication,
  { algorithm: 'oauth2', execute: at.execute, ...at.fetch && { [client.customFetch]: at.fetch } })

const keyed = async (at, id, key = 'es256', algorithm = 'ES256') =>
  configured(at, client.PrivateKeyJwt(await privateKey(key, algorithm)), id)

const prover = async (config, algorithm) => client.getDPoPHandle(config, await client.randomDPoPKeyPair(algorithm))

const call = (at, config, tokens, DPoP, method = 'GET') => client.fetchProtectedResource(
  config, tokens.access_token, new URL(`${at.api}/`), method, undefined, undefined, { DPoP })

async function works(at, config, { DPoP, subject = at.client, parameters, method } = {}) {
  DPoP ??= await prover(config)
  const tokens = await client.clientCredentialsGrant(config, parameters, { DPoP })
  if (tokens.token_type !== 'dpop') throw new Error(`token_type is ${tokens.token_type}`)
  const answer = await call(at, config, tokens, DPoP, method)
  checkCall(answer.status, await answer.json(), subject)
  return { tokens, DPoP }
}

const vouched = async (at) => new jose.SignJWT({ repository: 'acme/shop' })
  .setProtectedHeader({ alg: 'ES256' }).setIssuer('https://ci.interop.example').setSubject('job-1').setAudience(at.issuer)
  .setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(await privateKey('es256', 'ES256'))

async function vouchedFor(at, config) {
  const DPoP = await prover(config)
  const tokens = await client.genericGrantRequest(config, jwtBearer, { assertion: await vouched(at), scope: read }, { DPoP })
  const answer = await call(at, config, tokens, DPoP)
  checkCall(answer.status, await answer.json(), 'repo:acme/shop')
}

// counting counts the requests to the token endpoint.
function counting(at) {
  const counted = { posts: 0 }
  counted.at = { ...at, fetch: (url, options) => { counted.posts += options.method === 'POST'; return at.fetch(url, options) } }
  return counted
}

const isRefusal = (code, status) => (error) =>
  error instanceof client.ResponseBodyError && error.error === code && error.status === status && !!error.error_description

// isChallenge tells whether the API has refused a token with this error in its challenge for this scheme.
const isChallenge = (scheme, code) => (error) =>
  error instanceof client.WWWAuthenticateChallengeError && error.status === 401 &&
  error.cause.some((challenge) => challenge.scheme === scheme && challenge.parameters.error === code)

export const bound = [
  ...['ES256', 'PS256', 'RS256', 'Ed25519'].map((algorithm) => [`DPoP, ${algorithm}`, async () => {
    const config = await keyed(plain)
    await works(plain, config, { DPoP: await prover(config, algorithm) })
  }]),
  ['DPoP, with scope and resource asked for', async () => {
    const { tokens } = await works(plain, await keyed(plain), { parameters: { scope: write, resource: api }, method: 'POST' })
    if (tokens.scope !== write) throw new Error(`scope is ${tokens.scope}`)
  }],
  ['DPoP, with a client_secret_basic', async () => works(plain,
    await configured(plain, client.ClientSecretBasic(file('plain.secret')), 'openid-client-basic'), { subject: 'openid-client-basic' })],
  ['DPoP, jwt-bearer, an issuer vouches for a job', async () =>
    vouchedFor(plain, await configured(plain, client.None(), 'openid-client-none'))],
  ['DPoP, the token names the key by its thumbprint', async () => {
    const config = await keyed(plain)
    const pair = await client.randomDPoPKeyPair()
    const { tokens } = await works(plain, config, { DPoP: client.getDPoPHandle(config, pair) })
    const jkt = await jose.calculateJwkThumbprint(await jose.exportJWK(pair.publicKey))
    if (jose.decodeJwt(tokens.access_token).cnf.jkt !== jkt) throw new Error('cnf.jkt is not the thumbprint')
  }],
  ['DPoP is required: a request without a proof is invalid_dpop_proof', async () => {
    const config = await keyed(plain)
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_dpop_proof', 400))
  }],
  ['a stolen DPoP token is no Bearer token', async () => {
    const config = await keyed(plain)
    const { tokens } = await works(plain, config)
    await refused(() => call(plain, config, tokens), isChallenge('bearer', 'invalid_token'))
  }],
  ['a stolen DPoP token is refused with a proof by another key', async () => {
    const config = await keyed(plain)
    const { tokens } = await works(plain, config)
    await refused(async () => call(plain, config, tokens, await prover(config)), isChallenge('dpop', 'invalid_token'))
  }],

  ['FAPI 2.0, metadata', async () => {
    const found = (await keyed(fapi)).serverMetadata()
    const methods = [...found.token_endpoint_auth_methods_supported].sort()
    if (`${methods}` !== 'private_key_jwt,self_signed_tls_client_auth,tls_client_auth' ||
      !found.dpop_signing_alg_values_supported.includes('ES256') || found.dpop_signing_alg_values_supported.includes('RS256') ||
      found.tls_client_certificate_bound_access_tokens !== true) throw new Error(JSON.stringify(found))
  }],
  ...['ES256', 'PS256', 'Ed25519'].map((algorithm) => [`FAPI 2.0, DPoP with the server's nonce, ${algorithm}`, async () => {
    const config = await keyed(fapi)
    await works(fapi, config, { DPoP: await prover(config, algorithm) })
  }]),
  ['FAPI 2.0, DPoP, the nonce is asked for once and then kept', async () => {
    const counted = counting(fapi)
    const config = await keyed(counted.at)
    const { DPoP } = await works(fapi, config)
    if (counted.posts !== 2) throw new Error(`the first token took ${counted.posts} requests`)
    await works(fapi, config, { DPoP })
    if (counted.posts !== 3) throw new Error(`the second token took ${counted.posts - 2} requests`)
  }],
  ['FAPI 2.0, DPoP, a client that may be bound to a certificate as well', async () =>
    works(fapi, await keyed(fapi, 'fapi-key'), { subject: 'fapi-key' })],
  ['FAPI 2.0, DPoP, jwt-bearer with private_key_jwt', async () => vouchedFor(fapi, await keyed(fapi, 'fapi-key'))],
  ['FAPI 2.0, a proof with RS256 is invalid_dpop_proof', async () => {
    const config = await keyed(fapi)
    const DPoP = await prover(config, 'RS256')
    await refused(() => client.clientCredentialsGrant(config, undefined, { DPoP }), isRefusal('invalid_dpop_proof', 400))
  }],
  ['FAPI 2.0, a client assertion with RS256 is invalid_client', async () => {
    const config = await keyed(fapi, undefined, 'rs256', 'RS256')
    const DPoP = await prover(config)
    await refused(() => client.clientCredentialsGrant(config, undefined, { DPoP }), isRefusal('invalid_client', 401))
  }],
  ['FAPI 2.0, neither a proof nor a certificate is invalid_request', async () => {
    const config = await keyed(fapi, 'fapi-key')
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_request', 400))
  }],
  ['FAPI 2.0, a stolen DPoP token is no Bearer token', async () => {
    const config = await keyed(fapi)
    const { tokens } = await works(fapi, config)
    await refused(() => call(fapi, config, tokens), isChallenge('bearer', 'invalid_token'))
  }],
].map(([flow, attempt]) => [name, flow, attempt])
