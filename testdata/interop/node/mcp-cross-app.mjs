// The official client of the Model Context Protocol and cross-app access: a company's identity provider says in an identity
// assertion (ID-JAG) what an agent may do for one of its users. Countersign takes such assertions, and issues them.

import { CrossAppAccessProvider, requestJwtAuthorizationGrant } from '@modelcontextprotocol/client'
import * as jose from 'jose'
import { ask, isRefusal } from './mcp.mjs'
import { api, file, issuer, library, privateKey, refused, tokenEndpoint } from './common.mjs'

const name = library('@modelcontextprotocol/client')
const secret = file('plain.secret')
const user = 'jo@interop.example'

const signed = async (claims, { typ, iss, sub, aud, key = 'es256' }) => new jose.SignJWT(claims)
  .setProtectedHeader({ alg: 'ES256', typ }).setIssuer(iss).setSubject(sub).setAudience(aud)
  .setIssuedAt().setExpirationTime('5m').setJti(crypto.randomUUID()).sign(await privateKey(key, 'ES256'))

// assertion is what the identity provider of a company answers when the provider asks for this server, this resource and
// this scope.
const assertion = (change = {}, header = {}) => async ({ authorizationServerUrl, resourceUrl, scope }) =>
  signed({ client_id: 'mcp-cross-basic', email: user, resource: resourceUrl, scope, ...change },
    { typ: 'oauth-id-jag+jwt', iss: 'https://idp.interop.example', sub: 'U019488227', aud: authorizationServerUrl, ...header })

const crossing = (of) =>
  new CrossAppAccessProvider({ assertion: of, clientId: 'mcp-cross-basic', clientSecret: secret, expectedIssuer: issuer })

const denied = (of, code) => () => refused(() => ask(crossing(of), user), isRefusal(code))

// wanted asks for an identity assertion for the tools of somebody else, in exchange for the ID token of a user.
async function wanted(change = {}) {
  const idToken = await signed({}, { typ: 'JWT', iss: 'https://login.interop.example', sub: 'jo', aud: 'mcp-assistant' })
  return requestJwtAuthorizationGrant({
    tokenEndpoint, audience: 'https://auth.chat.example', resource: 'https://mcp.chat.example/', idToken,
    clientId: 'mcp-assistant', clientSecret: secret, scope: 'chat.read', ...change,
  })
}

export const crossApp = [
  ['CrossAppAccessProvider', () => ask(crossing(assertion()), user)],
  ['CrossAppAccessProvider, an assertion for another client is invalid_grant',
    denied(assertion({ client_id: 'mcp-cross-post' }), 'invalid_grant')],
  ['CrossAppAccessProvider, an assertion of another type is invalid_grant', denied(assertion({}, { typ: 'JWT' }), 'invalid_grant')],
  ['CrossAppAccessProvider, an assertion for another server is invalid_grant',
    denied(assertion({}, { aud: 'https://elsewhere.example' }), 'invalid_grant')],
  ['CrossAppAccessProvider, a key that is not registered is invalid_grant', denied(assertion({}, { key: 'stranger-es256' }), 'invalid_grant')],
  ['requestJwtAuthorizationGrant', async () => {
    const { jwtAuthGrant } = await wanted()
    const { payload, protectedHeader } = await jose.jwtVerify(jwtAuthGrant, jose.createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`)),
      { issuer, audience: 'https://auth.chat.example', typ: 'oauth-id-jag+jwt' })
    if (payload.client_id !== 'f53f191f9311af35' || payload.resource !== 'https://mcp.chat.example/' || payload.scope !== 'chat.read') {
      throw new Error(JSON.stringify({ protectedHeader, payload }))
    }
  }],
  ['requestJwtAuthorizationGrant, a scope that is not for asking', () =>
    refused(() => wanted({ scope: 'chat.admin' }), (error) => error.message.startsWith('Token exchange failed: invalid_scope'))],
  ['requestJwtAuthorizationGrant, another server', () =>
    refused(() => wanted({ audience: 'https://elsewhere.example' }), (error) => error.message.startsWith('Token exchange failed: invalid_target'))],
].map(([flow, attempt]) => [name, flow, attempt])
