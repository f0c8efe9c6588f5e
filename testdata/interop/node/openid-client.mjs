// openid-client finds the server by its metadata, authenticates in each way that it knows, and calls the API.

import * as client from 'openid-client'
import * as jose from 'jose'
import { api, awkwardClient, checkCall, file, issuer, jwtBearer, library, privateKey, read, refused, write } from './common.mjs'

const name = library('openid-client')
const secret = file('plain.secret')
const shared = file('config-state/shared.secret')

// configured finds the server by RFC 8414 (or, with algorithm oidc, as OpenID Connect Discovery has it). Plain http is
// for loopback and has to be allowed.
const configured = (id, authentication, algorithm = 'oauth2') =>
  client.discovery(new URL(issuer), id, undefined, authentication, { algorithm, execute: [client.allowInsecureRequests] })

async function callWith(config, tokens, method, subject) {
  const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(`${api}/`), method)
  checkCall(answer.status, await answer.json(), subject)
}

async function works(config, subject) {
  await callWith(config, await client.clientCredentialsGrant(config), 'GET', subject)
}

const isRefusal = (code, status) => (error) =>
  error instanceof client.ResponseBodyError && error.error === code && error.status === status && !!error.error_description

async function keyed(algorithm, key = algorithm.toLowerCase(), options) {
  const pair = await privateKey(key, algorithm)
  return configured('openid-client-key', client.PrivateKeyJwt({ key: pair, kid: JSON.parse(file(`${key}.jwk.json`)).kid }, options))
}

// vouched is what a trusted issuer says of one of its jobs, signed by jose.
const vouched = async (key) => new jose.SignJWT({ repository: 'acme/shop' })
  .setProtectedHeader({ alg: 'ES256' }).setIssuer('https://ci.interop.example').setSubject('job-1').setAudience(issuer)
  .setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(await privateKey(key, 'ES256'))

export const openidClient = [
  ['client_secret_basic', async () => works(await configured('openid-client-basic', client.ClientSecretBasic(secret)), 'openid-client-basic')],
  ['client_secret_basic, an id and a secret that need encoding', async () =>
    works(await configured(awkwardClient, client.ClientSecretBasic(file('awkward.secret'))), awkwardClient)],
  ['client_secret_basic, found by OpenID Connect Discovery', async () =>
    works(await configured('openid-client-basic', client.ClientSecretBasic(secret), 'oidc'), 'openid-client-basic')],
  ['client_secret_post', async () => works(await configured('openid-client-post', client.ClientSecretPost(secret)), 'openid-client-post')],
  ['client_secret_jwt', async () => works(await configured('openid-client-secret', client.ClientSecretJwt(shared)), 'openid-client-secret')],

  ...['ES256', 'ES384', 'ES512', 'RS256', 'PS256'].map((algorithm) =>
    [`private_key_jwt, ${algorithm}`, async () => works(await keyed(algorithm), 'openid-client-key')]),
  ['private_key_jwt, twice with one configuration', async () => {
    const config = await keyed('ES256')
    await works(config, 'openid-client-key')
    await works(config, 'openid-client-key')
  }],
  ['private_key_jwt, Ed25519 by its name of RFC 9864', async () => works(await keyed('EdDSA'), 'openid-client-key')],
  ['private_key_jwt, EdDSA, which the library has to be told to call it', async () => {
    const options = { [client.modifyAssertion]: (header) => { header.alg = 'EdDSA' } }
    await works(await keyed('EdDSA', 'eddsa', options), 'openid-client-key')
  }],

  ['scope and resource asked for', async () => {
    const config = await keyed('ES256')
    const tokens = await client.clientCredentialsGrant(config, { scope: write, resource: api })
    if (tokens.scope !== write || tokens.expiresIn() === undefined) throw new Error('the answer lacks scope or expires_in')
    await callWith(config, tokens, 'POST', 'openid-client-key')
  }],
  ['jwt-bearer, an issuer vouches for a job', async () => {
    const config = await configured('openid-client-none', client.None())
    const tokens = await client.genericGrantRequest(config, jwtBearer, { assertion: await vouched('es256'), scope: read })
    await callWith(config, tokens, 'GET', 'repo:acme/shop')
  }],
  ['jwt-bearer with private_key_jwt', async () => {
    const config = await keyed('ES256')
    const tokens = await client.genericGrantRequest(config, jwtBearer, { assertion: await vouched('es256') })
    await callWith(config, tokens, 'GET', 'repo:acme/shop')
  }],

  ['a wrong secret is invalid_client', async () => {
    // The answer has WWW-Authenticate, and the library then throws that and leaves the body alone.
    const config = await configured('openid-client-basic', client.ClientSecretBasic('wrong'))
    await refused(() => client.clientCredentialsGrant(config), async (error) =>
      error instanceof client.WWWAuthenticateChallengeError && error.status === 401 && error.cause[0].scheme === 'basic' &&
      (await error.response.json()).error === 'invalid_client')
  }],
  ['a wrong secret in the form is invalid_client', async () => {
    const config = await configured('openid-client-post', client.ClientSecretPost('wrong'))
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_client', 401))
  }],
  ['a wrong shared secret is invalid_client', async () => {
    const config = await configured('openid-client-secret', client.ClientSecretJwt('wrong'.repeat(10)))
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_client', 401))
  }],
  ['a key that is not registered is invalid_client', async () => {
    const config = await keyed('ES256', 'stranger-es256')
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_client', 401))
  }],
  ['an assertion by a key that is not registered is invalid_grant', async () => {
    const config = await configured('openid-client-none', client.None())
    const assertion = await vouched('stranger-es256')
    await refused(() => client.genericGrantRequest(config, jwtBearer, { assertion }), isRefusal('invalid_grant', 400))
  }],
  ['an unknown scope is invalid_scope', async () => {
    const config = await keyed('ES256')
    await refused(() => client.clientCredentialsGrant(config, { scope: 'stock.burn' }), isRefusal('invalid_scope', 400))
  }],
  ['the API without a token', async () => {
    const config = await keyed('ES256')
    await refused(() => client.fetchProtectedResource(config, 'no.such.token', new URL(`${api}/`), 'GET'), (error) =>
      error instanceof client.WWWAuthenticateChallengeError && error.cause[0].parameters.error === 'invalid_token')
  }],
  ['the API without the scope', async () => {
    const config = await keyed('ES256')
    const { access_token: token } = await client.clientCredentialsGrant(config, { scope: read })
    await refused(() => client.fetchProtectedResource(config, token, new URL(`${api}/`), 'POST'), (error) =>
      error instanceof client.WWWAuthenticateChallengeError && error.cause[0].parameters.error === 'insufficient_scope')
  }],
].map(([flow, attempt]) => [name, flow, attempt])
