// The package dpop makes single proofs, and jose those that no library makes; fetch sends them.

import * as dpop from 'dpop'
import * as jose from 'jose'
import {
  api, checkCall, clientAssertionType, fapiAPI, fapiIssuer, fapiTokenEndpoint, fetchWith, issuer, library, privateKey, tokenEndpoint,
} from './common.mjs'

const plain = { issuer, tokenEndpoint, api: `${api}/`, client: 'dpop-key', fetch }
const fapi = { issuer: fapiIssuer, tokenEndpoint: fapiTokenEndpoint, api: `${fapiAPI}/`, client: 'fapi-dpop', fetch: fetchWith() }

const assertion = async (at) => new jose.SignJWT()
  .setProtectedHeader({ alg: 'ES256' }).setIssuer(at.client).setSubject(at.client).setAudience(at.issuer)
  .setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(await privateKey('es256', 'ES256'))

const post = async (at, proof) => at.fetch(at.tokenEndpoint, {
  method: 'POST',
  headers: { dpop: proof },
  body: new URLSearchParams({
    grant_type: 'client_credentials', client_assertion_type: clientAssertionType, client_assertion: await assertion(at),
  }),
})

const get = (at, token, proof) => at.fetch(at.api, { headers: { authorization: `DPoP ${token}`, ...proof && { dpop: proof } } })

async function token(at, keys, nonce) {
  const answer = await post(at, await dpop.generateProof(keys, at.tokenEndpoint, 'POST', nonce))
  const body = await answer.json()
  if (answer.status !== 200 || body.token_type !== 'DPoP') throw new Error(`${answer.status} ${JSON.stringify(body)}`)
  return body.access_token
}

// nonceOf asks for a nonce by leaving it out.
async function nonceOf(at, keys) {
  const answer = await post(at, await dpop.generateProof(keys, at.tokenEndpoint, 'POST'))
  await isError(answer, 'use_dpop_nonce')
  return answer.headers.get('dpop-nonce')
}

async function isError(answer, code) {
  const body = await answer.json()
  if (answer.status !== 400 || body.error !== code || !body.error_description) throw new Error(`${answer.status} ${JSON.stringify(body)}`)
}

async function isChallenge(answer, code) {
  const challenge = answer.headers.get('www-authenticate') ?? ''
  if (answer.status !== 401 || !challenge.includes(`error="${code}"`)) throw new Error(`${answer.status} ${challenge} ${await answer.text()}`)
}

const generated = () => dpop.generateKeyPair('ES256')

// Proofs of the package that are refused: [what is wrong with it, what generateProof is told].
const wrong = [
  ['for another URL', `${issuer}/other`, 'POST'],
  ['for another server', 'https://auth.interop.example/token', 'POST'],
  ['for another method', tokenEndpoint, 'GET'],
  ['with htm in lower case', tokenEndpoint, 'post'],
]

const withDPoP = [
  ['a proof at the token endpoint, and one at the API', async () => {
    const keys = await generated()
    const text = await token(plain, keys)
    const answer = await get(plain, text, await dpop.generateProof(keys, plain.api, 'GET', undefined, text))
    checkCall(answer.status, await answer.json(), plain.client)
  }],
  ['FAPI 2.0, a proof with the nonce of an answer', async () => {
    const keys = await generated()
    const text = await token(fapi, keys, await nonceOf(fapi, keys))
    const answer = await get(fapi, text, await dpop.generateProof(keys, fapi.api, 'GET', undefined, text))
    checkCall(answer.status, await answer.json(), fapi.client)
  }],
  ['FAPI 2.0, a nonce that the server has not made is use_dpop_nonce, and the answer brings one', async () => {
    const keys = await generated()
    const answer = await post(fapi, await dpop.generateProof(keys, fapi.tokenEndpoint, 'POST', 'made-up'))
    await isError(answer, 'use_dpop_nonce')
    await token(fapi, keys, answer.headers.get('dpop-nonce'))
  }],
  ['a proof used twice is invalid_dpop_proof', async () => {
    const proof = await dpop.generateProof(await generated(), tokenEndpoint, 'POST')
    const first = await post(plain, proof)
    if (first.status !== 200) throw new Error(await first.text())
    await isError(await post(plain, proof), 'invalid_dpop_proof')
  }],
  ['a proof used twice at the API is invalid_dpop_proof', async () => {
    const keys = await generated()
    const text = await token(plain, keys)
    const proof = await dpop.generateProof(keys, plain.api, 'GET', undefined, text)
    const first = await get(plain, text, proof)
    checkCall(first.status, await first.json(), plain.client)
    await isChallenge(await get(plain, text, proof), 'invalid_dpop_proof')
  }],
  ...wrong.map(([what, url, method]) => [`a proof ${what} is invalid_dpop_proof`, async () =>
    isError(await post(plain, await dpop.generateProof(await generated(), url, method)), 'invalid_dpop_proof')]),
  ['a proof for another token is refused at the API', async () => {
    const keys = await generated()
    const [text, other] = [await token(plain, keys), await token(plain, keys)]
    await isChallenge(await get(plain, text, await dpop.generateProof(keys, plain.api, 'GET', undefined, other)), 'invalid_dpop_proof')
  }],
  ['a proof without ath is refused at the API', async () => {
    const keys = await generated()
    await isChallenge(await get(plain, await token(plain, keys), await dpop.generateProof(keys, plain.api, 'GET')), 'invalid_dpop_proof')
  }],
].map(([flow, attempt]) => [library('dpop'), flow, attempt])

// made makes a proof with jose. change changes its header and its claims, and may return another key to sign with.
async function made(change) {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: await jose.exportJWK(publicKey) }
  const claims = { htm: 'POST', htu: tokenEndpoint, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID() }
  const key = await change?.(header, claims, privateKey) ?? privateKey
  return new jose.SignJWT(claims).setProtectedHeader(header).sign(key)
}

// Proofs of jose that are refused: [what is wrong with it, what makes it so].
const malformed = [
  ['with its private key', async (header, claims, key) => { header.jwk = await jose.exportJWK(key) }],
  ['without its key', (header) => { delete header.jwk }],
  ['signed by another key', async () => (await jose.generateKeyPair('ES256')).privateKey],
  ['with a shared secret', (header) => { Object.assign(header, { alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } }); return new Uint8Array(32) }],
  ['with typ JWT', (header) => { header.typ = 'JWT' }],
  ['without jti', (header, claims) => { delete claims.jti }],
  ['of five minutes ago', (header, claims) => { claims.iat -= 300 }],
  ['of in five minutes', (header, claims) => { claims.iat += 300 }],
]

const withJose = [
  ['a proof', async () => {
    const answer = await post(plain, await made())
    if (answer.status !== 200 || (await answer.json()).token_type !== 'DPoP') throw new Error(`${answer.status}`)
  }],
  ['a proof with a query and a fragment in htu', async () => {
    const answer = await post(plain, await made((header, claims) => { claims.htu += '?a=b#c' }))
    if (answer.status !== 200) throw new Error(await answer.text())
  }],
  ...malformed.map(([what, change]) => [`a proof ${what} is invalid_dpop_proof`, async () =>
    isError(await post(plain, await made(change)), 'invalid_dpop_proof')]),
  ['two proofs in one request are refused', async () =>
    isError(await post(plain, `${await made()}, ${await made()}`), 'invalid_dpop_proof')],
].map(([flow, attempt]) => [library('jose'), flow, attempt])

export const proofs = [...withDPoP, ...withJose]
