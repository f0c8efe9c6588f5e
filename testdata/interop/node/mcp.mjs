// The official client of the Model Context Protocol, as an agent that knows the URL of an MCP server and nothing else: the
// server's challenge leads it to the server's metadata, these to Countersign, and its providers get the token.

import {
  Client, ClientCredentialsProvider, DpopSession, OAuthError, PrivateKeyJwtProvider, StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import * as jose from 'jose'
import { api, fapiAPI, fapiIssuer, fetchWith, file, issuer, jwtBearer, library, privateKey, refused, tokenEndpoint } from './common.mjs'

const name = library('@modelcontextprotocol/client')
const secret = file('plain.secret')

// bare takes from our metadata the one field that the library insists on, and that is there for its sake alone
// (metadata: {mcp_clients: true}).
const bare = async (url, options) => {
  const answer = await fetch(url, options)
  if (!answer.ok || !new URL(url).pathname.startsWith('/.well-known/oauth-authorization-server')) return answer
  const { authorization_endpoint, ...others } = await answer.json()
  return Response.json(others)
}

// ask connects to the MCP server with what gets tokens, calls its tool, and checks on whose behalf it was called.
export async function ask(authProvider, subject, { server = api, fetch } = {}) {
  const client = new Client({ name: 'agent', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server}/mcp`), { authProvider, fetch }))
  try {
    const { structuredContent: said } = await client.callTool({ name: 'stock' })
    if (said?.sub !== subject) throw new Error(`the tool says ${JSON.stringify(said)}; want it for ${subject}`)
    return said
  } finally {
    await client.close()
  }
}

const basic = (options) => new ClientCredentialsProvider({ clientId: 'mcp-basic', clientSecret: secret, expectedIssuer: issuer, ...options })

const keyed = (key, algorithm, options) => new PrivateKeyJwtProvider({
  clientId: 'mcp-key', privateKey: file(`${key}.pem`), algorithm, expectedIssuer: issuer, ...options,
})

// Post is a client that is registered with its password in the form. The library takes what the registration says, where
// it says something.
class Post extends ClientCredentialsProvider {
  clientInformation() {
    return { ...super.clientInformation(), token_endpoint_auth_method: 'client_secret_post' }
  }
}

// Workload is an agent that nobody has registered: what its platform says of it is the grant, and stands alone. The library
// has no provider for it yet; this is all that one needs.
class Workload extends ClientCredentialsProvider {
  constructor(assertion) {
    super({ clientId: 'nobody', clientSecret: 'none', expectedIssuer: issuer })
    this.assertion = assertion
  }

  addClientAuthentication() {}

  async prepareTokenRequest(scope) {
    return new URLSearchParams({ grant_type: jwtBearer, assertion: await this.assertion(), ...scope && { scope } })
  }
}

// workload is what a platform says of one of its workloads, as the draft for MCP wants it: aud is the token endpoint.
const workload = (key) => async () => new jose.SignJWT({})
  .setProtectedHeader({ alg: 'ES256', typ: 'JWT' }).setIssuer('https://workloads.interop.example')
  .setSubject('spiffe://interop.example/ns/default/sa/router').setAudience(tokenEndpoint)
  .setIssuedAt().setExpirationTime('5m').setJti(crypto.randomUUID()).sign(await privateKey(key, 'ES256'))

// withDPoP lets a provider ask for tokens that are bound to a key of its own.
function withDPoP(provider) {
  const session = DpopSession.create()
  provider.dpop = () => session
  return provider
}

export const isRefusal = (code) => (error) => error instanceof OAuthError && error.code === code

export const mcp = [
  ['ClientCredentialsProvider, client_secret_basic', () => ask(basic(), 'mcp-basic')],
  ['ClientCredentialsProvider, client_secret_post', () =>
    ask(new Post({ clientId: 'mcp-post', clientSecret: secret, expectedIssuer: issuer }), 'mcp-post')],
  ['ClientCredentialsProvider, one token for two connections', async () => {
    const provider = basic()
    const first = await ask(provider, 'mcp-basic')
    const second = await ask(provider, 'mcp-basic')
    if (first.jti !== second.jti) throw new Error('it has got another token')
  }],
  ...['ES256', 'ES384', 'ES512', 'RS256', 'PS256'].map((algorithm) =>
    [`PrivateKeyJwtProvider, ${algorithm}`, () => ask(keyed(algorithm.toLowerCase(), algorithm), 'mcp-key')]),
  ['PrivateKeyJwtProvider, EdDSA, from a JWK', () =>
    ask(keyed('eddsa', 'EdDSA', { privateKey: JSON.parse(file('eddsa.jwk.json')) }), 'mcp-key')],
  ['a workload that is not registered', () => ask(new Workload(workload('es256')), 'spiffe://interop.example/ns/default/sa/router')],
  ['PrivateKeyJwtProvider with DPoP', () => ask(withDPoP(keyed('es256', 'ES256', { clientId: 'dpop-key' })), 'dpop-key')],
  ['PrivateKeyJwtProvider with DPoP and nonces, as FAPI 2.0 asks', () => {
    const provider = withDPoP(keyed('es256', 'ES256', { clientId: 'fapi-dpop', expectedIssuer: fapiIssuer }))
    return ask(provider, 'fapi-dpop', { server: fapiAPI, fetch: fetchWith() })
  }],

  // This fails as soon as the library reads metadata without an authorization endpoint, and then nobody needs mcp_clients.
  ['without an authorization endpoint it does not read our metadata', () =>
    refused(() => ask(basic(), 'mcp-basic', { fetch: bare }), (error) =>
      error.name === 'ZodError' && error.issues.length === 1 && error.issues[0].path[0] === 'authorization_endpoint')],
  ['a wrong secret is invalid_client', () =>
    refused(() => ask(basic({ clientSecret: 'wrong' }), 'mcp-basic'), isRefusal('invalid_client'))],
  ['a key that is not registered is invalid_client', () =>
    refused(() => ask(keyed('stranger-es256', 'ES256'), 'mcp-key'), isRefusal('invalid_client'))],
  ['a workload of another platform is invalid_grant', () =>
    refused(() => ask(new Workload(workload('stranger-es256')), ''), isRefusal('invalid_grant'))],
  ['a client that may only write is invalid_scope', () =>
    refused(() => ask(basic({ clientId: 'mcp-writer' }), 'mcp-writer'), isRefusal('invalid_scope'))],
  ['an authorization server that the client does not expect', () =>
    refused(() => ask(basic({ expectedIssuer: 'https://elsewhere.example' }), 'mcp-basic'), (error) =>
      error.name === 'AuthorizationServerMismatchError')],
].map(([flow, attempt]) => [name, flow, attempt])
