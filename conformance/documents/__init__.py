"""The documents that the commands write for machines: what each has to hold, in which version of its format, and how one is read.

| format | written by |
|---|---|
| verify | `verify --json FILE` |
| upgrade | `upgrade FROM TO --json FILE` |
| history | `history --json FILE` |
| model | `model FILE --json FILE` |
| claims | `claims --json FILE` |
| observations | `verify --keep FOLDER`, as environment.json |
| baseline | `upgrade FROM TO --baseline FILE --write-baseline`, as TOML |

Each is described by `<format>.schema.json` (JSON Schema 2020-12) and says in its fields `format` and `format_version` which it is.
A field that is added, renamed, or means something else makes another version.
"""

from conformance.documents.reading import DocumentError, check, read
from conformance.documents.schemas import FORMATS, schema, stamped, version, without_infinity

__all__ = ["FORMATS", "DocumentError", "check", "read", "schema", "stamped", "version", "without_infinity"]
