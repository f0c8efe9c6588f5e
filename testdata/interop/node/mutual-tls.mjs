// Mutual TLS (RFC 8705): openid-client with undici, which has the certificate, and node:https by itself.

import * as https from 'node:https'
import * as client from 'openid-client'
import * as jose from 'jose'
import { X509Certificate, createHash } from 'node:crypto'
import {
  certificate, checkCall, fapiAPI, fapiIssuer, fapiTokenEndpoint, fetchWith, file, library, privateKey, refused,
} from './common.mjs'

const url = new URL(`${fapiAPI}/`)

// configured is a client that shows this certificate; none: it has none.
const configured = async (id, shown, authentication = client.TlsClientAuth()) =>
  client.discovery(new URL(fapiIssuer), id, undefined, authentication, { algorithm: 'oauth2', [client.customFetch]: fetchWith(shown) })

const keyed = async (id, shown) => configured(id, shown, client.PrivateKeyJwt(await privateKey('es256', 'ES256')))

const thumbprint = (name) => createHash('sha256').update(new X509Certificate(file(`${name}.crt.pem`)).raw).digest('base64url')

// works gets a token that is bound to this certificate, and uses it.
async function works(config, subject, shown) {
  const tokens = await client.clientCredentialsGrant(config)
  const { cnf } = jose.decodeJwt(tokens.access_token)
  if (tokens.token_type !== 'bearer' || cnf['x5t#S256'] !== thumbprint(shown)) throw new Error(`${tokens.token_type} ${JSON.stringify(cnf)}`)
  const answer = await client.fetchProtectedResource(config, tokens.access_token, url, 'GET')
  checkCall(answer.status, await answer.json(), subject)
  return tokens
}

// stolen calls the API with a token of somebody else, with this certificate or none.
async function stolen(shown) {
  const { access_token: text } = await works(await configured('fapi-subject', 'tls-pki'), 'fapi-subject', 'tls-pki')
  const answer = await fetchWith(shown)(url, { headers: { authorization: `Bearer ${text}` } })
  if (answer.status !== 401 || !answer.headers.get('www-authenticate').includes('error="invalid_token"')) throw new Error(`${answer.status}`)
}

const isRefusal = (code, status) => (error) =>
  error instanceof client.ResponseBodyError && error.error === code && error.status === status && !!error.error_description

const refusedFor = (id, shown) => async () => {
  const config = await configured(id, shown)
  await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_client', 401))
}

const withOpenID = [
  ['tls_client_auth, by the subject', async () => works(await configured('fapi-subject', 'tls-pki'), 'fapi-subject', 'tls-pki')],
  ['tls_client_auth, by a DNS name', async () => works(await configured('fapi-dns', 'tls-pki'), 'fapi-dns', 'tls-pki')],
  ['self_signed_tls_client_auth', async () => works(await configured('fapi-self', 'tls-self'), 'fapi-self', 'tls-self')],
  ['private_key_jwt, and the token is bound to the certificate', async () =>
    works(await keyed('fapi-mtls', 'tls-other'), 'fapi-mtls', 'tls-other')],
  ['private_key_jwt, with a certificate that nobody has registered', async () =>
    works(await keyed('fapi-key', 'tls-nobody'), 'fapi-key', 'tls-nobody')],
  ['tls_client_auth with DPoP, and the token is bound to the key', async () => {
    const config = await configured('fapi-subject', 'tls-pki')
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair())
    const tokens = await client.clientCredentialsGrant(config, undefined, { DPoP })
    if (tokens.token_type !== 'dpop' || !jose.decodeJwt(tokens.access_token).cnf.jkt) throw new Error(tokens.access_token)
    const answer = await client.fetchProtectedResource(config, tokens.access_token, url, 'GET', undefined, undefined, { DPoP })
    checkCall(answer.status, await answer.json(), 'fapi-subject')
  }],
  ['no certificate is invalid_client', refusedFor('fapi-subject')],
  ['the certificate of somebody else is invalid_client', refusedFor('fapi-subject', 'tls-other')],
  ['a certificate with the right subject by another CA is invalid_client', refusedFor('fapi-subject', 'tls-stranger')],
  ['a certificate with another DNS name is invalid_client', refusedFor('fapi-dns', 'tls-other')],
  ['self-signed, no certificate is invalid_client', refusedFor('fapi-self')],
  ['self-signed, with a key that is not registered is invalid_client', refusedFor('fapi-self', 'tls-nobody')],
  ['private_key_jwt, mutual TLS is required: no certificate is invalid_request', async () => {
    const config = await keyed('fapi-mtls')
    await refused(() => client.clientCredentialsGrant(config), isRefusal('invalid_request', 400))
  }],
  ['a certificate is no authentication for a client with private_key_jwt', refusedFor('fapi-key', 'tls-pki')],
  ['a stolen token is refused at the API without a certificate', () => stolen()],
  ['a stolen token is refused at the API with another certificate', () => stolen('tls-other')],
].map(([flow, attempt]) => [`${library('openid-client')}, ${library('undici')}`, flow, attempt])

// request sends a request with an agent of node:https.
const request = (agent, to, { method = 'GET', headers, body } = {}) => new Promise((resolve, reject) => {
  const sent = https.request(to, { agent, method, headers }, (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (part) => { text += part }).on('end', () => resolve({ status: answer.statusCode, text }))
  })
  sent.on('error', reject).end(body)
})

const ask = (agent, id) => request(agent, fapiTokenEndpoint, {
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams({ grant_type: 'client_credentials', client_id: id }).toString(),
})

const withAgent = [
  ['tls_client_auth, by an agent', async () => {
    const agent = new https.Agent({ ...certificate('tls-pki'), keepAlive: true })
    try {
      const { status, text } = await ask(agent, 'fapi-subject')
      if (status !== 200) throw new Error(text)
      const answer = await request(agent, url, { headers: { authorization: `Bearer ${JSON.parse(text).access_token}` } })
      checkCall(answer.status, JSON.parse(answer.text), 'fapi-subject')
    } finally {
      agent.destroy()
    }
  }],
  ['tls_client_auth, TLS 1.2', async () => {
    const { status, text } = await ask(new https.Agent({ ...certificate('tls-pki'), maxVersion: 'TLSv1.2' }), 'fapi-subject')
    if (status !== 200) throw new Error(text)
  }],
  ['no certificate is invalid_client', async () => {
    const { status, text } = await ask(new https.Agent(certificate()), 'fapi-subject')
    if (status !== 401 || JSON.parse(text).error !== 'invalid_client') throw new Error(`${status} ${text}`)
  }],
  ['a Client-Cert header of one\'s own is no certificate', async () => {
    const forged = file('tls-pki.crt.pem').replace(/-----[^-]+-----|\s/g, '')
    const { status, text } = await request(new https.Agent(certificate()), fapiTokenEndpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'client-cert': `:${forged}:`, 'x-proxy-authorization': 'guessed' },
      body: 'grant_type=client_credentials&client_id=fapi-subject',
    })
    if (status !== 401 || JSON.parse(text).error !== 'invalid_client') throw new Error(`${status} ${text}`)
  }],
].map(([flow, attempt]) => [`node:https ${process.versions.node}`, flow, attempt])

export const mutualTLS = [...withOpenID, ...withAgent]
