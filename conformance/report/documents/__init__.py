"""The documents that the commands write for machines: what each has to hold, in which version of its format, and how one is read.

Each format is described by `<format>.schema.json` (JSON Schema 2020-12), and a document says in its fields `format` and
`format_version` which it is of. A field that is added, renamed, or means something else makes another version. The schemas share
`parts.schema.json`; `lstm-conformance schema FORMAT` prints one that stands alone.
"""

from conformance.report.documents.reading import DocumentError, check, read, unique_keys
from conformance.report.documents.schemas import FORMATS, as_document, schema, version, without_infinity

__all__ = ["FORMATS", "DocumentError", "as_document", "check", "read", "schema", "unique_keys", "version", "without_infinity"]
