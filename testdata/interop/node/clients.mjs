// Other people's libraries for Node.js get tokens from Countersign and use them. One JSON object is printed for each flow.

import { inspect } from 'node:util'
import { openidClient } from './openid-client.mjs'
import { joseFlows } from './jose.mjs'
import { proofs } from './dpop.mjs'
import { bound } from './openid-client-dpop.mjs'
import { resource } from './resource.mjs'
import { mutualTLS } from './mutual-tls.mjs'
import { google } from './google.mjs'
import { mcp } from './mcp.mjs'
import { crossApp } from './mcp-cross-app.mjs'

for (const [library, flow, attempt] of [...openidClient, ...joseFlows, ...bound, ...proofs, ...resource, ...mutualTLS, ...google, ...mcp, ...crossApp]) {
  let error = ''
  try {
    await attempt()
  } catch (thrown) {
    error = inspect(thrown)
  }
  console.log(JSON.stringify({ library, flow, error }))
}
