// OpenAPI v3 in protobuf: the messages of `openapi.v3.Document`, by the JSON keys that they are made from.
import { WireWriter } from '../../apimachinery/codec/wire-writer.js';
import { any, bool, double, encodeDocument, int, list, map, message, type Put, text, within } from './proto.js';

const referenceMessage = message({ $ref: [1, text] });
const orReference =
  (put: Put): Put =>
  (writer, id, value) =>
    ('$ref' in (value as object) ? within(2, referenceMessage) : within(1, put))(writer, id, value);

/** Types may hold themselves. */
const schema: Put = (writer, id, value) => schemaMessage(writer, id, value);
const schemaOrReference = orReference(schema);

/** The messages have a place for texts, numbers and booleans only. */
const fallback: Put = (writer, id, value) => {
  if (typeof value === 'number') within(1, double)(writer, id, value);
  else if (typeof value === 'boolean') within(2, bool)(writer, id, value);
  else if (typeof value === 'string') within(3, text)(writer, id, value);
};

const schemaMessage = message(
  {
    nullable: [1, bool],
    readOnly: [3, bool],
    example: [7, any],
    title: [9, text],
    multipleOf: [10, double],
    maximum: [11, double],
    exclusiveMaximum: [12, bool],
    minimum: [13, double],
    exclusiveMinimum: [14, bool],
    maxLength: [15, int],
    minLength: [16, int],
    pattern: [17, text],
    maxItems: [18, int],
    minItems: [19, int],
    uniqueItems: [20, bool],
    maxProperties: [21, int],
    minProperties: [22, int],
    required: [23, list(text)],
    enum: [24, list(any)],
    type: [25, text],
    allOf: [26, list(schemaOrReference)],
    oneOf: [27, list(schemaOrReference)],
    anyOf: [28, list(schemaOrReference)],
    not: [29, schema],
    items: [30, within(1, schemaOrReference)],
    properties: [31, within(1, map(schemaOrReference))],
    additionalProperties: [
      32,
      (writer, id, value) => (typeof value === 'boolean' ? within(2, bool) : within(1, schemaOrReference))(writer, id, value),
    ],
    default: [33, fallback],
    description: [34, text],
    format: [35, text],
  },
  36,
);

const mediaTypes = within(1, map(message({ schema: [1, schemaOrReference] })));
const parameter = orReference(
  message({ name: [1, text], in: [2, text], description: [3, text], required: [4, bool], schema: [10, schemaOrReference] }),
);
const response = orReference(message({ description: [1, text], content: [3, mediaTypes] }));
const operation = message(
  {
    tags: [1, list(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    parameters: [6, list(parameter)],
    requestBody: [7, orReference(message({ description: [1, text], content: [2, mediaTypes], required: [3, bool] }))],
    responses: [8, within(2, map(response))],
    deprecated: [10, bool],
  },
  13,
);
const pathItem = message(
  {
    summary: [2, text],
    description: [3, text],
    get: [4, operation],
    put: [5, operation],
    post: [6, operation],
    delete: [7, operation],
    options: [8, operation],
    head: [9, operation],
    patch: [10, operation],
    parameters: [13, list(parameter)],
  },
  14,
);

const document = message({
  openapi: [1, text],
  info: [2, message({ title: [1, text], version: [6, text] })],
  paths: [4, within(1, map(pathItem))],
  components: [5, message({ schemas: [1, within(1, map(schemaOrReference))] })],
});

export const encodeV3 = (value: object): Buffer => encodeDocument(document, new WireWriter(), value);
