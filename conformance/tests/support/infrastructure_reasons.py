"""What libraries and this suite say of each fault of where a case is run, as a result keeps it: quoted, one line each."""

from __future__ import annotations

from conformance.system.infrastructure import Fault

REASONS: dict[Fault, tuple[str, ...]] = {
    Fault.PACKAGE: (
        "ModuleNotFoundError: No module named 'onnx'",
        "ImportError: cannot import name 'tf2onnx' from 'keras.src.export' (unknown location)",
        "ImportError: This requires the tf2onnx module. You can install it via `pip install tf2onnx`",
        "OnnxExporterError: Module onnx is not installed!",
        "torch.onnx.errors.OnnxExporterError: Module onnx is not installed!",
        "RuntimeError: Unable to automatically build the model. Exception encountered: 'No module named 'onnxscript''",
        "OSError: libgomp.so.1: cannot open shared object file: No such file or directory",
        "PackageNotFoundError: No package metadata was found for keras",
    ),
    Fault.DISK: (
        "OSError: [Errno 28] No space left on device: '/somewhere/model.keras'",
        "OSError: [Errno 122] Disk quota exceeded",
        "OSError: [Errno 30] Read-only file system: '/somewhere'",
        "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp']",
        "OSError: 4096 requested and 0 written",
        "OSError: Can't synchronously write data (file write failed: errno = 28, error message = 'No space left on device')",
        "InternalError: /somewhere/saved_model.pb; No space left on device",
    ),
    Fault.MEMORY: (
        "MemoryError:",
        "_ArrayMemoryError: Unable to allocate 8.00 EiB for an array with shape (1152921504606846976,) and data type float64",
        "OSError: [Errno 12] Cannot allocate memory",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "ResourceExhaustedError: OOM when allocating tensor with shape[1000000,1000000]",
        "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 4000000000000 bytes.",
        "RuntimeError: std::bad_alloc",
    ),
    Fault.PERMISSION: (
        "PermissionError: [Errno 13] Permission denied: '/somewhere/model.keras'",
        "PermissionError: [WinError 5] Access is denied: 'model.keras'",
        "RuntimeError: cannot write model.onnx: Permission denied",
        "OSError: [Errno 1] Operation not permitted",
    ),
    Fault.LIMIT: (
        "OSError: [Errno 24] Too many open files",
        "BlockingIOError: [Errno 11] Resource temporarily unavailable",
        "RuntimeError: can't start new thread",
    ),
    Fault.CONNECTION: (
        "BrokenPipeError: [Errno 32] Broken pipe",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "EOFError:",
        "URLError: <urlopen error [Errno -2] Name or service not known>",
    ),
    Fault.TIME: (
        "no answer within 60 s: the process was ended",
        "WorkerError: no answer within 60 s while it answered: the process was ended",
        "TimeoutError: [Errno 110] Connection timed out",
        "DeadlineExceededError: DEADLINE_EXCEEDED: deadline",
    ),
    Fault.PROCESS: (
        "the worker process died (exit code -9, SIGKILL) while it ran this case",
        "the worker process died (exit code -11, SIGSEGV) while it ran this case",
        "the worker process died (exit code 1) while it ran this case",
        "WorkerError: the process died (exit code -9) while it answered",
        "WorkerError: the process died (exit code -8; Fatal Python error: Floating point exception) while it answered",
        "BrokenProcessPool: A process in the process pool was terminated abruptly while the future was running or pending.",
    ),
    Fault.SUITE: (
        "could not be judged: ValueError: not enough values to unpack (expected 3, got 2)",
        "could not be run: PicklingError: Can't pickle <class 'x'>",
        "not run: 3 times in a row, the worker processes died or hung while they loaded the implementation",
        "WorkerError: the worker's arrays cannot be read: File is not a zip file",
        "AdapterStartError: keras==3.15.1 was not started",
    ),
}
