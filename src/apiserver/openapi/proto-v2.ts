// OpenAPI v2 in protobuf: the messages of `openapi.v2.Document`, by the JSON keys that they are made from.
import { WireWriter } from '../../apimachinery/codec/wire-writer.js';
import { any, bool, double, encodeDocument, int, list, map, message, type Put, text, within } from './proto.js';

/** Types may hold themselves. */
const schema: Put = (writer, id, value) => schemaMessage(writer, id, value);

const schemaMessage = message(
  {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, any],
    multipleOf: [6, double],
    maximum: [7, double],
    exclusiveMaximum: [8, bool],
    minimum: [9, double],
    exclusiveMinimum: [10, bool],
    maxLength: [11, int],
    minLength: [12, int],
    pattern: [13, text],
    maxItems: [14, int],
    minItems: [15, int],
    uniqueItems: [16, bool],
    maxProperties: [17, int],
    minProperties: [18, int],
    required: [19, list(text)],
    enum: [20, list(any)],
    additionalProperties: [
      21,
      (writer, id, value) => (typeof value === 'boolean' ? within(2, bool) : within(1, schema))(writer, id, value),
    ],
    type: [22, (writer, id, value) => within(1, list(text))(writer, id, [value].flat())],
    items: [23, within(1, schema)],
    properties: [25, within(1, map(schema))],
    example: [30, any],
  },
  31,
);

const body = message({ description: [1, text], name: [2, text], in: [3, text], required: [4, bool], schema: [5, schema] }, 6);
const inPath = message({
  required: [1, bool],
  in: [2, text],
  description: [3, text],
  name: [4, text],
  type: [5, text],
  uniqueItems: [18, bool],
});
const inQuery = message({
  required: [1, bool],
  in: [2, text],
  description: [3, text],
  name: [4, text],
  type: [6, text],
  uniqueItems: [20, bool],
});
/** By where a parameter stands. */
const PARAMETERS: { readonly [place: string]: Put } = {
  body: within(1, body),
  query: within(2, within(3, inQuery)),
  path: within(2, within(4, inPath)),
};
const parameter: Put = within(1, (writer, id, value) => PARAMETERS[(value as { in: string }).in]!(writer, id, value));

const response = message({ description: [1, text], schema: [2, within(1, schema)] }, 5);
const operation = message(
  {
    tags: [1, list(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    produces: [6, list(text)],
    consumes: [7, list(text)],
    parameters: [8, list(parameter)],
    responses: [9, within(1, map(within(1, response)))],
    schemes: [10, list(text)],
    deprecated: [11, bool],
  },
  13,
);
const pathItem = message(
  {
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    options: [6, operation],
    head: [7, operation],
    patch: [8, operation],
    parameters: [9, list(parameter)],
  },
  10,
);

const document = message({
  swagger: [1, text],
  info: [2, message({ title: [1, text], version: [2, text] })],
  paths: [8, within(2, map(pathItem))],
  definitions: [9, within(1, map(schema))],
});

export const encodeV2 = (value: object): Buffer => encodeDocument(document, new WireWriter(), value);
