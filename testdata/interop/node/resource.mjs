// oauth4webapi in the place of an API: it takes tokens that are bound to a key with a proof by that key, and no others.

import * as dpop from 'dpop'
import * as oauth from 'oauth4webapi'
import { api, file, issuer, library, refused } from './common.mjs'

const name = library('oauth4webapi')
const options = { [oauth.allowInsecureRequests]: true }
const here = 'https://stock.interop.example/'

const found = async () => {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' }))
}

// bound gets a token with a password, and its key.
async function bound() {
  const keys = await dpop.generateKeyPair('ES256')
  const as = await found()
  const client = { client_id: 'openid-client-basic' }
  const DPoP = oauth.DPoP(client, keys)
  const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(file('plain.secret')), {}, { ...options, DPoP })
  const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, answer)
  return { as, keys, token }
}

const request = async (token, keys, { scheme = 'DPoP', method = 'GET', url = here, of = token } = {}) => new Request(here, {
  headers: { authorization: `${scheme} ${token}`, ...keys && { dpop: await dpop.generateProof(keys, url, method, undefined, of) } },
})

const isRefusal = (error) => error instanceof oauth.OperationProcessingError || error instanceof oauth.WWWAuthenticateChallengeError

export const resource = [
  ['a DPoP token with a proof by its key', async () => {
    const { as, keys, token } = await bound()
    const claims = await oauth.validateJwtAccessToken(as, await request(token, keys), api, options)
    if (claims.sub !== 'openid-client-basic') throw new Error(JSON.stringify(claims))
  }],
  ['a DPoP token with a proof by another key is refused', async () => {
    const { as, token } = await bound()
    const stolen = await request(token, await dpop.generateKeyPair('ES256'))
    await refused(() => oauth.validateJwtAccessToken(as, stolen, api, options), isRefusal)
  }],
  ['a DPoP token as a Bearer token is refused', async () => {
    const { as, token } = await bound()
    const stolen = await request(token, undefined, { scheme: 'Bearer' })
    await refused(() => oauth.validateJwtAccessToken(as, stolen, api, options), isRefusal)
  }],
  ['a proof for another token is refused', async () => {
    const { as, keys, token } = await bound()
    const other = await request(token, keys, { of: (await bound()).token })
    await refused(() => oauth.validateJwtAccessToken(as, other, api, options), isRefusal)
  }],
].map(([flow, attempt]) => [name, flow, attempt])
