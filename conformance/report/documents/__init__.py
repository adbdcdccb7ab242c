"""The documents that commands write for machines: their schemas, their versions, and their reader.

`<format>.schema.json` (JSON Schema 2020-12) describes each format. The fields `format` and `format_version` of a document name its
format. The version changes when a field is added, is renamed, or gets another meaning. The schemas share `parts.schema.json`.
`lstm-conformance schema FORMAT` prints a schema that is complete.
"""

from conformance.report.documents.reading import DocumentError, check, read, unique_keys
from conformance.report.documents.schemas import FORMATS, as_document, schema, version, without_infinity

__all__ = ["FORMATS", "DocumentError", "as_document", "check", "read", "schema", "unique_keys", "version", "without_infinity"]
