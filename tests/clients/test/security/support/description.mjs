// @ts-check
// The server's own description of its interface, as a list of what can be asked and with which ids.
import assert from "node:assert/strict";

/**
 * @typedef {object} Operation
 * @property {string} name `GET /api/v1/rooms/{id}`
 * @property {string} method
 * @property {string} path with names in braces
 * @property {Place[]} places ids in the path
 * @property {string[]} queried ids among the query's parameters
 * @property {string[]} named ids among the body's fields
 * @property {string[]} inputs all fields of the body
 * @property {string[]} outputs all fields of the answer
 * @property {boolean} body whether it takes one
 */

/**
 * Something in a path that is to be filled in: its name, and what it is the id of.
 *
 * @typedef {object} Place
 * @property {string} name
 * @property {string} of
 */

/** What the name before a place in a path says that the place holds. */
const KINDS = new Map([
  ["tenants", "tenant"],
  ["keys", "key"],
  ["api_keys", "apiKey"],
  ["admins", "admin"],
  ["users", "user"],
  ["rooms", "room"],
  ["dm", "dm"],
  ["messages", "message"],
  ["members", "member"],
  ["bans", "member"],
  ["reactions", "emoji"],
  ["uploads", "upload"],
]);

/** Fields that are called ids and are the caller's own words. */
const WORDS = new Set(["client_id", "external_id"]);

/** @param {string} url */
export async function operations(url) {
  const response = await fetch(`${url}/api/v1/openapi.json`);
  assert.equal(response.status, 200);
  const document = /** @type {any} */ (await response.json());
  /** @type {Operation[]} */
  const found = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(/** @type {Record<string, any>} */ (methods))) {
      const schema = operation.requestBody?.content?.["application/json"]?.schema;
      const inputs = schema ? fields(document, schema) : new Map();
      const answers = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
      const shown = answers.map(([, answer]) => /** @type {any} */ (answer).content?.["application/json"]?.schema);
      const parameters = /** @type {any[]} */ (operation.parameters ?? []).filter(({ in: where }) => where === "query");
      found.push({
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        places: places(path),
        queried: parameters.filter(({ name, schema: kind }) => isId(name, kind)).map(({ name }) => name),
        named: [...inputs].filter(([name, kind]) => isId(name, kind)).map(([name]) => name),
        inputs: [...inputs.keys()],
        outputs: [...new Set(shown.flatMap((kind) => (kind ? deepFields(document, kind) : [])))],
        body: Boolean(schema),
      });
    }
  }
  assert.ok(found.length > 40, "the description is read");
  return found;
}

/**
 * @param {string} path
 * @returns {Place[]}
 */
function places(path) {
  const segments = path.split("/");
  return segments.flatMap((segment, index) => {
    if (!segment.startsWith("{")) return [];
    const before = segments[index - 1] ?? "";
    const name = segment.slice(1, -1);
    // One's own invitations go by their room, those of a room by their user.
    const of = before === "invitations" ? (name === "uid" ? "invited" : "invitation") : KINDS.get(before);
    assert.ok(of, `${path} has ids of an unknown kind`);
    return [{ name, of }];
  });
}

/**
 * @param {string} name
 * @param {any} schema
 */
function isId(name, schema) {
  if (WORDS.has(name)) return false;
  return /(^|_)id$/.test(name) || /Id"|"uuid"/.test(JSON.stringify(schema ?? {}));
}

/**
 * @param {any} document
 * @param {any} schema
 * @returns {any} the schema itself, wherever it is written
 */
function resolve(document, schema) {
  const name = schema?.$ref?.split("/").at(-1);
  return name ? document.components.schemas[name] : schema;
}

/**
 * The properties of an object.
 *
 * @param {any} document
 * @param {any} schema
 * @returns {Map<string, any>}
 */
function fields(document, schema) {
  const resolved = resolve(document, schema) ?? {};
  const own = Object.entries(resolved.properties ?? {});
  const parts = [...(resolved.allOf ?? []), ...(resolved.oneOf ?? [])];
  return new Map([...parts.flatMap((part) => [...fields(document, part)]), ...own]);
}

/**
 * The names of all properties, of the properties' properties too.
 *
 * @param {any} document
 * @param {any} schema
 * @param {number} [depth]
 * @returns {string[]}
 */
function deepFields(document, schema, depth = 0) {
  if (depth > 6) return [];
  const resolved = resolve(document, schema) ?? {};
  const inside = resolved.items ? deepFields(document, resolved.items, depth + 1) : [];
  return [
    ...inside,
    ...[...fields(document, resolved)].flatMap(([name, kind]) => [name, ...deepFields(document, kind, depth + 1)]),
  ];
}
