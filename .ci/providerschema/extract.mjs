// Makes schema.json: the schemas of the resources and data sources that terraform/ uses, as HashiCorp published them in
// the packages of its CDK. They hold the last 6.x of the Google provider, from which the module allows it.
//
//   cd "$(mktemp -d)" && npm pack @cdktf/provider-google@16.12.1 @cdktf/provider-archive@11.0.1
//   for p in google archive; do mkdir $p && tar xzf cdktf-provider-$p-*.tgz -C $p --strip-components 1; done
//   node REPOSITORY/.ci/providerschema/extract.mjs . > REPOSITORY/.ci/providerschema/schema.json
//
// The packages have their TypeScript in source maps, and that says of each attribute whether it is computed, optional or
// required.
import fs from 'node:fs'
import path from 'node:path'

const packages = process.argv[2]
const module = path.join(import.meta.dirname, '../../terraform')

function used() {
  const text = fs.readdirSync(module, { recursive: true }).filter(f => f.endsWith('.tf'))
    .map(f => fs.readFileSync(path.join(module, f), 'utf8')).join('\n')
  const names = kind => [...new Set([...text.matchAll(new RegExp(`^${kind} "(\\w+)"`, 'gm'))].map(m => m[1]))].sort()
  return { resource: names('resource'), data: names('data') }
}

// classes returns the classes of one folder of a package by their names.
function classes(provider, folder) {
  const found = {}
  const directory = path.join(packages, provider, 'lib', folder)
  for (const file of fs.readdirSync(directory).filter(f => f.endsWith('.js'))) {
    const map = fs.readFileSync(path.join(directory, file), 'utf8').match(/sourceMappingURL=data:application\/json;base64,(\S+)/)
    const source = map ? JSON.parse(Buffer.from(map[1], 'base64')).sourcesContent.join('\n') : ''
    for (const text of source.split(/^export class /m).slice(1)) {
      found[text.match(/^\w+/)[0]] = { base: text.match(/extends cdktf\.(\w+)/)?.[1], text }
    }
  }
  return found
}

const scalars = { String: 'string', Number: 'number', Boolean: 'bool' }

// typeOf reads the type of an attribute from its getter; null: it is made of others.
function typeOf(text) {
  let m
  if ((m = text.match(/new cdktf\.(String|Number|Boolean)Map\(/))) return ['map', scalars[m[1]]]
  if ((m = text.match(/get(String|Number|Boolean)MapAttribute/))) return ['map', scalars[m[1]]]
  if ((m = text.match(/get(Number)?ListAttribute/))) return [/tolist/.test(text) ? 'set' : 'list', scalars[m[1] ?? 'String']]
  if ((m = text.match(/get(String|Number|Boolean)Attribute/))) return scalars[m[1]]
  if (/interpolationForAttribute/.test(text)) return 'dynamic'
  return null
}

function members(all, name) {
  const each = /\/\/ (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n([\s\S]*?)(?=\n  \/\/ \w+ - computed:|\n  \/\/ =====|$)/g
  return [...all[name].text.matchAll(each)].map(([, attribute, computed, optional, required, text]) => {
    const flags = Object.fromEntries(Object.entries({ computed, optional, required }).filter(([, v]) => v === 'true').map(([k]) => [k, true]))
    const nested = text.match(/new (\w+)\(this, "\w+"(?:, (true|false))?\)/)
    if (!nested) return { attribute, flags, type: typeOf(text) }
    const many = nested[1].endsWith('List') && all[nested[1]]?.base === 'ComplexList'
    return { attribute, flags, many, mode: nested[2] === 'true' ? 'set' : 'list', of: many ? nested[1].replace(/List$/, 'OutputReference') : nested[1] }
  })
}

const object = (all, name) =>
  ['object', Object.fromEntries(members(all, name).map(m => [m.attribute, m.of ? [m.mode, object(all, m.of)] : m.type]))]

function block(all, name) {
  const made = { attributes: {}, block_types: {} }
  for (const m of members(all, name)) {
    if (!m.of) made.attributes[m.attribute] = { type: m.type, ...m.flags }
    else if (!m.flags.optional && !m.flags.required) made.attributes[m.attribute] = { type: [m.mode, object(all, m.of)], computed: true }
    else if (m.attribute === 'timeouts') made.block_types.timeouts = { nesting_mode: 'single', block: block(all, m.of) }
    else made.block_types[m.attribute] = { nesting_mode: m.mode, block: block(all, m.of), ...(m.many ? {} : { max_items: 1 }), ...(m.flags.required ? { min_items: 1 } : {}) }
  }
  return made
}

function schema(provider, folder) {
  const all = classes(provider, folder)
  const root = Object.keys(all).find(name => /^Terraform(Resource|DataSource)$/.test(all[name].base))
  return { version: 0, block: block(all, root) }
}

// Of the provider's own arguments those of a usual provider block are enough.
const provider = { version: 0, block: { attributes: Object.fromEntries(['project', 'region', 'zone'].map(a => [a, { type: 'string', optional: true }])) } }
const { resource, data } = used()
const lines = list => list.map(([name, of]) => `  ${JSON.stringify(name)}:${JSON.stringify(of)}`).join(',\n')
const written = ['archive', 'google'].map(name => {
  const mine = list => list.filter(n => n.startsWith(name + '_'))
  const resources = mine(resource).map(n => [n, schema(name, n.slice(name.length + 1).replaceAll('_', '-'))])
  const sources = mine(data).map(n => [n, schema(name, `data-${n.replaceAll('_', '-')}`)])
  return `"registry.terraform.io/hashicorp/${name}":{"provider":${JSON.stringify(name === 'google' ? provider : { version: 0, block: {} })},
 "resource_schemas":{
${lines(resources)}
 },
 "data_source_schemas":{
${lines(sources)}
 }}`
})
process.stdout.write(`{"format_version":"1.0","provider_schemas":{\n${written.join(',\n')}\n}}\n`)
