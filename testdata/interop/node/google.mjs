// google-auth-library reads a key file, but not its token_uri: GOOGLE_TOKEN_URL is a constant there, as the place to ask
// and as aud. What it offers instead is a transporter of one's own, and its HTTP client has interceptors. The library
// itself stays as it is.

import { JWT, gaxios } from 'google-auth-library'
import { api, call, checkCall, file, library, read, refused, tokenEndpoint, write } from './common.mjs'

const name = library('google-auth-library')
const robot = 'robot@interop.example'
const hardCoded = 'https://oauth2.googleapis.com/token'

// transporter sends what is for Google's token endpoint to that of the key file.
function transporter(tokenURI, asked) {
  const instance = new gaxios.Gaxios()
  instance.interceptors.request.add({
    resolved: async (options) => {
      asked.push(options.url.toString())
      if (options.url.toString() === hardCoded) options.url = new URL(tokenURI)
      return options
    },
  })
  return instance
}

function credentials(scopes, change = {}) {
  const key = { ...JSON.parse(file('robot.json')), ...change }
  const asked = []
  const client = new JWT({ scopes, transporter: transporter(key.token_uri, asked) })
  client.fromJSON(key)
  return { client, asked }
}

async function requests(client, method) {
  const answer = await client.request({ url: `${api}/`, method })
  checkCall(answer.status, answer.data, robot)
}

export const google = [
  ['JWT, with a transporter that goes to token_uri', async () => requests(credentials([read]).client, 'GET')],
  ['JWT, two scopes, twice', async () => {
    for (let i = 0; i < 2; i++) await requests(credentials([read, write]).client, 'POST')
  }],
  ['JWT, aud is the token endpoint by additionalClaims', async () => {
    const { client } = credentials([read])
    client.additionalClaims = { aud: tokenEndpoint }
    await call((await client.authorize()).access_token, 'GET', robot)
  }],
  ['JWT still does not read token_uri', async () => {
    const { client, asked } = credentials([read])
    await client.authorize()
    if (asked.length !== 1 || asked[0] !== hardCoded) throw new Error(`it asks ${asked}; README.md and the other flows can be changed`)
  }],
  ['a key that is not registered is invalid_grant', () =>
    refused(() => credentials([read], { private_key: file('stranger-rs256.pem') }).client.authorize(), (error) =>
      error instanceof gaxios.GaxiosError && error.status === 400 && error.response.data.error === 'invalid_grant' &&
      error.message.startsWith('invalid_grant: '))],
].map(([flow, attempt]) => [name, flow, attempt])
