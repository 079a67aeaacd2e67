// docs/openapi.yaml as a judge of answers: each that was made on a path is held against its schema, and it is known what was held.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** The file, parsed. */
export const read = () => parse(readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8'));

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];
const piece = (text) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Every object in a value, with the words that lead there. */
function* objects(value, way = []) {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) yield [value, way];
  for (const [name, inner] of Object.entries(value)) yield* objects(inner, [...way, Array.isArray(value) ? '' : name]);
}

export class Contract {
  /** What has been held: the place in the file, and the answer. */
  held = [];

  constructor(doc = read()) {
    this.doc = doc;
    // A word that JSON Schema has not is a mistake; these are OpenAPI's own, at the top.
    const options = { strictSchema: true, strictTypes: false, strictRequired: false, strictTuples: false, allErrors: true };
    this.ajv = new Ajv(options);
    this.ajv.addVocabulary(Object.keys(doc));
    this.ajv.addSchema(doc, 'api');
    this.compiled = new Map();
  }

  /** The schema at this place. */
  at(words) {
    const ref = `api#/${words.map(piece).join('/')}`;
    if (!this.compiled.has(ref)) this.compiled.set(ref, this.ajv.compile({ $ref: ref }));
    return this.compiled.get(ref);
  }

  /** Follows a reference, where there is one. */
  place(words) {
    const found = words.reduce((node, word) => node?.[word], this.doc);
    return found?.$ref ? this.place(found.$ref.slice(2).split('/')) : words;
  }

  node(words) {
    return words.reduce((node, word) => node?.[word], this.doc);
  }

  /** Where an answer of this kind is described; of several statuses, its own, or else the default. */
  words(path, method, status, type) {
    const responses = ['paths', path, method, 'responses'];
    const own = this.node([...responses, String(status)]) ? String(status) : 'default';
    assert.ok(own !== 'default' || status >= 400, `${method} ${path}: ${status} is not described`);
    const response = this.place([...responses, own]);
    assert.ok(this.node(response), `${method} ${path}: ${status} is not described`);
    const content = this.node([...response, 'content']);
    if (!content) return null;
    assert.ok(content[type], `${method} ${path}: ${status} as ${type} is not described`);
    return [...response, 'content', type, 'schema'];
  }

  /** Whether a value is as the schema at this place says; says what is wrong. */
  complaint(words, value) {
    const fits = this.at(words);
    return fits(value) ? null : this.ajv.errorsText(fits.errors.filter(({ keyword }) => keyword !== 'if'));
  }

  hold(words, value, what) {
    const complaint = this.complaint(words, value);
    assert.equal(complaint, null, `${what}: ${complaint}\n${JSON.stringify(value)}`);
    this.held.push({ words, value, what });
  }

  /** Holds an answer against the file. */
  answer(path, method, status, type, body) {
    const words = this.words(path, method, status, type);
    const what = `${method} ${path} ${status}`;
    if (!words) return assert.equal(body, '', `${what}: no body is described`);
    return this.hold(words, type.endsWith('json') && type !== 'application/x-ndjson' ? JSON.parse(body) : body, what);
  }

  /** Holds an object against a schema of the components. */
  object(name, value, kind = value.type) {
    this.hold(['components', 'schemas', name], value, `${name} ${kind}`);
  }

  /** Kinds of answers that are described, as `method path status type`. */
  described() {
    const all = [];
    for (const [path, item] of Object.entries(this.doc.paths)) {
      for (const method of METHODS.filter((method) => item[method])) {
        for (const status of Object.keys(item[method].responses)) {
          const response = this.node(this.place(['paths', path, method, 'responses', status]));
          for (const type of Object.keys(response.content ?? { none: 0 })) all.push(`${method} ${path} ${status} ${type}`);
        }
      }
    }
    return all;
  }

  /** Members of what was held that might be left out, or that might be something else than described, without a complaint. */
  loose() {
    const spare = new Set();
    for (const { words, value, what } of this.held) {
      if (typeof value !== 'object') continue;
      const tell = (way) => spare.add(`${what.replace(/ \d\d\d$/, '')}: ${way.join('.')}`);
      const whole = structuredClone(value);
      for (const [object, way] of objects(whole)) {
        object['not described'] = 'x';
        if (!this.complaint(words, whole)) tell([...way, '*']);
        delete object['not described'];
        for (const name of Object.keys(object)) {
          const was = object[name];
          delete object[name];
          if (!this.complaint(words, whole)) tell([...way, name]);
          object[name] = was;
        }
      }
    }
    return spare;
  }
}
