"""Other environments: interpreter + packages + backend, built when first asked for, and the worker that runs in one."""
